"""Scanning: who asks every port of a machine what is there, and how the machine's owner sees that."""

from sockets_lab.scanning.asking import ALL, ORDERS, chosen_ports, in_order
from sockets_lab.scanning.outcome import Progress, Scan
from sockets_lab.scanning.tcp import can_reuse, scan
from sockets_lab.scanning.udp import udp_scan

__all__ = ["ALL", "ORDERS", "Progress", "Scan", "can_reuse", "chosen_ports", "in_order", "scan", "udp_scan"]
