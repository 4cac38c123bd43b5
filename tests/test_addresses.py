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
    "2606:4700::5efe:8.8.8.8",
    "2001:0:808:808:0:0:f7f7:f7f7",
]
CLOSED = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "3fff::1",
    "5f00::1", "100::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::1", "2002:a00:1::",
    "2001:0:7f00:1:0:0:f7f7:f7f7", "2001:0:808:808:0:0:80ff:fffe", "::8.8.8.8", "2606:4700::5efe:10.0.0.1",
    "2606:4700::200:5efe:127.0.0.1", "2606:4700:4700::1111%eth0", "::ffff:0:8.8.8.8", "4000::1", "1::1", "",
    "localhost", "1.2.3", "0x7f.1", "2130706433",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", CLOSED)
def test_not_public(address: str) -> None:
    assert not is_public(address)


# IANA's special-purpose registries, row by row; the last word says what we make of `Globally Reachable`.
REGISTRY = """
0.0.0.0/8 closed                10.0.0.0/8 closed               100.64.0.0/10 closed        127.0.0.0/8 closed
169.254.0.0/16 closed           172.16.0.0/12 closed            192.0.0.0/24 closed         192.0.0.0/29 closed
192.0.0.8/32 closed             192.0.0.9/32 closed             192.0.0.10/32 closed        192.0.0.170/31 closed
192.0.2.0/24 closed             192.31.196.0/24 public          192.52.193.0/24 public      192.88.99.0/24 closed
192.168.0.0/16 closed           192.175.48.0/24 public          198.18.0.0/15 closed        198.51.100.0/24 closed
203.0.113.0/24 closed           224.0.0.0/4 closed              240.0.0.0/4 closed          255.255.255.255/32 closed
::1/128 closed                  ::/128 closed                   ::/96 closed                64:ff9b:1::/48 closed
100::/64 closed                 100:0:0:1::/64 closed           2001:1::1/128 closed        2001:1::2/128 closed
2001:2::/48 closed              2001:3::/32 closed              2001:4:112::/48 closed      2001:10::/28 closed
2001:20::/28 closed             2001:30::/28 closed             2001:db8::/32 closed        2620:4f:8000::/48 public
3fff::/20 closed                5f00::/16 closed                fc00::/7 closed             fe80::/10 closed
fec0::/10 closed                ff00::/8 closed                 2001:200::/23 public        2400::/12 public
"""
BESIDE = """
1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0
198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
2000:: 2001:200:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9:: 3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff
3fff:1000:: 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
"""


@pytest.mark.parametrize(("block", "said"), zip(REGISTRY.split()[::2], REGISTRY.split()[1::2], strict=True))
def test_the_registries_hold_from_the_first_to_the_last_address(block: str, said: str) -> None:
    network = ipaddress.ip_network(block)
    assert {is_public(str(one)) for one in (network[0], network[-1])} == {said == "public"}


@pytest.mark.parametrize("address", BESIDE.split())
def test_what_lies_beside_a_special_block_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_we_reach_no_more_than_python_calls_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert not is_public(str(address)) or address.is_global or int(address) >> 112 in (0x2002, 0x2001, 0x64)


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
