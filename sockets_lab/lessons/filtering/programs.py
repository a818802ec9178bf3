"""What a rule about a port cannot know: which program is behind it."""

from dataclasses import dataclass

from sockets_lab.errors import Refused
from sockets_lab.lab import Lab
from sockets_lab.lab.firewall import control
from sockets_lab.lab.firewall.answers import Answer
from sockets_lab.lab.firewall.probe import ask
from sockets_lab.lab.firewall.rules import Rule
from sockets_lab.lab.firewall.rulesets import Ruleset, incoming
from sockets_lab.lab.firewall.services import WEB, Service
from sockets_lab.lessons.filtering.trials import DEADLINE, cleared, two_of

WEB_PORT, SSH_PORT = 80, 22  # where these programs usually are. Source: IANA service name registry
FREE_FOR_ALL = 8000  # is added to them on loopback, where ports below 1024 are not every user's
HEAR = 2.0  # seconds for a program's first bytes
REQUEST = b"GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"  # RFC 9112 section 3


@dataclass(frozen=True)
class Behind:
    """A port, which program was really behind it, and how a client's question there ended."""

    port: int
    program: str
    answer: Answer


def behind_ports(lab: Lab, deadline: float = DEADLINE) -> tuple[Ruleset, tuple[Behind, ...]] | Refused:
    """Let only the web's port in, while a web server sits at the port of SSH, and SSH at the port of the web.

    Returns: the rules with what they counted, and both ports; Refused, where a port or a filter cannot be had.
    """
    client, server = two_of(lab)
    added = 0 if lab.kind == "namespaces" else FREE_FOR_ALL
    web, ssh = WEB_PORT + added, SSH_PORT + added
    with Service(server, ssh, greeting=WEB, waits=True) as at_ssh, Service(server, web) as at_web, cleared(server):
        rules = incoming(Rule("accept", "tcp", web), Rule("drop", "tcp"))
        results: list = [at_ssh.endpoint, at_web.endpoint, control.apply(server, rules)]
        for service, say in ((at_web, b""), (at_ssh, REQUEST)):
            if not isinstance(service.endpoint, Refused):
                results.append(ask(client, service.endpoint, deadline=deadline, say=say, hear=HEAR))
        results.append(control.held(server))
    for result in results:
        if isinstance(result, Refused):
            return result
    at_web_port, at_ssh_port, held = results[3:]
    return held, (Behind(web, "SSH", at_web_port), Behind(ssh, "web", at_ssh_port))
