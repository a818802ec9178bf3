"""The search field of the answers: words or a pasted error message in, links to the best questions out."""

import re

import ipywidgets as widgets

from sockets_lab.course.answers import find

MARKS = re.compile(r"[\[\]*_`\\]")  # what Markdown would not show as it stands
NONE = "No answer has these words. Try others, or the error's name or number."


class Search(widgets.VBox):
    """The field and the links below it. It holds nothing."""

    def __init__(self, text: str) -> None:
        self.text = widgets.Text(text, placeholder="words, or an error message", description="Find",
                                 continuous_update=True, layout={"width": "620px"})  # fmt: skip
        self.found = widgets.Output()  # JupyterLab follows a link to a heading only where it has set the text itself
        self.text.observe(lambda _: self.look(), "value")
        super().__init__([self.text, self.found])
        self.look()

    def look(self) -> None:
        """Show the links of what fits the text best."""
        found = find(self.text.value, 5)
        links = "".join("- [{}]({})\n".format(MARKS.sub(r"\\\g<0>", one.question), one.link) for one in found)
        data = {"text/markdown": links or (NONE if self.text.value.strip() else ""), "text/plain": repr(self)}
        self.found.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    def __repr__(self) -> str:
        return "\n".join(one.question for one in find(self.text.value)) or NONE


def answers(text: str = "") -> Search:
    """Open the search field of answers.ipynb; in a console, its text is the best three questions."""
    return Search(text)
