"""The command `sockets-lab`: with a port it is the doctor of that port, without one it opens the course."""

import gc
import os
import sys

gc.disable()  # this process soon ends; searching what it made for garbage would take a fifth of its time

from sockets_lab.errors import BadInput  # noqa: E402

FREE, TAKEN, BAD_INPUT = 0, 1, 2  # what it answers to the shell
USAGE = """\
sockets-lab 8000              what is with this port of this machine? Also 127.0.0.1:8000, [::1]:8000, 53/udp,
                              or an error message that names a port
sockets-lab --json 8000       the same for a program
sockets-lab                   open the course in Jupyter
sockets-lab --copy FOLDER     copy the course's notebooks into a new folder

It answers with the status 0: the port is yours to have, 1: it is taken, 2: it was asked something else."""
BOLD, COLORS, PLAIN = "\033[1m", {True: "\033[32m", False: "\033[31m"}, "\033[0m"


def main() -> int:
    """Do what the command line says, and return the status."""
    words = [word for word in sys.argv[1:] if word != "--json"]
    try:
        if words[:1] == ["--copy"] or sys.argv[1:] == []:
            return _course(words[1:])
        if words[:1] in (["-h"], ["--help"]):
            print(USAGE)
            return FREE
        return _doctor(" ".join(words), "--json" in sys.argv[1:])
    except BrokenPipeError:  # of `sockets-lab 8000 | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BAD_INPUT
    except BadInput as mistake:
        print(mistake, file=sys.stderr)
        return BAD_INPUT


def _doctor(text: str, as_json: bool) -> int:
    from sockets_lab.kernel.doctor import examine, sections, sentence

    report = examine(text)
    if as_json:
        import json
        from dataclasses import asdict

        told = {"sentence": sentence(report), "cause": report.cause, "free": report.is_free, **asdict(report)}
        print(json.dumps(told | {"sections": sections(report)}, indent=2))
    else:
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        for heading, lines in sections(report).items():
            paint = COLORS[report.is_free] if heading == "What is it?" else ""
            print(f"{BOLD}{paint}{heading}{PLAIN}" if color else heading)
            print(*(f"  {line}" for line in lines), sep="\n")
    return FREE if report.is_free else TAKEN


def _course(folder: list[str]) -> int:
    from sockets_lab.course import opening

    return opening.copy(" ".join(folder)) if folder else opening.start()


if __name__ == "__main__":
    sys.exit(main())
