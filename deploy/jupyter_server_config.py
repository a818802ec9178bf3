"""Let kernels talk to JupyterLab through files that only their own user can open, instead of through TCP ports.

Any user of a machine can connect to a loopback port, and so read what another's kernel prints. Installing the course
puts this file into etc/jupyter of its environment, where every Jupyter server of that environment reads it. Windows,
and folders whose names are too long for a Unix-domain socket's address, keep TCP: then other users are not shut out.

What a kernel says goes on to the page at once. TCP would hold a small message until the page has confirmed the one
before, which its system puts off for 40 milliseconds (RFC 9293 section 3.7.4, tcp(7): TCP_NODELAY): a click's answer
would come that late.
"""

import os

from jupyter_core.paths import jupyter_runtime_dir
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

NAME = len("/kernel-01234567-0123-0123-0123-0123456789ab-ipc-5")
ROOM = 103  # bytes for an address: sun_path has 108 on Linux and 104 on macOS, the last of them for a zero (unix(7))

if os.name == "posix" and len(os.fsencode(jupyter_runtime_dir())) + NAME <= ROOM:
    c.KernelManager.transport = "ipc"  # noqa: F821  Jupyter gives `c` to the file


class AtOnce(ZMQChannelsWebsocketConnection):
    """The connection between a page and its kernel, without that delay."""

    def connect(self):
        self.websocket_handler.set_nodelay(True)
        return super().connect()


c.ServerApp.kernel_websocket_connection_class = AtOnce  # noqa: F821
