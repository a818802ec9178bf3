"""Settings of a network stack, as files. Linux only. Source: sysctl(8), ip-sysctl in the kernel's documentation."""

import contextlib
import os
from pathlib import Path

IPV4, IPV6 = Path("/proc/sys/net/ipv4"), Path("/proc/sys/net/ipv6/conf")


def make_plain() -> None:
    """Let this stack begin as any host's: it forwards nothing, and its interfaces speak no IPv6.

    A new stack inherits from one that forwards, as where Docker runs (ip-sysctl, devconf_inherit_init_net). IPv6 talks
    by itself, and would fill every capture. Where there is no such setting, there is no IPv6; where it may only be
    read, captures hold some packets more.
    """
    plain = {IPV4 / "ip_forward": "0"} | {IPV6 / which / "disable_ipv6": "1" for which in ("all", "default")}
    for setting, value in plain.items():
        with contextlib.suppress(OSError):
            setting.write_text(value)


def are_read_only() -> bool:
    """Tell whether settings may only be read, also by new stacks, as in a container. Source: statvfs(3), ST_RDONLY."""
    with contextlib.suppress(OSError):
        return bool(os.statvfs(IPV4).f_flag & os.ST_RDONLY)
    return False


def set_forwarding(on: bool) -> None:
    """Let this stack send on what is not for it, or not. Raises: OSError. Source: ip-sysctl.

    Who forwards would also tell senders of a shorter way (RFC 792, Redirect); in a lab that is only noise.
    """
    for interface in ("all", "eth0"):
        (IPV4 / "conf" / interface / "send_redirects").write_text("0" if on else "1")
    (IPV4 / "ip_forward").write_text("1" if on else "0")


def set_icmp_pause(milliseconds: int) -> int:
    """Let this stack tell one host of errors by ICMP no more often than that, 0 = always; return what it was before.

    Usual is 1000, with six at once: whoever asks at many closed ports is not told of each. Raises: OSError.
    Source: ip-sysctl, icmp_ratelimit.
    """
    setting = IPV4 / "icmp_ratelimit"
    before = int(setting.read_text())
    setting.write_text(str(milliseconds))
    return before


def set_ephemeral_range(first: int, last: int) -> None:
    """Let this stack choose ephemeral ports from first to last. Raises: OSError. Source: ip(7), ip_local_port_range."""
    (IPV4 / "ip_local_port_range").write_text(f"{first} {last}")
