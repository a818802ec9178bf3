"""The limits of lesson 05, drawn: the queue before `accept`, a range of ports used up, what a connection costs."""

from matplotlib.axes import Axes

from sockets_lab.errors import Refused
from sockets_lab.figures.drawing import Drawing
from sockets_lab.figures.marks import ROLES
from sockets_lab.figures.plot import plot
from sockets_lab.figures.tables import Table
from sockets_lab.lessons.fourtuples import BacklogRun, ConnectCost, Crowd, Exhaustion
from sockets_lab.model import FourTuple

LEFT, WIDTH = 250, 490  # where the ports stand
LINE = 62  # pixels from one line of ports to the next
MANY = 50_000  # connections, for which the cost of one is reckoned up


@plot("The queue of connections that wait for accept, step by step.", height=300)
def queue_steps(axes: Axes, run: BacklogRun) -> str:
    """Plot how many connections wait after each step, against the limit that the kernel keeps."""
    labels, said = [], []
    for place, step in enumerate(run.steps):
        held = step.outcome not in (None, "ESTABLISHED")
        label = step.did if step.number is None else f"{step.did}\nno. {step.number}"
        labels.append(f"{label}\nafter {step.seconds:.2f} s")
        axes.bar(place, step.waiting or 0, color=ROLES["refused" if held else "connection"], width=0.6)
        if held:
            words = f"no room: {str(step.outcome).partition(':')[0]}"
            axes.annotate(words, (place, (step.waiting or 0) + 0.12), ha="center")
        waiting = "an unknown number" if step.waiting is None else step.waiting
        outcome = "" if step.outcome is None else f", {step.outcome}"
        said.append(f"After {step.did}{f' number {step.number}' if step.number else ''}{outcome}: {waiting} wait.")
    if run.limit is not None:
        axes.axhline(run.limit, color=ROLES["listener"], linestyle="--", label=f"backlog: {run.limit}")
        axes.legend(loc="upper left", frameon=False)
    axes.set_xticks(range(len(labels)), labels, fontsize=9)
    axes.set_ylabel("connections that wait for accept")
    most = max((step.waiting or 0 for step in run.steps), default=0)
    axes.set_ylim(0, most + 1)
    axes.set_yticks(range(most + 2))
    axes.spines[["top", "right"]].set_visible(False)
    return f"Backlog asked for: {run.asked}; limit kept: {run.limit}. " + " ".join(said)


def range_used_up(found: Exhaustion | Refused) -> Drawing:
    """Draw which ports of a range are used toward one listener, then from another address, then to another listener."""
    drawing = Drawing("A range of ports, used up toward one listener.", "", 760, 30 + 3 * LINE)
    if isinstance(found, Refused):
        drawing.alt = f"It could not be tried here: {found}."
        drawing.text(8, 30, "On this system no socket can have a small range of its own (Linux can from 6.3 on).")
        drawing.text(8, 54, f"{found.name}: {found.because}.", "muted")
        return drawing
    here, there = found.source, found.listener
    drawing.text(8, 14, "local address, remote endpoint", "muted")
    if len(found.ports) <= 8:  # more numbers would not fit side by side
        for place, port in enumerate(found.ports):
            drawing.text(LEFT + (place + 0.5) * WIDTH / len(found.ports), 14, str(port), anchor="middle", mono=True)
    said = [f"A range of {len(found.ports)} ports, {found.ports[0]} to {found.ports[-1]}."]
    said.append(_users(drawing, 30, found.ports, here, str(there), found.made, found.refused))
    for line, outcome in enumerate((found.from_other_source, found.to_other_listener), 1):
        source, target = ("another address", str(there)) if line == 1 else (here, "another listener")
        made, refused = ((outcome,), None) if isinstance(outcome, FourTuple) else ((), outcome)
        if made:
            source, target = made[0].local.address, str(made[0].remote)
        said.append(_users(drawing, 30 + line * LINE, found.ports, source, target, made, refused))
    drawing.alt = " ".join(said)
    return drawing


def _users(drawing: Drawing, y: float, ports: range, source: str, target: str,
           made: tuple[FourTuple, ...], refused: Refused | None) -> str:  # fmt: skip
    """Draw one line of ports, used or free; return the sentence that says the same."""
    drawing.text(8, y + 11, f"from {source}", bold=True)
    drawing.text(8, y + 29, f"to {target}")
    used = {name.local.port for name in made}
    slot = WIDTH / len(ports)
    for place, port in enumerate(ports):
        role = "connection" if port in used else "quiet"
        drawing.box(LEFT + place * slot + 3, y, slot - 6, 32, role, *(["used"] if port in used and slot > 40 else []),
                    dashed=port not in used, mono=False)  # fmt: skip
    if refused is not None:
        drawing.text(LEFT + WIDTH / 2, y + 45, f"the next one is refused: {refused.name}", "refused", 12, "middle")
    after = f", then {refused.name}" if refused else ""
    return f"From {source} to {target}: {len(used)} connection{'s' * (len(used) != 1)}{after}."


@plot("What one connect costs while the ephemeral range fills.", height=340)
def cost_of_connect(axes: Axes, cost: ConnectCost) -> str:
    """Plot microseconds for a connect over the share of the range in use, and where half of it lies."""
    whole = cost.ports or 100
    last = cost.used[-1] if cost.used else 0
    for even, role in ((True, "connection"), (False, "packet")):
        chosen = [place for place, share in enumerate(cost.even) if (share > 0.5) == even]
        if not chosen:
            continue
        shares = [100 * cost.used[place] / whole for place in chosen]
        label = f"the kernel chose {'even' if even else 'odd'} ports"
        axes.scatter(shares, [cost.microseconds[place] for place in chosen], 9, ROLES[role], label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("microseconds for one connect")
    axes.set_xlabel("connections to one listener, " + (f"as percent of the {whole} ports" if cost.ports else "number"))
    if cost.ports:
        axes.axvline(50, color=ROLES["quiet"], linestyle="--", label="half of the range")
        axes.set_xlim(0, max(55, 110 * last / whole))
    axes.legend(loc="upper left", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    rise = "half of the range was not passed" if cost.rise is None else f"{cost.rise:.0f} times the usual"
    ended = f" It ended early: {cost.ended_early}." if cost.ended_early else ""
    if cost.ended_early:
        axes.set_title(f"ended early: {cost.ended_early}", fontsize=10)
    told = f"{last} connections to one listener; range: {cost.ports or 'not told'} ports."
    if cost.microseconds:
        first, at_last = cost.microseconds[0], cost.microseconds[-1]
        told += f" A connect took first {first:.0f} microseconds, at last {at_last:.0f}: {rise}."
    return told + ended


def price(crowd: Crowd) -> Table:
    """Show what one connection took of each thing that may run out, and reckon up what very many would take."""
    made = f"{crowd.made} of {crowd.wanted} connections" if crowd.ended_early else f"{crowd.made} connections"
    untold = ("this system does not tell", "")
    kernel, python = (
        (f"{each:,.0f} bytes", f"{each * MANY / 1e6:,.0f} MB") if each and each > 0 else untold
        for each in (crowd.kernel_bytes, crowd.python_bytes)
    )
    rows = (
        ("ports of the server", "none: it has one for all", "none"),
        ("descriptors of the server", "1", f"{MANY:,}"),
        ("memory of the server's Python", *python),
        ("memory of the kernel, both ends", *kernel),
    )
    headings = ("what", f"one, as {made} took it", f"{MANY:,}, reckoned")
    return Table("What one connection costs.", headings, rows, (32, 34, 16), mono=False)
