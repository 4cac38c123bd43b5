"""Which numeric addresses may be reached: public ones, and those that the user allows by name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from schemas.errors import BadInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215: a site's own translation
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291's deprecated form, which some stacks still route
_NEVER_PUBLIC = [
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # RFC 6598 shared: where some clouds keep their metadata
        "192.0.0.0/24",  # RFC 6890 protocol assignments
        "192.88.99.0/24",  # RFC 7526: the retired 6to4 relay
        "fec0::/10",  # RFC 3879: retired site-local
        "3fff::/20",  # RFC 9637: documentation
        "5f00::/16",  # RFC 9602: segment routing, inside one network only
    )
]
_WEB_PORTS = (80, 443)  # a crawler that can be pointed at other ports is a port scanner


def is_public(address: str) -> bool:
    """Whether one literal IPv4 or IPv6 address is reachable by anyone: not loopback, private, link-local and so on.

    An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4, Teredo) counts as itself. What is no address is not
    public. Source: IANA's special-purpose registries, as `ipaddress` knows them, and the list above.

    >>> is_public("93.184.215.14"), is_public("127.0.0.1"), is_public("::ffff:10.0.0.1"), is_public("64:ff9b::7f00:1")
    (True, False, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(_plainly_public(one) for one in _unwrapped(parsed))


def _plainly_public(address: Address) -> bool:
    if address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback:
        return False
    if any(address.version == network.version and address in network for network in _NEVER_PUBLIC):
        return False
    return address.is_global


def _unwrapped(address: Address) -> list[Address]:
    """The addresses that a packet to this one may end at."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.scope_id is not None or address in _NAT64_LOCAL:
        return [ipaddress.IPv6Address("::1")]  # only ever local
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64 or address in _COMPATIBLE:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
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
