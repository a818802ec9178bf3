"""A bench of live sockets: create them, name them, connect them, break them, and read what the kernel answers.

Every action is one real call, and stands in the log as the line of Python that makes it.
"""

from sockets_lab.bench.fitting import fitting
from sockets_lab.bench.following import Follower
from sockets_lab.bench.live import Bench
from sockets_lab.bench.log import Line
from sockets_lab.bench.options import OPTIONS
from sockets_lab.bench.places import HERE, NODES
from sockets_lab.bench.recipes import RECIPES, Recipe, Step
from sockets_lab.bench.replaying import Replay
from sockets_lab.bench.views import End, Unit, View

__all__ = [
    "HERE", "NODES", "OPTIONS", "RECIPES", "Bench", "End", "Follower", "Line", "Recipe", "Replay", "Step",
    "Unit", "View", "fitting",
]  # fmt: skip
