"""Port knocking: a port that opens to whoever knows the knocks, the replay of what was overheard, and the cure."""

from sockets_lab.lessons.filtering import three_nodes
from sockets_lab.lessons.knocking.authorization import Request, Verdict, Verifier, compose, new_key, read
from sockets_lab.lessons.knocking.debian import Knockd
from sockets_lab.lessons.knocking.door import Daemon, key_daemon, knock_daemon
from sockets_lab.lessons.knocking.gate import UserspaceGate, place_of
from sockets_lab.lessons.knocking.kernel_gates import FirewallGate, SocketFilterGate, gate_at, spelled
from sockets_lab.lessons.knocking.knock_listener import SocketEar, knock_in, overheard, replay
from sockets_lab.lessons.knocking.knocker import Sent, Visit, knock, send_request, visit
from sockets_lab.lessons.knocking.locks import Event, Heard, KeyLock, Knock, Lock, sequence_of
from sockets_lab.lessons.knocking.model import KnockModel, View
from sockets_lab.lessons.knocking.runs import Asked, Cure, Opening, Replays, Try, cure, opening, replays
