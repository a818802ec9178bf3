"""The panel of lesson 04: two real programs, all options, the outcome, and the matrix measured on this machine."""

from dataclasses import replace

import ipywidgets as widgets

from sockets_lab.lessons.conflicts import BindRequest, Outcome, SecondProgram, matrix, reason, stage, vary_options
from sockets_lab.lessons.conflicts.figure import meeting, whole_matrix
from sockets_lab.panels.panel import Panel

ADDRESSES = {
    "127.0.0.1": ("127.0.0.1", False), "127.0.0.2": ("127.0.0.2", False), "0.0.0.0, all of IPv4": ("0.0.0.0", False),
    "::1": ("::1", False), "::, all of both": ("::", False), "::, all of IPv6 only": ("::", True),
}  # fmt: skip
LISTENS = {"does not listen": "no", "listens at once": "before", "listens at the end": "after"}


class ClaimBox(widgets.HBox):
    """The controls of one program's claim."""

    def __init__(self, name: str) -> None:
        self.protocol = widgets.Dropdown(
            options=["tcp", "udp"], description=name, layout={"width": "150px"}, style={"description_width": "initial"}
        )
        self.address = widgets.Dropdown(options=list(ADDRESSES), layout={"width": "175px"})
        self.reuse_address = _box("SO_REUSEADDR")
        self.reuse_port = _box("SO_REUSEPORT")
        self.listens = widgets.Dropdown(
            options=list(LISTENS), value="listens at once", layout={"width": "160px"}, tooltip="When it listens"
        )
        self.parts = [self.protocol, self.address, self.reuse_address, self.reuse_port, self.listens]
        super().__init__(self.parts, layout={"flex_flow": "row wrap"})

    def settle(self) -> None:
        """Offer to listen only where the chosen protocol has listeners."""
        listens = self.protocol.value == "tcp"
        if listens == self.listens.disabled:  # the protocol has just been changed
            self.listens.disabled = not listens
            self.listens.value = "listens at once" if listens else "does not listen"

    @property
    def chosen(self) -> tuple:
        return tuple(part.value for part in self.parts)

    @chosen.setter
    def chosen(self, values: tuple) -> None:
        for part, value in zip(self.parts, values, strict=True):
            part.value = value
        self.listens.disabled = self.protocol.value == "udp"

    def claim(self) -> BindRequest:
        address, ipv6_only = ADDRESSES[self.address.value]
        return BindRequest(
            self.protocol.value, address, self.reuse_address.value, self.reuse_port.value,
            LISTENS[self.listens.value], ipv6_only,
        )  # fmt: skip


def _box(name: str) -> widgets.Checkbox:
    return widgets.Checkbox(description=name, indent=False, layout={"width": "145px"})


class ConflictPanel(Panel):
    """Two programs that ask the kernel for one port: this one, and a second process that the panel starts."""

    purpose = "let two real programs ask for one port, with every option, and measure the whole matrix"

    def __init__(self) -> None:
        self.program: SecondProgram | None = None
        self.varied: dict[tuple, dict] = {}  # what each pair's other choices came to, measured when it was first chosen
        self.swapping = False
        self.boxes = (ClaimBox("Program 1"), ClaimBox("Program 2"))
        acts = [
            self.button("Let them meet", self.meet, "Once more, on another port"),
            self.button("Swap the programs", self.swap, "The second comes first"),
            self.button("Measure the whole matrix", self.measure, "Every pair with every option: hundreds of trials"),
        ]
        super().__init__(*self.boxes, widgets.HBox(acts))
        for part in (*self.boxes[0].parts, *self.boxes[1].parts):
            self.follow(part, self.changed)

    def begin(self) -> None:
        """Let two servers meet that want one port."""
        self.meet()

    def changed(self) -> None:
        if self.swapping:
            return
        self.swapping = True
        for box in self.boxes:
            box.settle()
        self.swapping = False
        self.meet()

    def meet(self) -> None:
        """Stage what the controls say, in two processes, and show what every other choice of options came to."""
        first, second = (box.claim() for box in self.boxes)
        self.program = self.program or SecondProgram()
        try:
            outcome = stage(first, second, owners=True, program=self.program)
        except ChildProcessError:
            self.release()
            self.say("The second program has ended. Use any control, and another one starts.", trouble=True)
            return
        self.draw(meeting(outcome, self.vary(first, second)))
        ending = f"`{outcome.ending}` is refused" if outcome.refused else "Every call worked"
        self.say(f"{ending}. {reason(outcome)}")

    def vary(self, first: BindRequest, second: BindRequest) -> dict[tuple[str, str], Outcome]:
        """Return the outcome of every other choice of options; it is measured once for each pair."""
        pair = tuple(replace(claim, reuse_address=False, reuse_port=False) for claim in (first, second))
        if pair not in self.varied:
            self.varied[pair] = vary_options(first, second)
        return self.varied[pair]

    def swap(self) -> None:
        self.swapping = True
        try:
            self.boxes[0].chosen, self.boxes[1].chosen = self.boxes[1].chosen, self.boxes[0].chosen
        finally:
            self.swapping = False
        self.meet()

    def measure(self) -> None:
        cells = matrix()
        self.draw(whole_matrix(cells))
        worked = sum(cell.outcome.refused is None for cell in cells)
        self.say(f"{len(cells)} real trials; in {worked} every call worked. Use any control to go back to a pair.")

    def release(self) -> bool:
        held = self.program is not None
        if self.program:
            self.program.end()
        self.program = None
        return held


make = ConflictPanel.make
