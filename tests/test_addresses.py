import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.addresses import Allowed, is_public, may_reach
from schemas.errors import BadInput

PUBLIC = [
    "93.184.215.14",
    "1.1.1.1",
    "223.5.5.5",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
CLOSED = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "3fff::1",
    "5f00::1", "100::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::1", "2002:a00:1::",
    "2001:0:7f00:1:0:0:f7f7:f7f7", "2001:0:808:808:0:0:80ff:fffe", "", "localhost", "1.2.3", "0x7f.1", "2130706433",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", CLOSED)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_within_another_is_no_more_public_than_itself(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    wrapped = [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x64FF9B << 96) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1),
    ]
    assert {is_public(str(one)) for one in wrapped} == {is_public(str(address))}


@pytest.mark.parametrize(
    ("text", "address", "port", "held"),
    [
        ("127.0.0.1/32", "127.0.0.1", 1234, True),
        ("127.0.0.1/32", "127.0.0.2", 1234, False),
        ("127.0.0.3/32:8080", "127.0.0.3", 8080, True),
        ("127.0.0.3/32:8080", "127.0.0.3", 8081, False),
        ("127.0.0.3:8080", "127.0.0.3", 8080, True),
        ("10.0.0.0/8", "10.9.8.7", 80, True),
        ("127.0.0.1/32", "::ffff:127.0.0.1", 80, True),
        ("[::1]/128:8080", "::1", 8080, True),
        ("[::1]/128:8080", "::1", 80, False),
        ("::1/128", "::1", 80, True),
        ("::1", "::1", 80, True),
        ("fd00::/8", "fd12::1", 80, True),
        ("127.0.0.0/8", "no address", 80, False),
    ],
)
def test_allowed(text: str, address: str, port: int, held: bool) -> None:
    assert Allowed.parse(text).holds(address, port) is held


@pytest.mark.parametrize(
    "text", ["", "x", "127.0.0.1/33", "127.0.0.1/32:x", "127.0.0.1/32:0", "127.0.0.1/32:70000", "10.1.0.0/8"]
)
def test_allowed_refuses_what_it_cannot_read(text: str) -> None:
    with pytest.raises(BadInput, match="--allow-address"):
        Allowed.parse(text)


def test_only_web_ports_of_public_addresses() -> None:
    assert may_reach("1.1.1.1", 443, ()) and may_reach("1.1.1.1", 80, ())
    assert not may_reach("1.1.1.1", 22, ())
    assert may_reach("1.1.1.1", 8080, (Allowed.parse("1.1.1.1/32:8080"),))
    assert not may_reach("127.0.0.1", 80, (Allowed.parse("1.1.1.1/32"),))
