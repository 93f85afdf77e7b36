"""Which addresses of the internet a file may come from: none inside the network of the worker."""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# IANA's space for addresses of the whole internet; all else is local, reserved or a form of writing an IPv4 address.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_6TO4, _NAT64 = IPv6Network("2002::/16"), IPv6Network("64:ff9b::/96")
_NOT_PUBLIC = (
    # Not all of it is private to every Python, and Oracle's metadata are at 192.0.0.192.
    IPv4Network("192.0.0.0/24"),
    # Azure's metadata and health service: a public address that only its own machines reach.
    IPv4Network("168.63.129.16/32"),
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anybody on the internet reaches the same machine at this address."""
    if isinstance(address, IPv4Address):
        local = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC)
        return address.is_global and not local
    inner = _inner(address)
    return is_public(inner) if inner else address in _GLOBAL_UNICAST and address.is_global


def resolve(host: str, port: int) -> list[IPv4Address | IPv6Address]:
    """All addresses of a host, in the order in which to try them; raises OSError when it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from None
    return [ip_address(entry[4][0]) for entry in found]


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that this one leads to."""
    number = int(address)
    if address in _6TO4:
        return IPv4Address(number >> 80 & 0xFFFF_FFFF)
    return IPv4Address(number & 0xFFFF_FFFF) if address in _NAT64 else address.ipv4_mapped
