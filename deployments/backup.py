"""Backups of a home: both databases as they are at one moment, and its keys, encrypted with a passphrase."""

import gzip
import json
import os
import tarfile
import zlib
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pendulum
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from filelock import FileLock, Timeout
from sqlmodel import Session

from campaign.db import backup as databases
from campaign.db.backup import DatabaseCopy
from campaign.db.engine import room_for
from campaign.db.vault import write_once
from campaign.deliveries.log import Doubts, mark_unknown
from campaign.errors import NoRoom, WrongUsage, is_full, unwritable
from campaign.settings import Settings
from deployments.processes import make_home
from deployments.server import ENCRYPTION_VARIABLE, PASSWORD_VARIABLE, fingerprint_file

#: The files of the home with its keys; a key that the environment sets takes the place of its file.
_KEYS = ("vault.key", "signing.key", "encryption.key", "server.password")
_CONTENTS, _ENCRYPTED_KEYS, _OURS, _PREFECT = "contents.json", "keys.json", "database", "prefect.db"
#: What scrypt costs: 128 MB and half a second for each passphrase that is tried (OWASP's recommendation).
_SCRYPT = {"n": 2**17, "r": 8, "p": 1}
_FORMAT = 1


def back_up(settings: Settings, file: Path, passphrase: str) -> datetime:
    """Writes a backup of the home into a new file, while everything goes on; returns its moment."""
    if file.exists():
        raise WrongUsage(f"{file} exists already; name another file.")
    # Everything that goes out after this moment is unknown to the backup.
    taken_at = pendulum.now("UTC")
    try:
        with room_for(file), _folder_beside(file) as folder:
            (folder / _OURS).mkdir()
            if _prefect_file(settings).exists():
                databases.copy_sqlite(_prefect_file(settings), folder / _PREFECT)
            copy = databases.dump(folder / _OURS)
            contents = {"format": _FORMAT, "version": version("campaign"), "taken_at": taken_at.isoformat()}
            (folder / _CONTENTS).write_text(json.dumps(contents | {"database": asdict(copy)}))
            given = (
                settings.encryption_key.get_secret_value(),
                settings.signing_key.get_secret_value(),
                os.environ.get(ENCRYPTION_VARIABLE),
                os.environ.get(PASSWORD_VARIABLE),
            )
            files = {name: settings.home / name for name in _KEYS}
            kept = {name: file.read_text().strip() for name, file in files.items() if file.exists()}
            keys = kept | {name: key for name, key in zip(_KEYS, given, strict=True) if key}
            salt = os.urandom(16)
            token = _fernet(passphrase, salt).encrypt(json.dumps(keys).encode()).decode()
            document = {"salt": b64encode(salt).decode(), "keys": token}
            (folder / _ENCRYPTED_KEYS).write_text(json.dumps(document))
            draft = folder / "draft"
            with draft.open("xb") as written:
                with tarfile.open(fileobj=written, mode="w:gz", compresslevel=3) as archive:
                    for name in (_CONTENTS, _ENCRYPTED_KEYS, _PREFECT, _OURS):
                        if (folder / name).exists():
                            archive.add(folder / name, name)
                written.flush()
                os.fsync(written.fileno())
            draft.chmod(0o600)
            os.link(draft, file)
    except FileExistsError:
        raise WrongUsage(f"{file} exists already; name another file.") from None
    except OSError as error:
        if is_full(error):
            raise NoRoom(file) from None
        raise WrongUsage(f"{file} cannot be written ({error.strerror}); name a file in another folder.") from None
    return taken_at


def restore(
    settings: Settings, file: Path, passphrase: str, now: datetime, *, overwrite: bool
) -> tuple[datetime, Doubts]:
    """Makes the home and its databases from a backup; returns the moment of the backup, and what it leaves open.

    Raises WrongUsage, before anything is changed, when the home or the database has data and `overwrite` is off, when
    `campaign up` runs, and for a wrong passphrase or a damaged file.
    """
    make_home(settings)
    restored = settings.home / "restored"
    with _alone(settings), room_for(restored), _folder_beside(restored) as folder:
        copy, taken_at, encrypted = _unpack(file, folder)
        keys = _decrypt(encrypted, passphrase)
        databases.check_fits(copy)
        files = (_prefect_file(settings), *(settings.home / name for name in _KEYS))
        if not overwrite and (databases.has_data() or any(one.exists() for one in files)):
            raise WrongUsage(
                f"{settings.home} or its database has data already; restore into an empty one, or replace all of it"
                " with --overwrite."
            )
        doubts = Doubts()

        def finish(session: Session) -> None:
            nonlocal doubts
            doubts = mark_unknown(session, taken_at, now)

        # Ours first: where it is refused, nothing is changed yet.
        databases.load(folder / _OURS, copy, finish)
        try:
            # The next start writes it for the key that is there then.
            fingerprint_file(settings).unlink(missing_ok=True)
            for name, key in keys.items():
                path = settings.home / name
                path.unlink(missing_ok=True)
                write_once(path, key)
            if (folder / _PREFECT).exists():
                databases.copy_sqlite(folder / _PREFECT, _prefect_file(settings))
        except OSError as error:
            raise unwritable(settings.home, error) from None
        return taken_at, doubts


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keeps `campaign up` out; raises WrongUsage while it runs."""
    try:
        locks = [FileLock(settings.home / name).acquire(timeout=0) for name in ("up.lock", "server.lock")]
    except Timeout:
        raise WrongUsage(f"`campaign up` runs for {settings.home}; stop it, then restore.") from None
    with locks[0], locks[1]:
        yield


@contextmanager
def _folder_beside(file: Path) -> Iterator[Path]:
    """Makes a folder on the same disk, for its owner only, which is gone afterwards."""
    with TemporaryDirectory(dir=file.absolute().parent, prefix=".campaign-backup-") as folder:
        yield Path(folder)


def _prefect_file(settings: Settings) -> Path:
    return settings.prefect_home / "prefect.db"


def _unpack(file: Path, folder: Path) -> tuple[DatabaseCopy, datetime, str]:
    """Unpacks a backup; returns its copy of the database, its moment and its encrypted keys."""
    try:
        opened = file.open("rb")
    except OSError as error:
        raise WrongUsage(f"The backup {file} cannot be read ({error.strerror}); name another file.") from None
    try:
        with opened, gzip.open(opened) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                archive.extractall(folder, filter="data")
            while stream.read(1 << 20):  # the rest of it, which ends with the checksum of all
                pass
        contents: dict[str, Any] = json.loads((folder / _CONTENTS).read_text())
        if contents["format"] != _FORMAT:
            raise WrongUsage(f"{file} was made by campaign {contents['version']}; install that version.")
        copy, taken_at = DatabaseCopy(**contents["database"]), datetime.fromisoformat(contents["taken_at"])
        return copy, taken_at, (folder / _ENCRYPTED_KEYS).read_text()
    except (tarfile.TarError, EOFError, zlib.error, ValueError, LookupError, TypeError, OSError) as error:
        if isinstance(error, OSError) and is_full(error):
            raise NoRoom(folder.parent) from None
        raise WrongUsage(f"{file} is not a backup of campaign, or it is damaged; use another one.") from None


def _decrypt(text: str, passphrase: str) -> dict[str, str]:
    document = json.loads(text)
    try:
        keys: dict[str, str] = json.loads(_fernet(passphrase, b64decode(document["salt"])).decrypt(document["keys"]))
    except InvalidToken:
        raise WrongUsage("The passphrase is not the one with which the keys of this backup were encrypted.") from None
    return keys


def _fernet(passphrase: str, salt: bytes) -> Fernet:
    return Fernet(urlsafe_b64encode(Scrypt(salt=salt, length=32, **_SCRYPT).derive(passphrase.encode())))
