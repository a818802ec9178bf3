"""Settings of a network stack, as files. Linux only. Source: sysctl(8), ip-sysctl in the kernel's documentation."""

import contextlib


def switch_off_ipv6() -> None:
    """Let the interfaces that this stack will have speak no IPv6, which talks by itself and would fill every capture.

    Where there is no such setting, there is no IPv6; where it may only be read, captures hold some packets more.
    """
    for which in ("all", "default"):
        with contextlib.suppress(OSError), open(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6", "w") as setting:
            setting.write("1")
