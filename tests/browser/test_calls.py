"""`%%calls` in a browser: the picture below the cell."""

import json
from urllib.request import Request, urlopen

import pytest

BEGIN = 'from sockets_lab import panels\nimport socket, threading\nlesson = panels.lesson("01_descriptors")'
CELLS = (
    "%%calls\n"
    'with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:\n'
    "    client.connect(listener.getsockname())\n"
    "    server, _ = listener.accept()\n"
    '    server.sendall(b"welcome")\n'
    "    print(client.recv(100))\n"
    "    server.close()\n"
    "    try:\n"
    '        client.bind(("127.0.0.1", 0))\n'
    "    except OSError as error:\n"
    "        print(error.errno > 0)",
    "%%calls\n"
    'with socket.create_server(("127.0.0.1", 0)) as listener:\n'
    "    def serve():\n"
    "        with listener.accept()[0] as server:\n"
    "            server.recv(10)\n"
    "    thread = threading.Thread(target=serve)\n"
    "    thread.start()\n"
    "    with socket.create_connection(listener.getsockname()) as client:\n"
    '        client.send(b"hello")\n'
    "    thread.join()",
)


@pytest.fixture
def notebook(lab):
    """Put a notebook of our own beside the lessons; return its name."""
    blank = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**blank, "id": f"c{n}", "source": text} for n, text in enumerate((BEGIN, *CELLS))]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}
    body = json.dumps({"type": "notebook", "content": content}).encode()
    headers = {"Authorization": f"token {lab.token}", "Content-Type": "application/json"}
    with urlopen(Request(f"{lab.url}api/contents/calls.ipynb", body, headers, method="PUT"), timeout=30) as answer:
        assert answer.status in (200, 201)
    return "calls"


def test_the_conversation_stands_below_the_cell(lab, notebook):
    with lab.lesson(notebook, dark=True) as page:
        pictures = page.locator(".jp-OutputArea-output svg[role=img]")
        pictures.nth(1).wait_for()
        said = [pictures.nth(n).get_attribute("aria-label") for n in (0, 1)]
        assert "listen(" in said[0]
        assert "-> EINVAL" in said[0]
        assert "(thread serve)" in said[1]
        assert pictures.first.locator("text", has_text="descriptor").first.is_visible()
        for text in pictures.first.locator("text").all():
            box, frame = text.bounding_box(), pictures.first.bounding_box()
            assert box["x"] >= frame["x"] - 1
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
        lab.whole(page, "calls_dark")
