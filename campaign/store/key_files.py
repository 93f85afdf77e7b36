"""Small files that are written once and then only read: keys, and what they are recognised by."""

import os
import secrets
from pathlib import Path

from campaign.errors import WrongUsage


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
