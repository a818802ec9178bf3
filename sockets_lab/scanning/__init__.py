"""Scanning: who asks every port of a machine what is there, and how the machine's owner sees that."""

from sockets_lab.scanning.asking import ALL, ORDERS, chosen_ports, in_order
from sockets_lab.scanning.detecting import Alarm, Attempt, Detector, Judgement, Visit, alarms, judge
from sockets_lab.scanning.everyday import visit
from sockets_lab.scanning.outcome import Progress, Scan
from sockets_lab.scanning.remote import scan_from
from sockets_lab.scanning.sources import Cable, Listeners
from sockets_lab.scanning.tcp import can_reuse, scan
from sockets_lab.scanning.udp import udp_scan
from sockets_lab.scanning.watching import Watch, watch

__all__ = [
    "ALL", "ORDERS", "Alarm", "Attempt", "Cable", "Detector", "Judgement", "Listeners", "Progress", "Scan", "Visit",
    "Watch", "alarms", "can_reuse", "chosen_ports", "in_order", "judge", "scan", "scan_from", "udp_scan", "visit",
    "watch",
]  # fmt: skip
