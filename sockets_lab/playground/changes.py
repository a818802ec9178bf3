"""What is different between two looks at a playground, in words."""

from sockets_lab.playground.views import View


def changes(facts: dict[str, tuple], view: View) -> tuple[str, ...]:
    """Tell in words what is different from the last time that these ends were seen. Args: facts, kept up to date."""
    told = []
    for unit in view.units:
        for end in unit.ends:
            others = [other.name for other in unit.ends if other is not end]
            who = end.name or f"the other end of {''.join(others) or 'a stranger'}"
            now = (end.state, *((end.row.receive_queue, end.row.send_queue) if end.row else (0, 0)))
            told += _told(who, facts.get(who, ("no row", 0, 0)), now, end.listens)
            facts[who] = now
    for name in view.gone:
        told.append(f"{name}: {facts.pop(name, ('no row',))[0]} -> gone from the table")
    return tuple(told)


def _told(who: str, before: tuple, now: tuple, listens: bool) -> list[str]:
    told = [f"{who}: {before[0]} -> {now[0]}"] if before[0] != now[0] else []
    if listens and before[0] == now[0] and before[1] != now[1]:
        told.append(f"{who}: {now[1]} wait{'s' * (now[1] == 1)} for accept")
    elif not listens and now[0] != "CLOSE":
        queues = zip(("receive queue", "send queue"), before[1:], now[1:], strict=True)
        told += [f"{who}: {what} {old or 0} -> {new}" for what, old, new in queues if (old or 0) != (new or 0)]
    return told
