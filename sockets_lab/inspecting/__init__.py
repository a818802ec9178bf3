"""Look on while a program works with sockets: what it holds, what the kernel's table says of it, what has changed."""

from sockets_lab.inspecting.following import Follower, Shown, View
from sockets_lab.inspecting.looking import Eye, Held, eye

__all__ = ["Eye", "Follower", "Held", "Shown", "View", "eye"]
