"""Page tokens: they hold a place in the follow sequence, sealed so that a client can only hand them back."""

import secrets
import struct
from base64 import b32hexdecode, b32hexencode
from binascii import Error as NotBase32
from hashlib import blake2b
from typing import NamedTuple

from campaign.simulator.snowflakes import scramble, unscramble

PLACE = struct.Struct(">QQ?")
SEAL = 8
"""Bytes; with the place they make 40 characters of base32hex, X's alphabet for tokens (OpenAPI: at least 16)."""
POSITION_BITS = 40


class Cursor(NamedTuple):
    """Read older followers than `position`, or with `upwards` those from it on."""

    position: int
    upwards: bool = False


class Tokens:
    """Tokens in force; they stay good while the list changes, until all are made to expire."""

    def __init__(self) -> None:
        self.expire()

    def expire(self) -> None:
        """Makes all tokens given out so far unknown."""
        self._secret = secrets.token_bytes(16)
        self._blind = secrets.randbits(62)

    def seal(self, owner: int, cursor: Cursor) -> str:
        """Returns the token for this place in the list of the account with the user number `owner`."""
        place = PLACE.pack(owner, *cursor)
        seal = self._seal(place)
        return b32hexencode(seal + self._veil(place, seal)).decode().lower()

    def open(self, owner: int, token: str) -> Cursor | None:
        """Returns the place a token holds; None when it is not one of ours, expired, or of another account's list."""
        try:
            sealed = b32hexdecode(token, casefold=True)
        except (NotBase32, ValueError):
            return None
        if len(sealed) != SEAL + PLACE.size:
            return None
        place = self._veil(sealed[SEAL:], sealed[:SEAL])
        if self._seal(place) != sealed[:SEAL]:
            return None
        owner_in_token, position, upwards = PLACE.unpack(place)
        return Cursor(position, upwards) if owner_in_token == owner else None

    def number(self, index: int, cursor: Cursor) -> int:
        """Returns the place as a v1.1 cursor for the list of the account numbered `index`: negative reads upwards."""
        sealed = scramble(((index << POSITION_BITS) | cursor.position) ^ self._blind)
        return -sealed if cursor.upwards else sealed

    def place(self, index: int, number: int) -> Cursor | None:
        """Returns the place that a v1.1 cursor holds; None as in `open`."""
        if abs(number) >= 1 << 63:
            return None
        owner, position = divmod(unscramble(abs(number)) ^ self._blind, 1 << POSITION_BITS)
        return Cursor(position, number < 0) if owner == index else None

    def _seal(self, place: bytes) -> bytes:
        return blake2b(place, key=self._secret, digest_size=SEAL).digest()

    def _veil(self, place: bytes, seal: bytes) -> bytes:
        veil = blake2b(seal, key=self._secret, digest_size=PLACE.size).digest()
        return bytes(left ^ right for left, right in zip(place, veil, strict=True))
