"""Headers: what stands in front of the bytes that you send. Bytes to values and back; no socket is touched."""

from sockets_lab.headers.checksums import Check, checks, compose, corrected, internet_checksum, pseudo_header
from sockets_lab.headers.extensions import DestinationOptions, Fragment, HopByHop, Routing
from sockets_lab.headers.fields import Field
from sockets_lab.headers.header import Header, NotAPacket
from sockets_lab.headers.ip import IPv4, IPv6
from sockets_lab.headers.link import ARP, Ethernet
from sockets_lab.headers.options import Option, pack_options, read_options
from sockets_lab.headers.packet import Packet, Seen, build, dissect
from sockets_lab.headers.transport import TCP, UDP, ICMPv4, ICMPv6
