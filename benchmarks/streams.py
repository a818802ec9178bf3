"""The host of a crowd with asyncio streams, as somebody would write it: a peer for crowd.py, which runs this file.

It takes the words of the course's load_worker.py, and is the only host: at a listener that it shares it would
take in some clients more than its share, and reset them. It does not say how many it has served; the guests tell.
"""

import asyncio
import os
import socket
import sys

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def serve(listener: socket.socket, share: int, clients: list[Client]) -> asyncio.Server:
    """Serve at a listener until there are as many clients as the share, and keep the streams of each."""

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append((reader, writer))
        if len(clients) == share:
            asyncio.get_running_loop().remove_reader(listener)  # who comes now is for the other hosts
        writer.write(await reader.readexactly(1))

    return await asyncio.start_server(attend, sock=listener)


async def play(share: int, descriptor: int) -> None:
    """Be a host, until the standard input ends."""
    listener, clients = socket.socket(fileno=descriptor), []
    print("ready", flush=True)
    sys.stdin.readline()
    server = await serve(listener, share, clients)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(server is None)


if __name__ == "__main__":
    asyncio.run(play(int(sys.argv[2]), int(sys.argv[4])))
