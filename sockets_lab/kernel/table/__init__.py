"""The kernel's socket table: what sockets this machine has now, and who holds them. Read only.

`snapshot` gives a value a row, on every system; `find` looks one connection up, `row_of` one of our own sockets. For a
table of thousands `ports` reads only what a map of ports needs; a `Reader` stays open, to be asked again and again.
"""

from sockets_lab.kernel.table.lookup import (
    UDP_STATES,
    at_port,
    covers_machine,
    find,
    holders,
    ports,
    row_of,
    snapshot,
    source,
)
from sockets_lab.kernel.table.reader import Reader
