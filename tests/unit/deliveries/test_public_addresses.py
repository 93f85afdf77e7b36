"""Which addresses of the internet a file may come from."""

from ipaddress import ip_address

import pytest

from campaign.deliveries.fetch import is_public, resolve


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_public_addresses(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "127.0.0.1",
        "127.255.0.9",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "fe80::1",
        "fe80::1%2",
        "fec0::1",
        "fc00::1",
        "ff02::1",
        "ff0e::1",
        "2001:db8::1",
        "2001:0:5ef5:79fd::1",
        "100::1",
        # Other ways of writing 127.0.0.1, 10.0.0.1 and 169.254.169.254.
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::1",
        "::ffff:169.254.169.254",
        # Where clouds keep the keys of their machines: everybody, Alibaba, Oracle, Azure, Amazon.
        "169.254.169.254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "fd00:ec2::254",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001"])
def test_every_way_of_writing_an_address_is_seen_through(host: str) -> None:
    assert resolve(host, 443) == [ip_address("127.0.0.1")]


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..b", ""])
def test_a_host_that_cannot_be(host: str) -> None:
    try:
        found = resolve(host, 443)
    except OSError:
        return
    assert not any(is_public(address) for address in found)
