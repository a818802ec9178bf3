"""The headers that carry port numbers, UDP and TCP, and ICMP, which reports what went wrong."""

from dataclasses import dataclass
from typing import Self

from sockets_lab.headers.header import Header, bits, laid_out, rest
from sockets_lab.headers.options import Option, options_fault, read_options

UDP_SOURCE, TCP_SOURCE, ECN = "RFC 768, Fields", "RFC 9293 section 3.1", "RFC 3168 section 6.1"
JUMBO = "The length of UDP is 0: the datagram goes on to the end of the IP packet (RFC 2675 section 4)."
ICMP, ICMP6 = "RFC 792, Message Formats", "RFC 4443 section 2.1"


@laid_out
@dataclass(frozen=True)
class UDP(Header):
    """A datagram's header: ports, a length, a checksum. Source: RFC 768."""

    source_port: int = bits(16, "The sender's port; 0 where no answer is wanted.", UDP_SOURCE)
    destination_port: int = bits(16, "The port that tells the receiving machine whose this datagram is.", UDP_SOURCE)
    length: int = bits(16, "How many bytes this header and its data have together, 8 or more.", UDP_SOURCE, 8)
    checksum: int = bits(
        16, "Covers addresses, header and data; 0 means that none was sent, which IPv6 does not allow.", UDP_SOURCE
    )

    def wrong(self, before: Header | None) -> str:
        if self.length >= 8 or (self.length == 0 and before and before.LARGE):
            return ""
        return f"UDP says that header and data have {self.length} bytes: 8 is the least."

    def promised(self, before: Header | None) -> int | str:
        return self.length - 8 if self.length else JUMBO

    def fitted(self, content: int, following: type[Header] | None) -> Self:
        super().fitted(content, following)
        return self.changed(length=8 + content if self.length or content <= 0xFFFF - 8 else 0)


@laid_out
@dataclass(frozen=True)
class TCP(Header):
    """A segment's header. Source: RFC 9293 section 3.1."""

    SIZE = ("data_offset", 4, 0)
    source_port: int = bits(16, "The sender's port.", TCP_SOURCE)
    destination_port: int = bits(16, "The receiver's port.", TCP_SOURCE)
    sequence: int = bits(
        32, "Where in the sender's stream the first data byte stands; with SYN, the number it starts from.", TCP_SOURCE
    )
    acknowledgment: int = bits(
        32, "With ACK: the number of the byte that this end expects next from the other.", TCP_SOURCE
    )
    data_offset: int = bits(4, "How many 32-bit words this header has, so where the data begins.", TCP_SOURCE, 5)
    reserved: int = bits(4, "Kept for later use; a sender that knows no such use sends zeros.", TCP_SOURCE)
    cwr: int = bits(1, "The sender has slowed down after it heard of congestion.", ECN)
    ece: int = bits(1, "A router on the way marked congestion; with SYN: this end understands such marks.", ECN)
    urg: int = bits(1, "The urgent pointer counts.", TCP_SOURCE)
    ack: int = bits(1, "The acknowledgment number counts; set in every segment but the very first.", TCP_SOURCE)
    psh: int = bits(1, "Hand the data to the program now instead of waiting for more.", TCP_SOURCE)
    rst: int = bits(1, "This connection is thrown away, or there never was one.", TCP_SOURCE)
    syn: int = bits(1, "Start: the sequence numbers of this direction begin here.", TCP_SOURCE)
    fin: int = bits(1, "End: the sender will send no more data.", TCP_SOURCE)
    window: int = bits(
        16, "How many bytes the sender of this segment has room for, before it is scaled.", TCP_SOURCE
    )
    checksum: int = bits(16, "Covers addresses, protocol, length, header and data.", TCP_SOURCE)
    urgent_pointer: int = bits(16, "With URG: how far from the sequence number the urgent data ends.", TCP_SOURCE)
    options: bytes = rest("Extras such as the largest segment or a time, filled up to whole words.", TCP_SOURCE)

    def unfit(self) -> str:
        return options_fault(self.options)

    def fitted(self, content: int, following: type[Header] | None) -> Self:
        super().fitted(content, following)
        return self.changed(data_offset=self.size // 4)

    @property
    def flags(self) -> tuple[str, ...]:
        """The names of the flags that are set, in the order of their bits."""
        names = ("cwr", "ece", "urg", "ack", "psh", "rst", "syn", "fin")
        return tuple(name.upper() for name in names if getattr(self, name))

    @property
    def option_list(self) -> tuple[Option, ...]:
        """The options one by one, each with its place in this header."""
        return read_options(self.options, self.layout.size)


@laid_out
@dataclass(frozen=True)
class ICMPv4(Header):
    """A message about IPv4 itself, such as "port unreachable" (type 3, code 3). Source: RFC 792."""

    type: int = bits(8, "What the message is: 8 asks for an echo, 0 answers, 3 says unreachable.", ICMP)
    code: int = bits(8, "Which case of that type: with type 3, code 3 is the port.", ICMP)
    checksum: int = bits(16, "Covers the message from its type on; no addresses.", ICMP)
    rest: int = bits(32, "Depends on type and code; in an echo, an identifier and a sequence number.", ICMP)


@laid_out
@dataclass(frozen=True)
class ICMPv6(Header):
    """A message about IPv6 itself, such as "port unreachable" (type 1, code 4). Source: RFC 4443 section 2.1.

    RFC 4443 counts the rest to the message's body; its own messages (sections 3 and 4) all begin with these 32 bits.
    """

    type: int = bits(8, "What the message is: below 128 an error; 128 asks for an echo, 129 answers.", ICMP6)
    code: int = bits(8, "Which case of that type: with type 1, code 4 is the port.", ICMP6)
    checksum: int = bits(16, "Covers the message, and the addresses of the IPv6 header.", "RFC 4443 section 2.3")
    rest: int = bits(32, "Depends on type and code; in an echo, an identifier and a sequence number.", ICMP6)
