"""A playground of live sockets: create them, name them, connect them, break them, and read what the kernel answers.

Every action is one real call, and stands in the log as the line of Python that makes it.
"""

from sockets_lab.playground.live import Playground
from sockets_lab.playground.log import Line
from sockets_lab.playground.options import OPTIONS
from sockets_lab.playground.places import HERE, NODES
from sockets_lab.playground.recipes import RECIPES, Action, Recipe, Replay
from sockets_lab.playground.views import SocketEnd, Unit, View
