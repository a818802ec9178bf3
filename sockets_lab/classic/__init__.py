"""The classic example: 10.20.30.40:4444 talks to 50.60.70.80:8888, by descriptor 317 here and 922 there.

The experiments of lesson 07. `ends` is what one node's process does, by bare numbers; `views` is what a node holds,
seen from outside; `example` puts both together. They stand above `nodes`, whose lab they use: `nodes` itself knows
neither `descriptors` nor `headers`, and these experiments need both.
"""

from sockets_lab.classic.bench import Bench
from sockets_lab.classic.example import (
    CLIENT,
    SERVER,
    Classic,
    Connection,
    End,
    ThirdNode,
    Tried,
    connected,
    example,
    open_lab,
    third_node,
    try_number,
)
from sockets_lab.classic.stacks import Unplugged, pull_the_plug, same_name_twice
from sockets_lab.classic.views import Host, View, hosts, look

__all__ = [
    "CLIENT", "SERVER", "Bench", "Classic", "Connection", "End", "Host", "ThirdNode", "Tried", "Unplugged",
    "View", "connected", "example", "hosts", "look", "open_lab", "pull_the_plug", "same_name_twice", "third_node",
    "try_number",
]  # fmt: skip
