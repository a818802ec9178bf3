"""Scanning: who asks every port of a machine what is there, and how the machine's owner sees that."""

from sockets_lab.scanning.asking import ALL, ORDERS, chosen_ports, in_order
from sockets_lab.scanning.detecting import Alarm, Attempt, Detector, Judgement, Visit, alarms, judge
from sockets_lab.scanning.everyday import visit
from sockets_lab.scanning.levels import Level, alarms_at, levels
from sockets_lab.scanning.mirrors import connect_to_itself, meet_itself
from sockets_lab.scanning.observing import SERVICES, Observed, Round, observe
from sockets_lab.scanning.outcome import Progress, Scan
from sockets_lab.scanning.remote import scan_from
from sockets_lab.scanning.silence import Silence
from sockets_lab.scanning.sources import Cable, Listeners
from sockets_lab.scanning.tcp import can_reuse, scan
from sockets_lab.scanning.udp import udp_scan
from sockets_lab.scanning.watching import Watch, watch, watches

__all__ = [
    "ALL", "ORDERS", "SERVICES", "Alarm", "Attempt", "Cable", "Detector", "Judgement", "Level", "Listeners", "Observed",
    "Progress", "Round", "Scan", "Silence", "Visit", "Watch", "alarms", "alarms_at", "can_reuse", "chosen_ports",
    "connect_to_itself", "in_order", "judge", "levels", "meet_itself", "observe", "scan", "scan_from", "udp_scan",
    "visit", "watch", "watches",
]  # fmt: skip
