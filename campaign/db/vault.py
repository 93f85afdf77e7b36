"""Keys in files of the home, texts that are signed with them, and the vault: encrypted secrets in our own database.

The vault holds keys of X accounts and tokens of people who agreed. Its encryption keys are those of
CAMPAIGN_ENCRYPTION_KEY or, where that is empty, of the file `vault.key` in the home. The first one encrypts, each of
them decrypts. They are read anew each time, so that a rotation needs no restart.

Two rules keep every secret readable, whatever crashes:
* A writer locks the key check, shared with other writers, before it reads the keys; a rotation locks it exclusively.
* While no rotation holds that lock, the key file holds every key that a secret is encrypted with.
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, text
from sqlalchemy import delete as delete_from
from sqlmodel import Session, col, select

from campaign.db.engine import read_session, transaction
from campaign.errors import WrongUsage, unwritable
from campaign.settings import LEAST_LENGTH, load_settings, split_keys
from models import Moment, Secret, SecretKind


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
    from itsdangerous import URLSafeSerializer  # the web needs it, most commands do not

    return str(URLSafeSerializer(_key(), salt=purpose).dumps(content))


def signed(purpose: str, text: str) -> Any | None:
    """Returns the content that `sign` received for the same purpose; None when the signature is invalid."""
    from itsdangerous import BadData, URLSafeSerializer

    try:
        return URLSafeSerializer(_key(), salt=purpose).loads(text)
    except BadData:
        return None


def sign_for_a_while(purpose: str, content: Any) -> str:
    """Signs like `sign`, with the time."""
    from itsdangerous import URLSafeTimedSerializer

    return str(URLSafeTimedSerializer(_key(), salt=purpose).dumps(content))


def signed_within(purpose: str, text: str, seconds: int) -> Any | None:
    """Returns the content that `sign_for_a_while` received; None when the signature is invalid or too old."""
    from itsdangerous import BadData, URLSafeTimedSerializer

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


if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_VARIABLE = "CAMPAIGN_ENCRYPTION_KEY"
#: The owner of the key check, which is the vault itself.
_VAULT = 0
#: How often a token that cannot be decrypted is read again: more than once matters only when rotations are very close.
_ATTEMPTS = 5

_INSERT = """
INSERT INTO secret (kind, owner_id, value, updated_at) VALUES (:kind, :owner_id, :value, :now)
ON CONFLICT (kind, owner_id) DO """
_NOW = bindparam("now", type_=Moment())
_SAVE = text(f"{_INSERT} UPDATE SET value = excluded.value, updated_at = excluded.updated_at").bindparams(_NOW)
_BEGIN = text(f"{_INSERT} NOTHING").bindparams(_NOW)
_ENCRYPT_AGAIN = text(
    "UPDATE secret SET value = :value, updated_at = :now WHERE kind = :kind AND owner_id = :owner_id"
).bindparams(_NOW)
_ROWS = select(Secret.kind, Secret.owner_id, Secret.value)
_KEY_CHECK = _ROWS.where(Secret.kind == SecretKind.KEY_CHECK)

#: Kind, owner and token.
_Row = tuple[str, int, str]


def save(session: Session, kind: SecretKind, owner_id: int, values: Mapping[str, str], now: datetime) -> None:
    """Encrypts a secret and writes it over the one that is there; raises WrongUsage when the key is lost."""
    row = _lock(session) or _begin(session, now)
    fernet = _check(_fernet(_load_keys()), row)
    session.execute(_SAVE, _encrypt(fernet, kind, owner_id, values, now))


def read(session: Session, kind: SecretKind, owner_id: int) -> dict[str, str] | None:
    """Decrypts a secret; None where there is none. Raises WrongUsage when the key is lost or the secret damaged."""
    token = _token(session, kind, owner_id)
    for _ in range(_ATTEMPTS):
        if token is None:
            return None
        values = _decrypt(_fernet(_load_keys()), kind, owner_id, token)
        if values is not None:
            return values
        # A rotation may have ended after the token was read, or after this session began: SQLite shows a session the
        # rows as they were at its beginning.
        with read_session() as fresh:
            token = _token(fresh, kind, owner_id)
    if kind is not SecretKind.KEY_CHECK:
        check_key(session)
    raise _unreadable(kind, owner_id)


def delete(session: Session, kind: SecretKind, owner_id: int) -> None:
    """Deletes a secret; harmless when it is gone, and possible without the key."""
    _lock(session)
    session.execute(delete_from(Secret).where(col(Secret.kind) == kind, col(Secret.owner_id) == owner_id))


def list_owners(session: Session, kind: SecretKind) -> list[int]:
    """Lists the owners of secrets of this kind, without decrypting any."""
    return list(session.exec(select(Secret.owner_id).where(Secret.kind == kind).order_by(col(Secret.owner_id))))


def check_key(session: Session) -> None:
    """Raises WrongUsage when the encryption key is missing, damaged or not the one of this database."""
    read(session, SecretKind.KEY_CHECK, _VAULT)


def discard_all(session: Session) -> int:
    """Deletes every secret, so that a new key can replace a lost one; returns how many there were."""
    _lock(session, alone=True)
    kinds = session.exec(select(Secret.kind)).all()
    session.execute(delete_from(Secret))
    return len(kinds) - kinds.count(SecretKind.KEY_CHECK)


def rotate_key(now: datetime) -> int:
    """Encrypts every secret with a new key, or with the first one of CAMPAIGN_ENCRYPTION_KEY; returns how many.

    May be killed at any point and run again, while other processes read and write secrets.
    """
    # Durable: after a power failure the database must not need the keys that are dropped below.
    with transaction(durable=True) as session:
        first = _lock(session, alone=True)
        if first is None:
            return 0
        keys = _load_keys()
        decrypting = _check(_fernet(keys), first)
        if not _is_key_given():
            keys = [_make_key(), *keys]
        encrypting = _fernet(keys)
        rows = []
        for kind, owner_id, token in session.exec(_ROWS):
            values = _decrypt(decrypting, kind, owner_id, token)
            if values is None:
                raise _unreadable(kind, owner_id)
            rows.append(_encrypt(encrypting, kind, owner_id, values, now))
        if not _is_key_given():
            _replace_key_file(keys)
        session.execute(_ENCRYPT_AGAIN, rows)
    if not _is_key_given():
        with transaction() as session:
            if _lock(session, alone=True) is not None:
                keys, kept = _load_keys(), session.exec(_ROWS).all()
                used = [key for key in keys if any(_decrypt(_fernet([key]), *row) is not None for row in kept)]
                if used and used != keys:
                    _replace_key_file(used)
    return sum(row["kind"] != SecretKind.KEY_CHECK for row in rows)


def _lock(session: Session, *, alone: bool = False) -> _Row | None:
    """Locks the key check and returns it; None while the vault is empty.

    On SQLite a transaction that writes is alone in any case.
    """
    row = session.exec(_KEY_CHECK.with_for_update(read=not alone)).first()
    # Where the key check was deleted by hand, any secret shows whether a key is the right one.
    return row or session.exec(_ROWS.limit(1).with_for_update(read=not alone)).first()


def _check(fernet: "MultiFernet", row: _Row) -> "MultiFernet":
    """Raises WrongUsage unless these keys decrypt the row; checked before anything is written with them."""
    if _decrypt(fernet, *row) is None:
        raise _unreadable(SecretKind.KEY_CHECK, _VAULT)
    return fernet


def _begin(session: Session, now: datetime) -> _Row:
    """Makes the key, unless there is one, and writes the key check."""
    if not _is_key_given():
        with _writing_keys():
            _key_file().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_once(_key_file(), _make_key())
            _sync_folder()
    session.execute(_BEGIN, _encrypt(_fernet(_load_keys()), SecretKind.KEY_CHECK, _VAULT, {}, now))
    # Read again: another machine may have been first, with a key of its own.
    return session.exec(_KEY_CHECK.with_for_update(read=True)).one()


def _token(session: Session, kind: SecretKind, owner_id: int) -> str | None:
    # A column, not a row of the session, which would be the one that it read before.
    query = select(Secret.value).where(Secret.kind == kind, Secret.owner_id == owner_id)
    return session.exec(query).first()


def _encrypt(
    fernet: "MultiFernet", kind: str, owner_id: int, values: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    # The owner is encrypted too: a token that was moved to another row is not accepted there.
    content = json.dumps({"kind": kind, "owner_id": owner_id, "values": dict(values)})
    token = fernet.encrypt_at_time(content.encode(), int(now.timestamp())).decode()
    return {"kind": str(kind), "owner_id": owner_id, "value": token, "now": now}


def _decrypt(fernet: "MultiFernet", kind: str, owner_id: int, token: str) -> dict[str, str] | None:
    """Returns the values; None when the token is damaged, of another row, or encrypted with another key."""
    from cryptography.fernet import InvalidToken

    try:
        content = json.loads(fernet.decrypt(token))
    except (InvalidToken, ValueError):
        return None
    values: dict[str, str] = content["values"]
    return values if (content["kind"], content["owner_id"]) == (kind, owner_id) else None


def _fernet(keys: Sequence[str]) -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(key) for key in keys])


def _make_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def _is_key_given() -> bool:
    return bool(load_settings().encryption_key.get_secret_value())


def _key_file() -> Path:
    return load_settings().home / "vault.key"


def _load_keys() -> list[str]:
    if _is_key_given():
        return split_keys(load_settings().encryption_key.get_secret_value())
    file = _key_file()
    # The caught errors may contain the damaged key, so the new error is raised after the handlers.
    try:
        return split_keys(file.read_text())
    except FileNotFoundError:
        problem = f"The encryption key {file} is missing and {_VARIABLE} is not set"
        remedy = _remedy("put the file back from your backup or from the machine that has it")
    except OSError as error:
        problem = f"The encryption key {file} cannot be read ({error.strerror})"
        remedy = "make it readable for the user who runs campaign."
    except ValueError:
        problem = f"{file} does not hold an encryption key any more"
        remedy = _remedy("put the file back from your backup", "delete it, run")
    raise WrongUsage(f"{problem}, so the secrets in the database cannot be read: {remedy}")


def _replace_key_file(keys: Sequence[str]) -> None:
    """Replaces the key file, which is complete at every moment."""
    # One process at a time gets here, so the draft of a killed process can be deleted.
    draft = _key_file().with_name("vault.key.new")
    with _writing_keys():
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            file.write("\n".join(keys))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(_key_file())
        _sync_folder()


def _sync_folder() -> None:
    """Makes the name of the key file survive a power failure, like the commit that follows."""
    folder = os.open(_key_file().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _writing_keys() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(_key_file(), error) from None


def _unreadable(kind: str, owner_id: int) -> WrongUsage:
    if kind == SecretKind.SERVICE_KEYS:
        return WrongUsage(
            f"The keys of service {owner_id} in the database are damaged; enter them again with"
            " `campaign service edit HANDLE --keys`."
        )
    if kind == SecretKind.CONTACT_GRANT:
        return WrongUsage(
            f"The token of agreement {owner_id} in the database is damaged; delete it: the profile is read once"
            " the person agrees again."
        )
    if _is_key_given():
        first_step = (
            "set it to the key from your backup (to change it, to the new key, a comma and the old key, and run"
            " `campaign keys rotate`)"
        )
    else:
        first_step = "put the file back from your backup or from the machine that has the right one"
    source = _VARIABLE if _is_key_given() else _key_file()
    return WrongUsage(
        f"{source} does not hold the key that the secrets in the database were encrypted with: {_remedy(first_step)}"
    )


def _remedy(first_step: str, otherwise: str = "run") -> str:
    return (
        f"{first_step}; without a backup {otherwise} `campaign keys discard` and enter the keys of every service"
        " again with `campaign service edit HANDLE --keys`: only those keys, and the tokens of people whose profiles"
        " were not read yet, are lost."
    )
