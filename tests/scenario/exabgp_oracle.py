"""ExaBGP 4.2's own parser and packer, asked about single API lines without a daemon.

A line is taken as the API takes it: put into ExaBGP's form, stripped of its neighbor selectors,
dispatched by the word that the reactor would find in it, parsed, and packed into BGP messages for an
iBGP session with all families, add-path and 4-byte AS numbers.
"""

import signal
from struct import unpack

from exabgp.configuration.setup import environment

environment.setup("")

from exabgp.logger import Logger  # noqa: E402

Logger().silence = True

from exabgp.bgp.message import OUT, Update  # noqa: E402
from exabgp.bgp.message.direction import Direction  # noqa: E402
from exabgp.bgp.message.notification import Notify  # noqa: E402
from exabgp.bgp.message.open.asn import ASN  # noqa: E402
from exabgp.bgp.message.update.attribute import NextHop  # noqa: E402
from exabgp.configuration.core.format import formated  # noqa: E402
from exabgp.configuration.static import ParseStaticRoute  # noqa: E402
from exabgp.protocol.ip import IPv4, IPv6, NoNextHop  # noqa: E402
from exabgp.reactor.api import API  # noqa: E402
from exabgp.reactor.api.command.limit import extract_neighbors, match_neighbors  # noqa: E402

DONE, ERROR, NO_ACK, POISON, COMMAND, HANG = "done", "error", "no ack", "poison", "command", "hang"
WATCHDOG = "watchdog"

_api = API(object())

# The neighbors that the selectors of the cases mean.
PEERS = [
    "neighbor %s local-ip %s local-as %d peer-as %d router-id 1.2.3.4 family-allowed in-open" % peer
    for peer in [
        ("10.0.0.2", "10.0.0.1", 65000, 65001),
        ("10.0.0.3", "10.0.0.1", 65000, 65001),
        ("2001:db8::2", "2001:db8::1", 65000, 65001),
        ("2001:DB8::2", "2001:db8::1", 65000, 65001),
        ("127.0.0.1", "127.0.0.1", 1, 1),
        ("127.0.0.1", "127.0.0.1", 2, 3),
    ]
]
PEERS.append(PEERS[0].replace("in-open", "ipv4-unicast/ipv6-unicast"))


class _AddPath:
    @staticmethod
    def send(afi, safi):
        return str(safi) not in ("flow", "flow-vpn", "vpls")


class _Everything:
    def __contains__(self, family):
        return True


class _Neighbor:
    aigp = True


class _Negotiated:
    """What packing asks about a session."""

    local_as = peer_as = 65000
    asn4 = True
    msg_size = 4096
    addpath = _AddPath()
    families = _Everything()
    neighbor = _Neighbor()

    nexthop = ()

    @staticmethod
    def nexthopself(afi):
        if str(afi) == "ipv4":
            return IPv4("192.0.2.1")
        if str(afi) == "ipv6":
            return IPv6("2001:db8::1")
        raise TypeError("next-hop self of another family than the session")

    @staticmethod
    def required(afi, safi):
        return False


# What parses the commands of a kind, by the words behind the verb.
PARSERS = {
    "route": _api.api_route,
    "attribute": lambda command: _api.api_attributes(command, []),
    "attributes": lambda command: _api.api_attributes(command, []),
    "flow": _api.api_flow,
    "vpls": _api.api_vpls,
}


class _Hang(Exception):
    pass


def _alarm(signum, frame):
    raise _Hang()


def _dispatched(line):
    for name in _api.functions:
        if name == line or line.endswith(" " + name) or name + " " in line:
            return name
    return None


class Route:
    """One parsed route: its family, ExaBGP's listing of it, what goes to the peer, and of what has no
    prefix, what ExaBGP reads back from it (to report it: a failure there ends the session)."""

    def __init__(self, change, messages, without_prefix):
        self.family = "%s %s" % change.nlri.family()
        self.extensive = change.extensive()
        self.nlri_index = change.index()
        self.messages = messages
        self.reported = []
        for message in messages if without_prefix else []:
            update = Update.unpack_message(message[19:], Direction.OUT, _Negotiated)
            update.attributes.json()
            self.reported += [(nlri.json(), nlri.extensive()) for nlri in update.nlris]


def _pack(change, verb, is_route):
    change.nlri.action = OUT.ANNOUNCE if verb == "announce" else OUT.WITHDRAW
    if is_route and verb == "withdraw" and change.nlri.nexthop is NoNextHop:
        change.nlri.nexthop = NextHop("0.0.0.0")
    if is_route and not ParseStaticRoute.check(change):
        raise ValueError("acknowledged and then dropped")
    if not is_route and change.nlri.nexthop != change.nlri.nexthop:  # as when an NLRI is announced again
        raise ValueError("a next hop that is not itself")
    messages = list(Update([change.nlri], change.attributes).messages(_Negotiated))
    if not messages:
        raise ValueError("nothing would be sent")
    for message in messages:
        if len(message) > _Negotiated.msg_size:
            raise ValueError("message too long")
    return messages


def _ask(line):
    if any(not (" " <= char <= "~" or char == "\t") for char in line.rstrip()):
        return POISON, "not printable ASCII"
    selectors, command = extract_neighbors(formated(line.rstrip()))
    if selectors and not match_neighbors(PEERS, selectors):
        return ERROR, "no neighbor matching the command"
    if command.split(" ", 1)[0] in PARSERS:
        command = "announce " + command
    name = _dispatched(command)
    verb, _, kind = (name or "").partition(" ")
    if kind == "watchdog" and not selectors and len(command.split(" ")) == 3:
        return WATCHDOG, command.split(" ")[2]
    if kind not in PARSERS:
        return COMMAND, name
    try:
        changes = PARSERS[kind](command)
    except (ValueError, IndexError) as error:
        return ERROR, str(error)
    except _Hang:
        raise
    except Exception as error:
        return NO_ACK, repr(error)
    if not changes:
        return ERROR, str(_api.configuration.error)
    without_prefix = kind in ("flow", "vpls")
    try:
        routes = []
        for change in changes:
            listing = change.extensive()
            route = Route(change, _pack(change, verb, not without_prefix), without_prefix)
            route.extensive = listing
            routes.append(route)
        return DONE, routes
    except _Hang:
        raise
    except (Exception, Notify) as error:
        return POISON, repr(error)


def verdict(line):
    """(DONE, [Route …]) or (another verdict, reason)."""
    previous = signal.signal(signal.SIGALRM, _alarm)
    signal.setitimer(signal.ITIMER_REAL, 3)
    try:
        return _ask(line)
    except _Hang:
        return HANG, "does not return"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


_UNORDERED = {8: 4, 16: 8, 32: 12}


def meaning(message):
    """A BGP UPDATE as a value: withdrawn, attributes by code, announced; lists of communities sorted,
    because their order means nothing; an attribute of no community is none."""
    body = message[19:]
    withdrawn_len = unpack("!H", body[:2])[0]
    withdrawn = body[2:2 + withdrawn_len]
    body = body[2 + withdrawn_len:]
    left = unpack("!H", body[:2])[0]
    data, announced = body[2:2 + left], body[2 + left:]
    attributes = {}
    while data:
        flags, code = data[0], data[1]
        size, head = (unpack("!H", data[2:4])[0], 4) if flags & 0x10 else (data[2], 3)
        value, data = data[head:head + size], data[head + size:]
        if code in _UNORDERED:
            step = _UNORDERED[code]
            value = b"".join(sorted(value[at:at + step] for at in range(0, len(value), step)))
        attributes[code] = (flags & ~0x10, value)
    return withdrawn, attributes, announced


def sent_to(line, peer_as):
    """{code: (flags, value)} of what goes to a neighbor with this AS, for a route that is announced; ours is 65000."""
    negotiated = type("_ToPeer", (_Negotiated,), {"local_as": ASN(65000), "peer_as": ASN(peer_as)})
    change = _api.api_route(formated(line))[0]
    change.nlri.action = OUT.ANNOUNCE
    message = next(iter(Update([change.nlri], change.attributes).messages(negotiated)))
    return meaning(message)[1]
