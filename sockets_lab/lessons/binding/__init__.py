"""Binding: how a socket gets its name, who may give it which, and which address leads to it."""

from sockets_lab.lessons.binding.addresses import PLACES, Place, own_addresses, places, try_places
from sockets_lab.lessons.binding.naming import BINDING_CALLS, Conversation, bind_by, conversation
from sockets_lab.lessons.binding.reaching import (
    DESTINATIONS,
    Audience,
    Reach,
    audience,
    is_mapped,
    reach,
    reachability,
    unmapped,
)
from sockets_lab.lessons.binding.trials import (
    ANY_PORT,
    BindTrial,
    LowPort,
    Names,
    bind_twice,
    bound,
    low_port,
    names,
    try_bind,
)
