"""This process's descriptor table: what each number stands for, and what can be done to the numbers.

A descriptor is a number that this process hands to the kernel; the socket is the kernel's. Two numbers may stand for
one socket, one number may stand for different sockets at different times, and none of them means anything elsewhere.
"""

from sockets_lab.kernel.descriptors import Entry, entry, lowest_free, rows_behind, since, table
from sockets_lab.lessons.descriptors.numbers import (
    FullTable,
    StaleNumber,
    TwoProcesses,
    at_number,
    fill_table,
    number_elsewhere,
    share_with_child,
    tcp_pair,
    use_stale_number,
)
