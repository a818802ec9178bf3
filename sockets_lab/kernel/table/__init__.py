"""The kernel's socket table: what sockets this machine has now, and who holds them. Read only.

`snapshot` gives a value a row, on every system. For tables of thousands of rows `columns` is faster, and for one
connection `find`; a `Reader` stays open, for whoever asks again and again.
"""

from sockets_lab.kernel.table.large import Columns
from sockets_lab.kernel.table.lookup import (
    PROTOCOLS,
    UDP_STATES,
    at_port,
    columns,
    covers_machine,
    find,
    holders,
    row_of,
    snapshot,
    source,
)
from sockets_lab.kernel.table.reader import Reader
