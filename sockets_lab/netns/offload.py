"""Let an interface send packets as a wire would carry them. Linux only.

A veth cable need not do what hardware would do: by default it passes segments of up to 64 KiB, with checksums that
nobody has filled in. Source: ioctl SIOCETHTOOL, linux/ethtool.h.
"""

import array
import fcntl
import socket
import struct

SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO = 0x17, 0x1F, 0x24, 0x2C
REQUEST = struct.Struct("16sP16x")  # ifreq: the interface's name, and where the value stands


def switch_off(name: str) -> None:
    """Fill in checksums, cut segments to size before they leave, and join none that come. Raises: OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for what in (ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO):
            value = array.array("I", [what, 0])
            fcntl.ioctl(sock, SIOCETHTOOL, REQUEST.pack(name.encode(), value.buffer_info()[0]))
