"""The Prefect server of a home: starting it, finding the one that runs, and the key it encrypts with.

`python -m deployments.server` prints the key, for a server that is not started by `campaign up`.
"""

import hashlib
import json
import logging
import os
import secrets
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pendulum
from cryptography.fernet import Fernet
from filelock import FileLock
from sqlmodel import col, select

from campaign.db import vault
from campaign.db.engine import Announcement, transaction
from campaign.db.vault import write_once
from campaign.errors import NotPossible, WrongUsage
from campaign.services import store as services
from campaign.services.fields import read_fields
from campaign.settings import Settings, load_settings
from deployments.address import (
    RESPONSE_SECONDS,
    Address,
    address_in_environment,
    address_in_profile,
    certificates_of,
    check_version,
)
from deployments.processes import Process, child_environment, make_home, running
from models import SecretKind, Service

ENCRYPTION_VARIABLE = "PREFECT_SERVER_ENCRYPTION_KEY"
PASSWORD_VARIABLE = "PREFECT_SERVER_API_AUTH_STRING"  # noqa: S105

#: A first start makes Prefect's tables, on a slow machine for half a minute.
_START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Server:
    """A Prefect server that was started here."""

    url: str
    password: str = field(repr=False)
    process: Process
    lock: FileLock
    """Held until the server is ready: two servers must not make or migrate the same tables at the same time."""

    @property
    def api_url(self) -> str:
        """Returns the value of PREFECT_API_URL with which it is used."""
        return f"{self.url}/api"

    @property
    def address(self) -> Address:
        """Returns where it is, with its password."""
        return Address(self.api_url, self.password)

    def wait_until_healthy(self) -> None:
        """Waits for the first response; raises NotPossible with the reason when there is none."""
        deadline = time.monotonic() + _START_SECONDS
        with httpx.Client() as client:  # each new client loads the certificates of the machine
            while not is_healthy(self.api_url, client):
                log = self.process.log
                if self.process.has_ended:
                    reason = self.process.last_line()
                    raise NotPossible(f"The Prefect server did not start: {reason} More is in {log}.")
                if time.monotonic() > deadline:
                    raise NotPossible(f"The Prefect server did not start within {_START_SECONDS} s; see {log}.")
                time.sleep(0.05)


@contextmanager
def running_server(settings: Settings, port: int, *, ui: bool = True) -> Iterator[Server]:
    """Runs this home's server for as long as the block; raises WrongUsage, NotPossible."""
    with starting_server(settings, port, ui=ui) as server:
        server.wait_until_healthy()
        with published(settings, server):
            yield server


@contextmanager
def starting_server(settings: Settings, port: int, *, ui: bool = True) -> Iterator[Server]:
    """Starts this home's server, on loopback only, and does not wait for it: `wait_until_healthy`, then `published`."""
    make_home(settings)
    url, password = f"http://127.0.0.1:{port}", server_password(settings)
    environment = child_environment(settings) | Address(f"{url}/api", password).environment
    environment |= {
        ENCRYPTION_VARIABLE: server_key(settings),
        # Without the password no other user of this machine and no page in a browser reads or starts anything.
        PASSWORD_VARIABLE: password,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": url,
        # Relative: the UI asks where the browser found it, as localhost or as 127.0.0.1.
        "PREFECT_SERVER_UI_API_URL": "/api",
    }
    command = ["server", "start", "--host", "127.0.0.1", "--port", str(port), "--ui" if ui else "--no-ui"]
    lock = FileLock(settings.home / "server.lock")
    with lock.acquire(timeout=_START_SECONDS):
        check_free(port)
        with running(settings, "server", ["deployments.launch", *command], environment) as process:
            address_file(settings).unlink(missing_ok=True)  # a killed command leaves it behind
            yield Server(url, password, process, lock)


@contextmanager
def published(settings: Settings, server: Server) -> Iterator[None]:
    """Writes the address of the server, so that its worker begins and other commands find it."""
    file = address_file(settings)
    file.write_text(f"{server.api_url} {os.getpid()}\n")
    server.lock.release()
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def address_file(settings: Settings) -> Path:
    """Names the file with the address of the server of this home, while one is ready for use."""
    return settings.home / "server.url"


def moved_file(settings: Settings) -> Path:
    """Names the file with the address of the server that the workflows of this home were moved to."""
    return settings.home / "moved.url"


def check_not_moved(settings: Settings) -> None:
    """Raises NotPossible when the workflows of this home were moved to another server."""
    file = moved_file(settings)
    if file.exists():
        raise NotPossible(
            f"The workflows of this home were moved to {file.read_text()}: use `campaign worker` and `campaign web`"
            f" with PREFECT_API_URL set to it. To go back, delete {file} and switch the schedules on again."
        )


def drain_prefect() -> None:
    """Lets Prefect send the log lines and events that it sends in the background, before this process ends."""
    for module, worker in (("prefect.logging.handlers", "APILogWorker"), ("prefect.events.worker", "EventsWorker")):
        if module in sys.modules:
            getattr(sys.modules[module], worker).drain_all(timeout=5)


def free_port() -> int:
    """Finds a port of this machine that is not in use now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tests whether a server could listen on this port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def check_free(port: int) -> None:
    """Raises WrongUsage when another program listens on this port."""
    if not is_free(port):
        raise WrongUsage(
            f"Port {port} cannot be used; stop what uses it, or name another one with --port or CAMPAIGN_SERVER_PORT."
        )


def server_password(settings: Settings) -> str:
    """Returns `user:password` of this home's server: the operator's own, or the home's, made at the first start."""
    if given := os.environ.get(PASSWORD_VARIABLE):
        return given
    file = settings.home / "server.password"
    if password := write_once(file, f"campaign:{secrets.token_urlsafe(18)}"):
        return password
    raise WrongUsage(f"{file} is empty; delete it, and start again with a new password.")


def server_of(settings: Settings) -> Address | None:
    """Finds the server in use: that of PREFECT_API_URL, this home's while it runs, or that of Prefect's profile."""
    return address_in_environment() or server_of_home(settings) or address_in_profile(settings.prefect_home)


def checked_server(settings: Settings) -> Address | None:
    """Finds the server in use; raises WrongUsage unless it lets us in and has our version."""
    address = server_of(settings)
    if address:
        check_version(address)
    return address


def needed_server(settings: Settings) -> Address:
    """Finds the server in use as `checked_server` does; raises NotPossible when there is none."""
    if address := checked_server(settings):
        return address
    raise NotPossible(
        "No Prefect server runs for this home; start it with `campaign up`, or name one with PREFECT_API_URL or"
        " `prefect profile use`."
    )


def server_of_home(settings: Settings) -> Address | None:
    """Finds the server of this home while it runs."""
    try:
        api_url, owner = address_file(settings).read_text().split()
        os.kill(int(owner), 0)
    except (OSError, ValueError):  # no file, or one left behind: another home's server may be there now
        return None
    return Address(api_url, server_password(settings)) if is_healthy(api_url) else None


def is_healthy(api_url: str, client: httpx.Client | None = None) -> bool:
    """Tests whether a Prefect server responds there."""
    get = client.get if client else httpx.get
    try:
        return get(f"{api_url}/health", timeout=RESPONSE_SECONDS).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def post_events(announced: Sequence[Announcement]) -> None:
    """Sends what was announced to the Prefect server in use as events; where none takes them, only the log says so."""
    if not (address := server_of(load_settings())):
        return
    from campaign.users.email import page_of  # e-mail is slow to import, and most commands send none

    events = [
        {
            "id": str(uuid4()),
            "event": one.name,
            "occurred": datetime.now(UTC).isoformat(),
            "resource": {
                "prefect.resource.id": one.resource,
                "prefect.resource.name": one.resource.rpartition(".")[2],
            },
            "payload": {"says": one.says, "link": page_of(one)},
        }
        for one in announced
    ]
    session = str(uuid4())
    try:
        with httpx.Client(timeout=RESPONSE_SECONDS, verify=certificates_of(address), headers=address.headers) as client:
            # Against requests of pages in a browser; a server without this protection has no such token.
            reply = client.get(f"{address.api_url}/csrf-token", params={"client": session})
            if reply.is_success:
                client.headers["Prefect-Csrf-Client"], client.headers["Prefect-Csrf-Token"] = (
                    session,
                    reply.json()["token"],
                )
            client.post(f"{address.api_url}/events", json=events).raise_for_status()
    except (httpx.HTTPError, ValueError) as error:
        logging.getLogger(__name__).debug("%s events are not sent: %s", len(events), error)


@contextmanager
def used_by_prefect(address: Address) -> Iterator[None]:
    """Makes Prefect in this process and its children use that server, whether it is imported already or not."""
    before = {name: os.environ.get(name) for name in address.environment}
    _set_environment({name: value or None for name, value in address.environment.items()})
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    # Prefect reads the environment when it is imported, and then only when asked to.
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def key_file(settings: Settings) -> Path:
    """Names the file with the encryption key of this home, which belongs in every backup."""
    return settings.home / "encryption.key"


def fingerprint_file(settings: Settings) -> Path:
    """Names the file with the hash of the key of Prefect's database of this home."""
    return settings.prefect_home / "encryption-key.sha256"


def server_key(settings: Settings) -> str:
    """Returns the encryption key of the Prefect server: the operator's own, or the home's, made at the first start.

    It is a file of the home, so that no copy of Prefect's database contains it. Raises WrongUsage when the services of
    this home were saved with another key.
    """
    source, key = ENCRYPTION_VARIABLE, os.environ.get(ENCRYPTION_VARIABLE)
    if not key:
        source = str(key_file(settings))
        # The key is always written before its fingerprint, so another process cannot make this look like a loss.
        if fingerprint_file(settings).exists() and not key_file(settings).exists():
            raise WrongUsage(f"{source} is missing: without it no saved service can be read. {_remedy(settings)}")
        key = write_once(key_file(settings), Fernet.generate_key().decode())
    try:
        Fernet(key)
    except ValueError:
        raise WrongUsage(f"Invalid encryption key in {source}. {_remedy(settings)}") from None
    fingerprint = hashlib.sha256(key.encode()).hexdigest()
    if write_once(fingerprint_file(settings), fingerprint) != fingerprint:
        raise WrongUsage(f"{source} is not the key that the services were saved with. {_remedy(settings)}")
    return key


def _remedy(settings: Settings) -> str:
    # Forms encrypted with a lost key can be neither read nor replaced: only their block type can be deleted.
    return (
        "Put the right one back from your backup. If there is none, the keys of all services are lost: delete"
        f" {fingerprint_file(settings)} and {key_file(settings)}, start again, run `prefect block type delete"
        " twitter-service` with PREFECT_API_URL set to the server's address, then `campaign deploy`, and enter the keys"
        " of the services anew. Visitors and history are not affected."
    )


_FORMS = """
SELECT document.id, document.block_type_id, document.updated, document.data FROM block_document AS document
JOIN block_type ON block_type.id = document.block_type_id WHERE block_type.slug = 'twitter-service'
"""


def take_over_resting_forms(settings: Settings) -> int:
    """Takes over the keys in forms that an earlier version left in the data of this home's server, which does not run.

    Forms of services whose keys are in the vault, or that cannot be used, stay for the next start of the server.
    Returns how many were taken over.
    """
    database = settings.prefect_home / "prefect.db"
    if not database.exists() or os.environ.get("PREFECT_API_URL"):
        return 0
    fernet = Fernet(server_key(settings))
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(_FORMS).fetchall()
    count = 0
    for block_id, type_id, updated, data in rows:
        with transaction() as session:
            service = session.scalar(select(Service).where(col(Service.block_id) == str(UUID(block_id))))
            if service is None or vault.read(session, SecretKind.SERVICE_KEYS, service.id):
                continue
            with suppress(WrongUsage):
                fields = read_fields(json.loads(fernet.decrypt(json.loads(data))))
                services.change(session, service, fields, pendulum.now("UTC"), services.FORM)
                service.form_type_id, service.form_seen_at = str(UUID(type_id)), pendulum.parse(updated)
                count += 1
    return count


if __name__ == "__main__":
    try:
        make_home(load_settings())
        sys.stdout.write(server_key(load_settings()))
    except WrongUsage as error:
        sys.exit(str(error))
