"""Four-tuples: one listening port and its many connections, the queue before `accept`, and where port numbers end."""

from sockets_lab.lessons.fourtuples.backlog import BacklogRun, QueueStep, fill_queue
from sockets_lab.lessons.fourtuples.ends import Connection, ConnectionEnd, Delivery
from sockets_lab.lessons.fourtuples.exhaustion import Exhaustion, exhaust
from sockets_lab.lessons.fourtuples.listener import Listener
from sockets_lab.lessons.fourtuples.load_test import Crowd, crowd
from sockets_lab.lessons.fourtuples.port_search import ConnectCost, connect_cost
from sockets_lab.lessons.fourtuples.trials import PARTS, TupleTrial, TupleTrials, connect_to_itself, tuple_trials
