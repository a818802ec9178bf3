"""Slides and handouts that need no network, and whose pictures carry their text. How they are used: teaching.md.

nbconvert otherwise loads reveal.js, require.js, jQuery, fonts, icons, MathJax and mermaid from the web. The first three
stand beside the slides, put there once by npm. The lessons have no formulas and no mermaid diagrams: where templates
call these, they find something that does nothing.
"""

from html import escape

from nbconvert.preprocessors import Preprocessor

NO_MATHJAX = "data:text/javascript,MathJax={Hub:{Config(){},Queue(){},getAllJax(){}}}"
NO_MERMAID = "data:text/javascript,export default {initialize(){}}"


class Offline(Preprocessor):
    """Write pictures with their text equivalent, which nbconvert's templates leave out, and keep mermaid away."""

    def preprocess(self, nb, resources):
        resources["mermaid_js_url"] = resources["mermaid_layout_elk_js_url"] = NO_MERMAID  # no option sets them
        wrapped = ".highlight pre { white-space: pre-wrap; }"  # neither wall nor paper can be scrolled sideways
        resources.setdefault("inlining", {}).setdefault("css", []).append(wrapped)
        return super().preprocess(nb, resources)

    def preprocess_cell(self, cell, resources, index):
        for output in cell.get("outputs", ()):
            picture = output.get("data", {}).get("image/png")
            about = output.get("metadata", {}).get("image/png", {})
            if picture and "alt" in about:
                width = f' width="{about["width"]}"' if "width" in about else ""
                source = f"data:image/png;base64,{picture.strip()}"
                output["data"]["text/html"] = f'<img src="{source}" alt="{escape(about["alt"])}"{width}>'
        return cell, resources


c = get_config()  # noqa: F821  nbconvert gives it to the file
c.FilesWriter.build_directory = "build/slides"
c.SlidesExporter.reveal_url_prefix = "node_modules/reveal.js"
c.SlidesExporter.reveal_theme = "white"  # its fonts come with it
c.SlidesExporter.reveal_scroll = True  # what is higher than the wall can still be read
c.SlidesExporter.require_js_url = "node_modules/requirejs/require.js"
c.SlidesExporter.jquery_url = "node_modules/jquery/dist/jquery.min.js"
c.SlidesExporter.font_awesome_url = ""
c.HTMLExporter.require_js_url = c.HTMLExporter.jquery_url = ""
for exporter in (c.HTMLExporter, c.SlidesExporter):
    exporter.preprocessors = [Offline]
    exporter.mathjax_url = NO_MATHJAX
    exporter.exclude_input_prompt = True
    exporter.exclude_output_prompt = True
