"""Find an answer: the questions of notebooks/answers.ipynb, by words or by a pasted error message, offline.

A word counts the more, the fewer answers have it, and more in the question than in the text below it.
"""

import json
import math
import re
from collections import Counter
from dataclasses import dataclass

from sockets_lab.course.opening import notebooks
from sockets_lab.errors import BadInput

IN_QUESTION, IN_ASKED, IN_TEXT = 4, 3, 1  # what a word weighs; asked: other words for the question, kept with it
# One error, its numbers on Linux, macOS and Windows, and what other languages call it
ERRORS = """
eaddrinuse 98 48 10048 bindexception addrinuse wsaeaddrinuse
econnrefused 111 61 10061 connectexception connectionrefused wsaeconnrefused
econnreset 104 54 10054 connectionreset wsaeconnreset forcibly
epipe 32 brokenpipe sigpipe brokenpipeerror
etimedout 110 60 10060 wsaetimedout sockettimeoutexception timedout
eacces 13 10013 wsaeacces
eaddrnotavail 99 49 10049 addrnotavailable wsaeaddrnotavail
eagain 11 35 10035 ewouldblock wouldblock blockingioerror wsaewouldblock
emfile 24 10024
emsgsize 90 40 10040
enotconn 107 57 10057
ebadf 9 10038 badf
"""
WORDS = """
close closed closing
connection connections connect connected
client clients
listen listener listening listens
bind bound binding
use used using
kill free release stop
docker container containers published publish podman
loss lost lose drop dropped
largest limit maximum max biggest highest
many multiple simultaneous concurrent several users
process program pid
picks chosen choose chooses source ephemeral
permission root privileged privilege
nat translation
keepalive heartbeat
buffer buffers sndbuf rcvbuf
order ordering ordered
timeout settimeout timeouts
wsl wsl2
linger solinger
send sends sending sent write
recv receive received read
packet packets datagram datagrams
message messages framing frame boundaries
"""
ALIKE = {word: line.split()[0] for line in (ERRORS + WORDS).strip().splitlines() for word in line.split()}
COMMON = frozenset(re.findall(r"\w+", """a an and are as at be by can do does error for from has find how i if in is it
    my of on one oserror or socket that the this to what when which who why with without you your"""))


@dataclass(frozen=True)
class Answer:
    """A question of the notebook, the link that jumps to it, and the weight of each of its words."""

    question: str
    link: str
    words: dict[str, int]


def tokens(text: str) -> list[str]:
    """Return the words and numbers of a text, each as the one that stands for its group."""
    plain = re.sub(r":\d{2,5}\b", " ", text.lower())  # a port says little about the question
    joined = [name.replace("_", "") for name in re.findall(r"[a-z]+(?:_[a-z]+)+", plain)]
    found = joined + re.findall(r"\d+(?:\.\d+){3}|[a-z]{2,}\d?|\d+", plain.replace("_", " "))
    return [ALIKE.get(word, word.rstrip("s")) for word in found if word not in COMMON]


def load() -> list[Answer]:
    """Read the questions from the notebook. Raises: BadInput, where the notebooks are not installed."""
    answers: list[Answer] = []
    path = notebooks() / "answers.ipynb"
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if text.startswith("### "):
            question = text.splitlines()[0][4:]
            weights = dict.fromkeys(tokens(cell["metadata"].get("asked", "")), IN_ASKED) | dict.fromkeys(
                tokens(text), IN_QUESTION)  # fmt: skip
            answers.append(Answer(question, f"{path.name}#cell-id={cell['id']}", weights))
        elif answers and not text.startswith("#"):
            said = "".join("".join(output.get("text", ())) for output in cell.get("outputs", ()))
            for word in tokens(text + " " + said):
                answers[-1].words.setdefault(word, IN_TEXT)
    return answers


def find(text: str, best: int = 3) -> list[Answer]:
    """Return the answers that fit best, the best first; none, if no word fits. Raises: BadInput, if text is no str."""
    if not isinstance(text, str):
        raise BadInput(f"expected words or an error message, got {text!r}.")
    answers = load()
    known = Counter(word for answer in answers for word in answer.words)
    rarity = {word: math.log(1 + len(answers) / count) for word, count in known.items()}

    def score(answer: Answer) -> float:
        return sum(answer.words.get(word, 0) * rarity.get(word, 0) for word in set(tokens(text)))

    ranked = sorted(((score(answer), -number) for number, answer in enumerate(answers)), reverse=True)
    return [answers[-number] for points, number in ranked[:best] if points]
