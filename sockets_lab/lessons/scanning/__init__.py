"""Scanning: who asks every port of a machine what is there, and how the machine's owner sees that."""

from sockets_lab.lessons.scanning.detecting import Attempt, Judgement, Level, Visit, alarms, alarms_at, judge, levels
from sockets_lab.lessons.scanning.misleading import Silence, meet_itself
from sockets_lab.lessons.scanning.outcome import Progress, Scan
from sockets_lab.lessons.scanning.remote import scan_from
from sockets_lab.lessons.scanning.scan_demo import SERVICES, Observed, Round, observe, visit
from sockets_lab.lessons.scanning.scan_options import ALL, ORDERS, chosen_ports, in_order
from sockets_lab.lessons.scanning.tcp import scan
from sockets_lab.lessons.scanning.udp import udp_scan
from sockets_lab.lessons.scanning.watching import Watch, watch, watches
