"""Names of address families, protocols and options that Python's `socket` does not have, or has among others.

One number means another thing in each family: protocol 4 is IPPROTO_IPIP of AF_INET and NETLINK_SOCK_DIAG of
AF_NETLINK. Sources: linux/socket.h, linux/netlink.h, linux/if_ether.h, linux/can.h, bluetooth/bluetooth.h; the numbers
are Linux's, and other systems do not have these families.
"""

import socket
import sys

# Families that Linux has and Python does not name, or not everywhere.
FAMILIES = {
    27: "AF_IB", 28: "AF_MPLS", 31: "AF_BLUETOOTH", 32: "AF_IUCV", 33: "AF_RXRPC", 34: "AF_ISDN", 35: "AF_PHONET",
    36: "AF_IEEE802154", 37: "AF_CAIF", 39: "AF_NFC", 41: "AF_KCM", 43: "AF_SMC", 44: "AF_XDP", 45: "AF_MCTP",
} if sys.platform == "linux" else {}  # fmt: skip

# A family -> its protocols. AF_INET and AF_INET6 have IPPROTO_..., all others have numbers without names.
PROTOCOLS = {
    "AF_NETLINK": {
        0: "NETLINK_ROUTE", 2: "NETLINK_USERSOCK", 4: "NETLINK_SOCK_DIAG", 5: "NETLINK_NFLOG", 6: "NETLINK_XFRM",
        7: "NETLINK_SELINUX", 8: "NETLINK_ISCSI", 9: "NETLINK_AUDIT", 10: "NETLINK_FIB_LOOKUP",
        11: "NETLINK_CONNECTOR", 12: "NETLINK_NETFILTER", 15: "NETLINK_KOBJECT_UEVENT", 16: "NETLINK_GENERIC",
        18: "NETLINK_SCSITRANSPORT", 19: "NETLINK_ECRYPTFS", 20: "NETLINK_RDMA", 21: "NETLINK_CRYPTO",
        22: "NETLINK_SMC",
    },
    "AF_PACKET": {  # in network byte order
        socket.htons(number): f"htons({name})" for number, name in (
            (0x0003, "ETH_P_ALL"), (0x0800, "ETH_P_IP"), (0x0806, "ETH_P_ARP"), (0x8100, "ETH_P_8021Q"),
            (0x86DD, "ETH_P_IPV6"), (0x8863, "ETH_P_PPP_DISC"), (0x8864, "ETH_P_PPP_SES"), (0x888E, "ETH_P_PAE"),
            (0x88CC, "ETH_P_LLDP"),
        )
    },
    "AF_CAN": {
        1: "CAN_RAW", 2: "CAN_BCM", 3: "CAN_TP16", 4: "CAN_TP20", 5: "CAN_MCNET", 6: "CAN_ISOTP", 7: "CAN_J1939",
    },
    "AF_BLUETOOTH": {
        0: "BTPROTO_L2CAP", 1: "BTPROTO_HCI", 2: "BTPROTO_SCO", 3: "BTPROTO_RFCOMM", 4: "BTPROTO_BNEP",
        5: "BTPROTO_CMTP", 6: "BTPROTO_HIDP", 7: "BTPROTO_AVDTP", 8: "BTPROTO_ISO",
    },
}  # fmt: skip

# Levels of socket options: the family that alone has it ("": any), number, name, how the names of its options begin.
LEVELS = (
    ("AF_BLUETOOTH", 0, "SOL_HCI", "HCI_"), ("AF_BLUETOOTH", 6, "SOL_L2CAP", "L2CAP_"),
    ("AF_BLUETOOTH", 17, "SOL_SCO", "SCO_"), ("AF_BLUETOOTH", 18, "SOL_RFCOMM", "RFCOMM_"),
    ("AF_BLUETOOTH", 274, "SOL_BLUETOOTH", "BT_"), ("AF_NETLINK", 270, "SOL_NETLINK", "NETLINK_"),
    ("AF_PACKET", 263, "SOL_PACKET", "PACKET_"),
    ("AF_CAN", 101, "SOL_CAN_RAW", "CAN_RAW_"), ("AF_CAN", 107, "SOL_CAN_J1939", "SO_J1939_"),
    ("AF_TIPC", 271, "SOL_TIPC", "TIPC_"), ("AF_ALG", 279, "SOL_ALG", "ALG_SET_"),
    ("AF_VSOCK", 40, "AF_VSOCK", "SO_VM_SOCKETS_"),
    ("", socket.SOL_SOCKET, "SOL_SOCKET", "SO_"),  # on Linux the number of ICMP
    ("", socket.IPPROTO_IP, "IPPROTO_IP", "IP_"), ("", socket.IPPROTO_TCP, "IPPROTO_TCP", "TCP_"),
    ("", socket.IPPROTO_UDP, "IPPROTO_UDP", "UDP_"), ("", 41, "IPPROTO_IPV6", "IPV6_"),
    ("", 58, "IPPROTO_ICMPV6", "ICMP6_"), ("", 136, "IPPROTO_UDPLITE", "UDPLITE_"), ("", 255, "IPPROTO_RAW", "ICMP_"),
)  # fmt: skip

# Options that Python does not name: of these levels all, since what it names so are values of something else.
OPTIONS = {
    "SOL_NETLINK": {
        1: "NETLINK_ADD_MEMBERSHIP", 2: "NETLINK_DROP_MEMBERSHIP", 3: "NETLINK_PKTINFO", 4: "NETLINK_BROADCAST_ERROR",
        5: "NETLINK_NO_ENOBUFS", 8: "NETLINK_LISTEN_ALL_NSID", 9: "NETLINK_LIST_MEMBERSHIPS", 10: "NETLINK_CAP_ACK",
        11: "NETLINK_EXT_ACK", 12: "NETLINK_GET_STRICT_CHK",
    },
    "SOL_PACKET": {
        1: "PACKET_ADD_MEMBERSHIP", 2: "PACKET_DROP_MEMBERSHIP", 3: "PACKET_RECV_OUTPUT", 5: "PACKET_RX_RING",
        6: "PACKET_STATISTICS", 7: "PACKET_COPY_THRESH", 8: "PACKET_AUXDATA", 9: "PACKET_ORIGDEV",
        10: "PACKET_VERSION", 11: "PACKET_HDRLEN", 12: "PACKET_RESERVE", 13: "PACKET_TX_RING", 14: "PACKET_LOSS",
        15: "PACKET_VNET_HDR", 16: "PACKET_TX_TIMESTAMP", 17: "PACKET_TIMESTAMP", 18: "PACKET_FANOUT",
        20: "PACKET_QDISC_BYPASS", 23: "PACKET_IGNORE_OUTGOING",
    },
    "SOL_BLUETOOTH": {4: "BT_SECURITY", 7: "BT_DEFER_SETUP", 8: "BT_FLUSHABLE", 9: "BT_POWER", 13: "BT_RCVMTU"},
    "IPPROTO_ICMPV6": {1: "ICMPV6_FILTER"},
    "IPPROTO_RAW": {1: "ICMP_FILTER"},
}  # fmt: skip
# Names that begin like an option's and are none.
NO_OPTIONS = ("IP_DEFAULT_", "IP_MAX_", "IPV6_RTHDR_TYPE_", "SO_VM_", "SO_J1939_")
