"""Binding: how a socket gets its name, who may give it which, and which address leads to it."""

from sockets_lab.binding.addresses import PLACES, Place, own_addresses, places, try_places
from sockets_lab.binding.naming import BINDING_CALLS, Conversation, bind_by, conversation
from sockets_lab.binding.reaching import (
    DESTINATIONS,
    Audience,
    Reach,
    audience,
    is_mapped,
    reach,
    reachability,
    unmapped,
)
from sockets_lab.binding.trials import ANY_PORT, BindTrial, LowPort, Names, bind_twice, bound, low_port, names, try_bind

__all__ = [
    "ANY_PORT", "BINDING_CALLS", "DESTINATIONS", "PLACES", "Audience", "BindTrial", "Conversation", "LowPort", "Names",
    "Place", "Reach", "audience", "bind_by", "bind_twice", "bound", "conversation", "is_mapped", "low_port", "names",
    "own_addresses", "places", "reach", "reachability", "try_bind", "try_places", "unmapped",
]  # fmt: skip
