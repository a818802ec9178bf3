"""Link types: what the packets of a capture begin with, and what to type to get some that begin with Ethernet.

Source: IETF draft-ietf-opsawg-pcaplinktype; tcpdump.org/linktypes.html.
"""

from sockets_lab.errors import BadInput

ETHERNET = 1
NAMES = {
    0: "NULL", 6: "IEEE802_5", 8: "SLIP", 9: "PPP", 12: "RAW", 14: "RAW", 50: "PPP_HDLC", 51: "PPP_ETHER",
    101: "RAW", 104: "C_HDLC", 105: "IEEE802_11", 107: "FRELAY", 108: "LOOP", 113: "LINUX_SLL",
    119: "IEEE802_11_PRISM", 127: "IEEE802_11_RADIOTAP", 149: "PKTAP", 163: "IEEE802_11_AVS", 187: "BLUETOOTH_HCI_H4",
    189: "USB_LINUX", 192: "PPI", 195: "IEEE802_15_4_WITHFCS", 201: "BLUETOOTH_HCI_H4_WITH_PHDR",
    220: "USB_LINUX_MMAPPED", 227: "CAN_SOCKETCAN", 228: "IPV4", 229: "IPV6", 230: "IEEE802_15_4_NOFCS", 239: "NFLOG",
    249: "USBPCAP", 253: "NETLINK", 258: "PKTAP", 276: "LINUX_SLL2",
}  # fmt: skip
CAUSES = {
    "`-i any` writes that": (113, 149, 258, 276),
    "loopback of macOS and BSD has that": (0, 108),
    "a tunnel or VPN has that": (9, 12, 14, 50, 101, 228, 229),
    "a Wi-Fi card in monitor mode writes that": (105, 119, 127, 163, 192),
}


def check(name: str, link: int) -> None:
    """Take Ethernet only. Raises: BadInput, which says what the link type is, where it is from, and what to type."""
    if link == ETHERNET:
        return
    kind = f"{NAMES[link]} ({link})" if link in NAMES else f"{link}"
    cause = next((f"; {words}" for words, links in CAUSES.items() if link in links), "")
    raise BadInput(
        f"{name} has packets of link type {kind}, not Ethernet{cause}: capture one Ethernet interface, or Linux's "
        "loopback with `tcpdump -i lo -w new.pcap`, and pass that file."
    )
