"""Keys in small files of the home, and texts that are signed with them."""

import os
import secrets
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from campaign.errors import WrongUsage
from campaign.settings import load_settings


def write_once(path: Path, text: str) -> str:
    """Write a file that appears complete or not at all, unless it is there already; return what it holds.

    Only its owner may read it. Raises WrongUsage where nothing can be written.
    """
    try:
        return _written_once(path, text)
    except OSError as error:
        raise WrongUsage(
            f"{path} cannot be written ({error.strerror}); set CAMPAIGN_HOME to a folder that can."
        ) from None


def _written_once(path: Path, text: str) -> str:
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


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
