"""Look on while a program works with sockets: what it holds, what the kernel's table says of it, what has changed."""

from sockets_lab.watch.sockets.following import Follower, Shown, View
from sockets_lab.watch.sockets.looking import Eye, Held, eye
