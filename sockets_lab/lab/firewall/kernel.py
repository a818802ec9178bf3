"""Give a ruleset to the kernel of the network in which this process lives, and read it back. Linux only.

A ruleset becomes one table of nf_tables, which stands beside tables of others. Source: nft(8), linux/netfilter/
nf_tables.h.
"""

import errno
import socket
import struct
from collections.abc import Callable
from typing import TypeVar

from sockets_lab.errors import BadInput
from sockets_lab.kernel.connecting import closed_on_failure
from sockets_lab.kernel.netlink import NLM_F_CREATE, Interrupted, attribute, attributes
from sockets_lab.lab.firewall import nfnetlink
from sockets_lab.lab.firewall.decode import rule_of
from sockets_lab.lab.firewall.encode import VERDICTS, expressions
from sockets_lab.lab.firewall.expressions import TEXT, U32, Expression, pack, read
from sockets_lab.lab.firewall.nfnetlink import (
    CONFIGURE_LOG,
    HEAD,
    IPV4,
    LOG,
    NETLINK_NETFILTER,
    NF_TABLES,
    Message,
    tell,
)
from sockets_lab.lab.firewall.rules import HOOKS, LOG_GROUP, Rule
from sockets_lab.lab.firewall.rulesets import TABLE, Chain, Ruleset, Unread, incoming

COMMAND, MODE, TIMEOUT, AT_ONCE = 1, 2, 4, 5  # NFULA_CFG_CMD, _MODE, _TIMEOUT, _QTHRESH
BIND, COPY_PACKET = 1, 2  # NFULNL_CFG_CMD_BIND, NFULNL_COPY_PACKET
KEPT = 128  # bytes of each packet: all headers, with options
LONGEST, TOGETHER = 1, 16  # the kernel hands over after 10 milliseconds, or so many packets, in one part
ROOM = 8 << 20  # bytes that may wait to be read: 30,000 packets; where net.core.rmem_max is the usual one, 1,500

NEW_TABLE, DELETE_TABLE, NEW_CHAIN, GET_CHAIN, NEW_RULE, GET_RULE, DELETE_RULE = 0, 2, 3, 4, 6, 7, 8  # NFT_MSG_...
APPEND = 0x800  # NLM_F_APPEND: behind the rules that are there
TABLE_NAME = 1  # NFTA_TABLE_NAME, and NFTA_CHAIN_TABLE and NFTA_RULE_TABLE
CHAIN_NAME, CHAIN_HOOK, CHAIN_POLICY, CHAIN_TYPE, HOOK_NUMBER, HOOK_PRIORITY = 3, 4, 5, 7, 1, 2
RULE_CHAIN, RULE_HANDLE, RULE_EXPRESSIONS = 2, 3, 4
PLAIN = {TABLE_NAME, RULE_CHAIN, RULE_HANDLE, RULE_EXPRESSIONS, 6}  # 6: its place; what else a rule may have: a comment
PRIORITY = {"prerouting": -100, "postrouting": 100}  # among all who hooked in there: dstnat, srcnat; else 0, filter
TRIAL = (Rule("reject", "tcp", 80, state=("new",), log="trial"), Rule("reject", "udp"))  # with all that rules need
ATTEMPTS = 5
T = TypeVar("T")


def install(ruleset: Ruleset) -> None:
    """Put this ruleset in the place of the one before, at one moment: no packet meets half of it.

    Raises: OSError, and all is as before; BadInput.
    """
    make, remove = (NEW_TABLE, NLM_F_CREATE, _table()), (DELETE_TABLE, 0, _table())
    again = [make] if ruleset.chains else []
    nfnetlink.change(NF_TABLES, [make, remove, *again, *_chains(ruleset)])  # only what is there can be removed


def try_out() -> None:
    """Find out whether the kernel takes rules, with a table that is gone at the same moment. Raises: OSError."""
    table = f"{TABLE}_trial"
    begin, end = (NEW_TABLE, NLM_F_CREATE, _table(table)), (DELETE_TABLE, 0, _table(table))
    nfnetlink.change(NF_TABLES, [begin, *_chains(incoming(*TRIAL), table), end])


def append(hook: str, rule: Rule) -> None:
    """Put a rule behind those of a chain that is there. Raises: OSError; BadInput."""
    nfnetlink.change(NF_TABLES, [_appended(hook, rule)])


def delete(hook: str, place: int) -> None:
    """Take one rule away from a chain. Args: place: 1 = the first. Raises: OSError (ENOENT: there is no such rule)."""
    handles = [parts[RULE_HANDLE] for parts in _unchanged(_rules) if _text(parts[RULE_CHAIN]) == hook]
    if not 1 <= place <= len(handles):
        raise OSError(errno.ENOENT, f"the chain has no rule {place}")
    named = _table() + attribute(RULE_CHAIN, TEXT.pack(hook)) + attribute(RULE_HANDLE, handles[place - 1])
    nfnetlink.change(NF_TABLES, [(DELETE_RULE, 0, named)])


def set_policy(hook: str, policy: str) -> None:
    """Say what becomes of a packet that no rule of a chain decided. Raises: OSError; BadInput."""
    nfnetlink.change(NF_TABLES, [(NEW_CHAIN, NLM_F_CREATE, _chain(Chain(hook, policy=policy)))])


def installed() -> Ruleset:
    """Read the ruleset that the kernel holds, and what its rules have counted. Raises: OSError.

    What others put into its table, as a chain that is hooked in at another place, is left out, as other tables are.
    """
    return _unchanged(_installed)


def _unchanged(look: Callable[[], T]) -> T:
    """Look again where the rules changed meanwhile. Raises: OSError (EAGAIN), where they did so each time."""
    for _ in range(ATTEMPTS):
        try:
            return look()
        except Interrupted:
            continue
    raise OSError(errno.EAGAIN, "the rules changed each time while they were read")


def _rules() -> list[dict[int, bytes]]:
    """List the attributes of each rule in our table."""
    return [attributes(packed) for packed in nfnetlink.held(NF_TABLES, GET_RULE, _table())]


def _installed() -> Ruleset:
    rules: dict[str, list[Rule | Unread]] = {}
    found = []
    for parts in _rules():
        more = (Expression("comment"),) if parts.keys() - PLAIN else ()
        rules.setdefault(_text(parts[RULE_CHAIN]), []).append(rule_of(read(parts[RULE_EXPRESSIONS]) + more))
    for packed in nfnetlink.held(NF_TABLES, GET_CHAIN):
        parts = attributes(packed)
        name = _text(parts[CHAIN_NAME])
        ours = attributes(_chain(Chain(name))) if name in HOOKS and _text(parts[TABLE_NAME]) == TABLE else None
        if ours and all(parts.get(kind) == ours[kind] for kind in (CHAIN_HOOK, CHAIN_TYPE)):
            policy = next(word for word, code in VERDICTS.items() if code == U32.read(parts[CHAIN_POLICY]))
            found.append(Chain(name, tuple(rules.get(name, ())), policy))
    return Ruleset(tuple(found))


def _chains(ruleset: Ruleset, table: str = TABLE) -> list[Message]:
    made: list[Message] = []
    for chain in ruleset.chains:
        made.append((NEW_CHAIN, NLM_F_CREATE, _chain(chain, table)))
        made += [_appended(chain.hook, rule, table) for rule in chain.rules]
    return made


def _table(table: str = TABLE) -> bytes:
    return attribute(TABLE_NAME, TEXT.pack(table))


def _chain(chain: Chain, table: str = TABLE) -> bytes:
    hook = attribute(HOOK_NUMBER, U32.pack([*HOOKS].index(chain.hook)))
    hook += attribute(HOOK_PRIORITY, PRIORITY.get(chain.hook, 0).to_bytes(4, "big", signed=True))
    named = _table(table) + attribute(CHAIN_NAME, TEXT.pack(chain.hook)) + attribute(CHAIN_TYPE, TEXT.pack(chain.kind))
    return named + attribute(CHAIN_HOOK, hook) + attribute(CHAIN_POLICY, U32.pack(VERDICTS[chain.policy]))


def _appended(hook: str, rule: Rule | Unread, table: str = TABLE) -> Message:
    if isinstance(rule, Unread):
        raise BadInput("a rule that could not be read cannot be written either: leave it out, or take it from nft.")
    named = _table(table) + attribute(RULE_CHAIN, TEXT.pack(hook))
    return NEW_RULE, NLM_F_CREATE | APPEND, named + attribute(RULE_EXPRESSIONS, pack(expressions(rule)))


def _text(packed: bytes) -> str:
    return str(TEXT.read(packed))


def open_log() -> socket.socket:
    """Make a socket that gets what the rules of this process's network log. Linux only. Raises: OSError."""
    with closed_on_failure(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        bind = attribute(COMMAND, bytes([BIND]))
        how = attribute(MODE, struct.pack(">IBx", KEPT, COPY_PACKET))
        how += attribute(TIMEOUT, struct.pack(">I", LONGEST)) + attribute(AT_ONCE, struct.pack(">I", TOGETHER))
        for what in (bind, how):
            tell(sock, LOG << 8 | CONFIGURE_LOG, HEAD.pack(IPV4, 0, LOG_GROUP) + what)
        sock.setblocking(False)
        return sock
