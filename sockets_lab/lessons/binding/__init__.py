"""Binding: how a socket gets its name, who may give it which, and which address leads to it."""

from sockets_lab.lessons.binding.naming import BINDING_CALLS, Conversation, bind_by, conversation
from sockets_lab.lessons.binding.reaching import (
    DESTINATIONS,
    NOT_TRIED,
    PLACES,
    Audience,
    Place,
    Reach,
    audience,
    own_addresses,
    places,
    reach,
    reachability,
    try_places,
)
from sockets_lab.lessons.binding.trials import (
    ANY_PORT,
    BindTrial,
    LowPort,
    Names,
    bound,
    call_again,
    low_port,
    names,
    try_bind,
)
