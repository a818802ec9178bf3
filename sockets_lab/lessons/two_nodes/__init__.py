"""The classic example: 10.20.30.40:4444 talks to 50.60.70.80:8888, by descriptor 317 here and 922 there.

The experiments of lesson 06. `ends` is what one node's process does, by bare numbers; `views` is what a node holds,
seen from outside; `example` puts both together. They stand above `nodes`, whose lab they use: `nodes` itself knows
neither `descriptors` nor `headers`, and these experiments need both.
"""

from sockets_lab.lessons.two_nodes.example import (
    CLIENT,
    SERVER,
    Classic,
    NodeEnd,
    ThirdNode,
    connected,
    example,
    open_lab,
    third_node,
    try_number,
)
from sockets_lab.lessons.two_nodes.model import NodesModel
from sockets_lab.lessons.two_nodes.stacks import pull_the_plug, same_name_twice
from sockets_lab.lessons.two_nodes.views import Host, View, hosts, look
