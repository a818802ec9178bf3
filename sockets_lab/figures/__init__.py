"""Pictures of results. Three kinds, one interface: `Drawing` (diagrams), `Plot` (matplotlib), `Table`.

Each has `title` (a sentence that is the same on every run), `alt` (what the picture shows, in words and numbers),
`html()` for a live page and `png()` for a saved one. Nothing here opens a socket or knows a widget.
"""
