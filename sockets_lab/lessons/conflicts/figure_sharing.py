"""Pictures of lesson 04: who gets what at a shared port, and one socket in two programs."""

from typing import Any

from sockets_lab.errors import describe
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import ROLES
from sockets_lab.figures.plot import plot
from sockets_lab.lessons.conflicts import Inherited, Shared

STEP = 30  # pixels from one client to the next


@plot("Which socket got what, in the order it came.", height=240)
def who_got_what(axes: Any, *results: Shared) -> str:
    """Draw, for each result, one line of dots a socket: a dot is a connection or a datagram that came to it."""
    labels: list[str] = []
    said = []
    for result in results:
        what = "connections" if result.protocol == "tcp" else "datagrams"
        name = f"{result.protocol.upper()}, {result.option}"
        for number, count in enumerate(result.counts, 1):
            came = [place for place, got in enumerate(result.went_to, 1) if got == number]
            role = "connection" if result.protocol == "tcp" else "packet"
            axes.scatter(came, [len(labels)] * len(came), s=16, color=ROLES[role])
            labels.append(f"{name}: socket {number}, {count} in all")
        said.append(f"{name}: {' and '.join(map(str, result.counts))} {what} for the sockets as they were bound.")
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel("connections and datagrams in the order they came")
    axes.spines[["top", "right"]].set_visible(False)
    return " ".join(said)


def one_socket_two_programs(result: Inherited) -> Drawing:
    """Draw one listener that two programs hold, and who accepted which client."""
    height = 124 + len(result.accepted) * STEP
    drawing = Drawing("One listening socket in two programs.", "", 760, height)
    state = next((row.state for row in result.rows), "")
    drawing.box(275, 20, 210, 56, "listener", "one socket", f"127.0.0.1:{result.port} {state}".strip())
    for x, name, pid in ((10, "first", result.first_pid), (570, "second", result.second_pid)):
        drawing.box(x, 20, 180, 56, "quiet", f"{name} program", f"process {pid}")
    drawing.line(190, 48, 273, 48, "descriptor", arrow=True)
    drawing.line(570, 48, 487, 48, "descriptor", arrow=True)
    drawing.text(380, 104, "clients in the order they came, and who accepted each", "muted", anchor="middle")
    said = []
    for number, (who, client) in enumerate(result.accepted):
        y = 134 + number * STEP
        answer = describe(client)
        x = 100 if who == "first" else 660
        drawing.text(380, y, answer, anchor="middle", mono=True)
        drawing.line(*((285, y, 190, y) if who == "first" else (475, y, 570, y)), "connection", arrow=True)
        drawing.text(x, y, who, anchor="middle")
        said.append(f"{answer} by the {who}")
    drawing.alt = (f"Processes {result.first_pid} and {result.second_pid} hold one listener at port {result.port}. "
                   f"Accepted: {', '.join(said)}.")  # fmt: skip
    return drawing
