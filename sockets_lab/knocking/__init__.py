"""Port knocking: a port that opens to whoever knows the knocks, the replay of what was overheard, and the cure."""

from sockets_lab.knocking.asking import Asked, Cure, cure
from sockets_lab.knocking.authorization import Request, Verdict, Verifier, compose, new_key, read
from sockets_lab.knocking.bench import Bench, View
from sockets_lab.knocking.daemon import Daemon
from sockets_lab.knocking.debian import Knockd
from sockets_lab.knocking.door import KeyLock, key_daemon, knock_daemon
from sockets_lab.knocking.firewall import FirewallGate, gate_at, spelled
from sockets_lab.knocking.gate import Caller, Gate, UserspaceGate
from sockets_lab.knocking.hearing import CableEar, SocketEar, ear_at, knock_in
from sockets_lab.knocking.knocker import Sent, Visit, knock, send_request, visit
from sockets_lab.knocking.knocks import Event, Heard, Knock, sequence_of
from sockets_lab.knocking.openings import Openings
from sockets_lab.knocking.place import Place, here, place_of
from sockets_lab.knocking.replaying import as_own, overheard, replay
from sockets_lab.knocking.runs import Opening, Replays, Try, opening, replays, three_nodes
from sockets_lab.knocking.sequence import Lock
from sockets_lab.knocking.socketfilter import SocketFilterGate

__all__ = [
    "Asked", "Bench", "CableEar", "Caller", "Cure", "Daemon", "Event", "FirewallGate", "Gate", "Heard", "KeyLock",
    "Knock", "Knockd", "Lock", "Opening", "Openings", "Place", "Replays", "Request", "Sent", "SocketEar",
    "SocketFilterGate", "Try", "UserspaceGate", "Verdict", "Verifier", "View", "Visit", "as_own", "compose", "cure",
    "ear_at", "gate_at", "here", "key_daemon", "knock", "knock_daemon", "knock_in", "new_key", "opening", "overheard",
    "place_of", "read", "replay", "replays", "send_request", "sequence_of", "spelled", "three_nodes", "visit",
]  # fmt: skip
