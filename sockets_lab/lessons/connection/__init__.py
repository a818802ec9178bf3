"""Lesson 07: the life of a connection, from the first segment to the last, as both kernels have it."""

from sockets_lab.lessons.connection.framing import Piece, meet
from sockets_lab.lessons.connection.model import CLOSED, ConnectionModel, Moment, lifetime
from sockets_lab.lessons.connection.restart import CLOSES_FIRST, AfterClose, after_close, rebinding
from sockets_lab.lessons.connection.tcp_info import TcpInfo, tcp_info
from sockets_lab.lessons.connection.watching import Phase, Sample, Watched, watch
