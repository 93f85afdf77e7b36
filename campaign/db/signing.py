"""Keys in files of the home, and texts that are signed with them."""

import os
import secrets
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from campaign.errors import WrongUsage, unwritable
from campaign.settings import LEAST_LENGTH, load_settings


def write_once(path: Path, text: str) -> str:
    """Writes a file, complete or not at all, unless it exists already; returns the text of the file.

    Only its owner may read it. Raises WrongUsage where it cannot be written, NoRoom on a full disk.
    """
    try:
        if not path.exists():
            draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
            try:
                with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileExistsError):
                    os.link(draft, path)
            finally:
                draft.unlink(missing_ok=True)
        return path.read_text().strip()
    except OSError as error:
        raise unwritable(path, error) from None


def sign(purpose: str, content: Any) -> str:
    """Signs `content` as a text for a URL, which can be read, but not changed, without the key."""
    return str(URLSafeSerializer(_key(), salt=purpose).dumps(content))


def signed(purpose: str, text: str) -> Any | None:
    """Returns the content that `sign` received for the same purpose; None when the signature is invalid."""
    try:
        return URLSafeSerializer(_key(), salt=purpose).loads(text)
    except BadData:
        return None


def sign_for_a_while(purpose: str, content: Any) -> str:
    """Signs like `sign`, with the time."""
    return str(URLSafeTimedSerializer(_key(), salt=purpose).dumps(content))


def signed_within(purpose: str, text: str, seconds: int) -> Any | None:
    """Returns the content that `sign_for_a_while` received; None when the signature is invalid or too old."""
    try:
        return URLSafeTimedSerializer(_key(), salt=purpose).loads(text, max_age=seconds)
    except BadData:
        return None


def mark_of(external_id: str) -> str:
    """Computes the keyed hash by which an erased person is recognised."""
    return blake2b(external_id.encode(), key=_key().encode()[:64], person=b"erased", digest_size=32).hexdigest()


def _key() -> str:
    settings = load_settings()
    return settings.signing_key.get_secret_value() or _key_in(settings.home)


@lru_cache
def _key_in(home: Path) -> str:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = home / "signing.key"
    key = write_once(file, secrets.token_urlsafe(48))
    if len(key) < LEAST_LENGTH:
        raise WrongUsage(
            f"The key in {file} is shorter than {LEAST_LENGTH} characters: anyone could guess it. Restore the file"
            " from your backup, or delete it for a new key; personal links that are out then lead nowhere."
        )
    return key
