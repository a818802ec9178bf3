"""The doctor's panel: type a port, or paste an error message, and read what is with that port of this machine."""

import ipywidgets as widgets

from sockets_lab.figures.doctor import table
from sockets_lab.kernel.doctor import examine, sentence
from sockets_lab.panels.fields import row
from sockets_lab.panels.panel import Panel


class Doctor(Panel):
    """One port of this machine, as it is. It holds nothing."""

    purpose = "type a port, address:port, or an error message, and read who has that port"

    def __init__(self, text: str = "") -> None:
        self.text = widgets.Text(text, placeholder="8000, [::1]:8000, 53/udp, or an error message",
                                 description="Port", layout={"width": "420px"})  # fmt: skip
        super().__init__(row([self.text, self.button("Examine", self.examine, "Look at this port of this machine.")]))
        if text:
            self.guarded(self.examine)()

    def examine(self) -> None:
        """Ask the doctor, and show the report. Raises: BadInput."""
        report = examine(self.text.value)
        self.draw(table(report))
        self.say(sentence(report))


def doctor(text: str | int = "") -> Doctor:
    """Open the doctor of a port. Args: text: what to look at first, as `examine` takes it; "" = ask."""
    return Doctor(str(text))
