"""The panel of lesson 13: a live door, two who knock at it, one who sends again what the other has sent."""

import threading
from functools import partial

import ipywidgets as widgets

from sockets_lab.errors import BadInput, Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.lab import NodeError
from sockets_lab.lessons.knocking import Event, Knock, KnockModel, Lock, View
from sockets_lab.lessons.knocking import figure as figures
from sockets_lab.lessons.knocking.door import SEQUENCE
from sockets_lab.lessons.knocking.locks import OPENED, TCP, UDP, sequence_of
from sockets_lab.panels.fields import choice, field, row, toggles
from sockets_lab.panels.panel import Panel

BY_KNOCKS, BY_REQUEST = "a sequence of knocks", "one signed request"
LOOK = 0.25  # seconds from one look at the door to the next: it shuts by itself, and progress is forgotten
GONE = 5.0  # seconds for the one who looks to end


class KnockingPanel(Panel):
    """A door between real nodes."""

    purpose = "knock at a door from two nodes, see its gate follow, replay what was overheard, and try the cure"

    def __init__(self) -> None:
        self.held: KnockModel | None = None
        self.view: View | None = None
        self._over = threading.Event()
        self._looks: threading.Thread | None = None
        self.node = choice("From", 100, ["A", "C"])
        self.port = field(widgets.IntText, "Port", 130, 1234)
        self.protocol = choice("Protocol", 140, [TCP, UDP])
        self.opens = toggles([BY_KNOCKS, BY_REQUEST])
        self.places = [
            self.button(str(knock), partial(self.knock_right, place), "Knock there, from this node")
            for place, knock in enumerate(sequence_of(SEQUENCE))
        ]
        self.ask = self.button("Send a request", self.request, "Signed with the key, from this node")
        elsewhere = self.button("Knock", self.knock, "At this port, from this node")
        self.knocking = (*self.places, self.port, self.protocol, elsewhere)
        rows = [
            [
                widgets.HTML("The door opens to"), self.opens,
                self.button("A fresh door", self.fresh, "One that has heard nothing"),
            ],
            [self.node, *self.knocking, self.ask],
            [
                self.button("Try the door", self.visit, "Connect to it from this node"),
                self.button("C replays it", lambda: self.replay(True), "What A sent, from C's own address"),
                self.button("C replays it as A", lambda: self.replay(False), "What A sent, byte for byte"),
            ],
        ]  # fmt: skip
        super().__init__(*map(row, rows))
        self.follow(self.opens, self.fresh)
        self.offer()
        self.refresh()

    def begin(self) -> None:
        """Put up the door, and begin to look at it."""
        differs = self.bench.lab.differs
        self.refresh()
        self.say(differs)

    @property
    def bench(self) -> KnockModel:
        """The door; where there is none, a new one."""
        if self.held is None:
            self.held = KnockModel(self.opens.value == BY_REQUEST)
            self._over = threading.Event()
            self._looks = threading.Thread(target=self._look, args=(self._over,), name="door panel", daemon=True)
            self._looks.start()
        return self.held

    def fresh(self) -> None:
        self.bench.put_up(self.opens.value == BY_REQUEST)
        self.offer()
        self.refresh()
        self.say("A fresh door, with a fresh key." if self.bench.signed else "A fresh door. Nobody has knocked yet.")

    def offer(self) -> None:
        """Offer what this kind of door listens to."""
        signed = self.opens.value == BY_REQUEST
        for control in self.knocking:
            control.disabled = signed
        self.ask.disabled = not signed

    def knock_right(self, place: int) -> None:
        lock = self.bench.daemon.lock
        self.knock_at(lock.sequence[place] if isinstance(lock, Lock) else sequence_of(SEQUENCE)[place])

    def knock(self) -> None:
        self.knock_at(Knock(self.port.value, self.protocol.value))

    def knock_at(self, knock: Knock) -> None:
        before, name = len(self.bench.daemon.events), self.node.value
        sent = self.bench.knock(name, knock)
        new = self.bench.daemon.events[before:]
        self.refresh()
        heard = "; ".join(self.told(one) for one in new if one.knock) or (
            "to try the door is no knock" if knock.port == self.bench.daemon.door.port else
            "the door heard nothing of it")  # fmt: skip
        self.say(f"{name} knocked at {knock}; B's kernel: {sent.answer}. The door: {heard}.")

    def request(self) -> None:
        name, event = self.node.value, self.bench.request(self.node.value)
        self.refresh()
        heard = self.told(event) if event else "nothing was heard yet"
        self.say(f"{name} sent 63 bytes, signed with the key. The door: {heard}.")

    def replay(self, as_itself: bool) -> None:
        found = self.bench.replay(as_itself)
        self.refresh()
        if isinstance(found, Refused):
            raise BadInput(f"nothing was sent. {found}.")
        who = "its own address" if as_itself else "A's address, byte for byte"
        heard = "; ".join(self.told(one) for one in found if one.knock)
        if not heard:
            raise BadInput("A has sent nothing to this door that C could have overheard: let A do so first.")
        self.say(f"C sent again what it had overheard of A, with {who}. The door: {heard}.")

    def visit(self) -> None:
        name, visit = self.node.value, self.bench.visit(self.node.value)
        self.refresh()
        words = f", and heard {visit.words.decode().strip()!r}" if visit.words else ""
        self.say(f"{name} tried to connect to {self.bench.daemon.door}: **{visit.answer}**{words}.")

    def told(self, event: Event) -> str:
        if event.refused:
            return f"the gate could not follow: {event.refused}"
        owner = next((one.name for one in self.bench.lab.nodes if one.address == event.source), event.source)
        return f"**opened** for {owner}" if event.what == OPENED else event.verdict

    def refresh(self) -> None:
        """Look at the door, and draw it where something has changed."""
        if self.held is None:
            self.view, closed = None, Drawing("A door, and who knocks at it.", "No door is there.", 760, 60)
            closed.text(380, 30, "no door is there", "muted", anchor="middle")
            self.draw(closed)
            return
        view, lab = self.held.view(), self.held.lab
        if view != self.view:
            self.view = view
            for button, knock in zip(self.places, view.sequence, strict=False):
                button.description = str(knock)
            self.draw(figures.door(view, (lab["A"], lab["C"])))

    def _look(self, over: threading.Event) -> None:
        """Follow the door as it shuts by itself. Runs in a thread, until `release`."""
        while not over.wait(LOOK):
            if not self.acting.acquire(blocking=False):
                continue  # an action looks itself, and `release` waits for us within one
            try:
                if over.is_set() or self.held is None:
                    return
                self.refresh()
            except (NodeError, OSError) as error:
                self.say(f"The door is gone: {error}", trouble=True)
                return
            finally:
                self.acting.release()

    def release(self) -> bool:
        held, looks = self.held, self._looks
        self._over.set()
        if looks is not None:
            looks.join(GONE)
        if held:
            held.close()
        self.held = self._looks = None
        self.refresh()
        return held is not None


make = KnockingPanel.make
