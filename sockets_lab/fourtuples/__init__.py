"""Four-tuples: one listening port and its many connections, the queue before `accept`, and where port numbers end."""

from sockets_lab.fourtuples.backlog import BacklogRun, Step, fill_queue
from sockets_lab.fourtuples.distinct import PARTS, TupleTrial, TupleTrials, connect_to_itself, tuple_trials
from sockets_lab.fourtuples.ends import Connection, Delivery, End
from sockets_lab.fourtuples.exhaustion import Exhaustion, exhaust
from sockets_lab.fourtuples.gathering import Crowd, crowd
from sockets_lab.fourtuples.listener import Listener
from sockets_lab.fourtuples.port_search import ConnectCost, connect_cost

__all__ = [
    "PARTS", "BacklogRun", "ConnectCost", "Connection", "Crowd", "Delivery", "End", "Exhaustion", "Listener", "Step",
    "TupleTrial", "TupleTrials", "connect_cost", "connect_to_itself", "crowd", "exhaust", "fill_queue", "tuple_trials",
]  # fmt: skip
