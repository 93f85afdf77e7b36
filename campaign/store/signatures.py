"""Links that only this installation can have made: signed with one key, which is in the settings or in the home."""

import secrets
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from campaign.settings import load_settings
from campaign.store.key_files import write_once


def sign(purpose: str, content: Any) -> str:
    """A text for an address that holds `content`, plain JSON that anybody can read and nobody can change."""
    return str(URLSafeSerializer(_key(), salt=purpose).dumps(content))


def signed(purpose: str, text: str) -> Any | None:
    """What `sign` was given for the same purpose; None when the text is none of ours."""
    try:
        return URLSafeSerializer(_key(), salt=purpose).loads(text)
    except BadData:
        return None


def sign_for_a_while(purpose: str, content: Any) -> str:
    """Like `sign`, with the time in it."""
    return str(URLSafeTimedSerializer(_key(), salt=purpose).dumps(content))


def signed_within(purpose: str, text: str, seconds: int) -> Any | None:
    """What `sign_for_a_while` was given, unless that is longer ago than so many seconds; None for all others."""
    try:
        return URLSafeTimedSerializer(_key(), salt=purpose).loads(text, max_age=seconds)
    except BadData:
        return None


def mark_of(external_id: str) -> str:
    """The keyed hash by which somebody who was erased is recognised."""
    return blake2b(external_id.encode(), key=_key().encode()[:64], person=b"erased", digest_size=32).hexdigest()


def _key() -> str:
    settings = load_settings()
    return settings.signing_key.get_secret_value() or _key_in(settings.home)


@lru_cache
def _key_in(home: Path) -> str:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return write_once(home / "signing.key", secrets.token_urlsafe(48))
