"""Which numeric addresses may be reached: public ones, and those that the user allows by name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from schemas.errors import BadInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: these before an IPv4 address, in any network
_WORLD = ipaddress.IPv6Network("2000::/3")  # RFC 4291: all global unicast so far; all else is special or unassigned
_CLOSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # RFC 791: this network; Linux takes 0.0.0.0 for itself
        "10.0.0.0/8",  # RFC 1918: private
        "100.64.0.0/10",  # RFC 6598: shared, where some clouds keep their metadata
        "127.0.0.0/8",  # RFC 1122: loopback
        "169.254.0.0/16",  # RFC 3927: link-local, where most clouds keep their metadata
        "172.16.0.0/12",  # RFC 1918: private
        "192.0.0.0/24",  # RFC 6890: protocol assignments; two of them are reachable, and serve no pages
        "192.0.2.0/24",  # RFC 5737: documentation
        "192.88.99.0/24",  # RFC 7526: the retired 6to4 relay
        "192.168.0.0/16",  # RFC 1918: private
        "198.18.0.0/15",  # RFC 2544: benchmarking
        "198.51.100.0/24",  # RFC 5737: documentation
        "203.0.113.0/24",  # RFC 5737: documentation
        "224.0.0.0/3",  # RFC 1112: multicast, reserved, and broadcast at its end
        "2001::/23",  # RFC 2928: protocol assignments, benchmarking among them; Teredo is unwrapped before
        "2001:db8::/32",  # RFC 3849: documentation
        "3fff::/20",  # RFC 9637: documentation
    )
)
_WEB_PORTS = (80, 443)  # a crawler that can be pointed at other ports is a port scanner


def is_public(address: str) -> bool:
    """Whether one literal IPv4 or IPv6 address is reachable by anyone: not loopback, private, link-local and so on.

    An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo, ISATAP) counts as itself. What is no address, or
    has a scope, is not public. Source: IANA's special-purpose registries of October 2025, as the list above; not the
    `ipaddress` module's own, which differs from one Python to the next.

    >>> is_public("93.184.215.14"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1"), is_public("64:ff9b::7f00:1")
    (True, False, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(_plainly_public(one) for one in _unwrapped(parsed))


def _plainly_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id is not None or address not in _WORLD):
        return False
    return not any(address in network for network in _CLOSED if network.version == address.version)


def _unwrapped(address: Address) -> list[Address]:
    """The addresses that a packet to this one may end at."""
    if isinstance(address, ipaddress.IPv4Address) or address.scope_id is not None:
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64:
        return [last]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return [address, last]
    return [address]


@dataclass(frozen=True)
class Allowed:
    """A range of addresses that the user opens with --allow-address; `port` None means every port."""

    network: Network
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Allowed:
        """Read `127.0.0.1/32`, `127.0.0.1/32:8080`, `::1/128` or `[::1]/128:8080`. Raises BadInput."""
        address, port = _split_port(text.strip())
        try:
            network = ipaddress.ip_network(address.replace("[", "").replace("]", ""))
            number = None if port is None else int(port)
        except ValueError as error:
            raise BadInput(f"--allow-address {text!r}: {error}; write 127.0.0.1/32 or 127.0.0.1/32:8080") from None
        if number is not None and not 0 < number < 65_536:
            raise BadInput(f"--allow-address {text!r}: a port is a number from 1 to 65535")
        return cls(network, number)

    def holds(self, address: str, port: int) -> bool:
        """Whether this range opens one address and port; an IPv4-mapped address counts as itself."""
        try:
            parsed: Address = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return (
            parsed.version == self.network.version
            and parsed in self.network
            and (self.port is None or self.port == port)
        )


def _split_port(text: str) -> tuple[str, str | None]:
    """Part the address from the port: after `]` or after the slash a colon can only begin a port."""
    for mark in ("]", "/"):
        before, found, after = text.rpartition(mark)
        if found and ":" in after:
            range_end, _, port = after.partition(":")
            return before + found + range_end, port
    if text.count(":") == 1:  # an IPv4 address and a port, without a slash
        address, _, port = text.partition(":")
        return address, port
    return text, None


def may_reach(address: str, port: int, allowed: tuple[Allowed, ...]) -> bool:
    """Whether the crawler may open a connection: what is allowed by name, else public addresses on web ports."""
    if any(range_.holds(address, port) for range_ in allowed):
        return True
    return port in _WEB_PORTS and is_public(address)
