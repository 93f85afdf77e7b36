"""The Prefect server of a home and the processes beside it: started, found, and the key the server encrypts with.

The worker starts the runs of workflows, the pages are for people.
`python -m deployments.server` prints the key, for a server that is not started by `campaign up`.
"""

import hashlib
import json
import logging
import os
import secrets
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pendulum
from cryptography.fernet import Fernet
from filelock import FileLock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags, WorkerFilter, WorkerFilterStatus
from prefect.client.schemas.objects import Worker, WorkerStatus, WorkPool
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from sqlmodel import col, select

from campaign.db import engine, vault
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
from deployments.launch import load_app
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


#: The work pool of all workflows, as in prefect.yaml.
POOL = "campaign"
#: On every deployment in prefect.yaml: other workflows of the same server may have fewer heartbeats.
TAG = "campaign"
_WORKER_START_SECONDS = 60


def make_pool(client: SyncPrefectClient) -> None:
    """Creates the work pool; an existing one stays as it is."""
    with suppress(ObjectNotFound):
        client.read_work_pool(POOL)
        return
    from prefect.workers.process import ProcessWorker

    # Without a template the pool takes no job variables until its first worker has come.
    template = ProcessWorker.get_default_base_job_template()
    about = "The workers that run the workflows."
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(
            WorkPoolCreate(name=POOL, type="process", description=about, base_job_template=template)
        )


def find_pool(client: SyncPrefectClient, name: str) -> WorkPool:
    """Finds a work pool of any type; raises NotPossible when there is none of this name."""
    try:
        return client.read_work_pool(name)
    except ObjectNotFound:
        raise NotPossible(
            f"There is no work pool {name} at {client.api_url}; create it with: prefect work-pool create {name} --type"
            " process (or docker, kubernetes, ...), or name another one with --pool."
        ) from None


def check_variables(pool: WorkPool, variables: Collection[str]) -> None:
    """Raises WrongUsage when the type of a work pool does not take one of these job variables."""
    known = pool.base_job_template.get("variables", {}).get("properties", {})
    for name in variables:
        if name not in known:
            raise WrongUsage(
                f"The work pool {pool.name} is of type {pool.type}, which takes no {name}; it takes"
                f" {', '.join(sorted(known))}."
            )


def check_worker_type(pool: WorkPool) -> None:
    """Raises NotPossible when no worker of this machine can serve the work pool."""
    from prefect.plugins import load_prefect_collections
    from prefect.utilities.dispatch import lookup_type
    from prefect.workers.base import BaseWorker

    if pool.is_push_pool or pool.is_managed_pool:
        raise NotPossible(f"The work pool {pool.name} is of type {pool.type}, which needs no worker.")
    load_prefect_collections()
    try:
        lookup_type(BaseWorker, pool.type)
    except KeyError:
        raise NotPossible(
            f"The work pool {pool.name} is of type {pool.type}; install Prefect's package for it beside campaign, such"
            f" as prefect-{pool.type}."
        ) from None


@contextmanager
def running_worker(settings: Settings, address: Address, name: str = "worker") -> Iterator[Process]:
    """Runs a worker of the pool; it is started again when it dies, and its runs end with the block.

    It connects when the server is published, not before: its handshake and the deploying of workflows together can
    lock the SQLite database of Prefect 3.8.8 for a minute.
    """
    environment = child_environment(settings) | address.environment
    launch = ["deployments.launch", "--after", str(address_file(settings))]
    command = [*launch, "worker", "start", "--pool", POOL, "--type", "process", "--name", name]
    with running(settings, name, command, environment, restarted=True) as process:
        yield process


@contextmanager
def running_web(settings: Settings, address: Address, port: int) -> Iterator[Process]:
    """Serves the pages at a port of this machine; they are started again when they die, and end with the block."""
    environment = child_environment(settings) | address.environment
    command = ["campaign.cli", "web", "--port", str(port)]
    with running(settings, "web", command, environment, restarted=True) as process:
        yield process


def wait_for_worker(since: datetime, name: str = "worker") -> None:
    """Waits for a heartbeat of a worker after that time; raises NotPossible after a minute."""
    deadline = time.monotonic() + _WORKER_START_SECONDS
    never = datetime.min.replace(tzinfo=UTC)
    while not any(one.name == name and (one.last_heartbeat_time or never) >= since for one in online_workers()):
        if time.monotonic() > deadline:
            raise NotPossible(
                f"The worker did not start within {_WORKER_START_SECONDS} s; see logs/{name}.log of the home."
            )
        time.sleep(0.1)


def become_worker(settings: Settings, pool: str, options: Sequence[str]) -> None:
    """Becomes a worker of a work pool, for the server in use, until it is ended; raises a CampaignError before that."""
    engine.make_ready()
    with engine.read_session() as session:
        vault.check_key(session)
    has_key = settings.signing_key.get_secret_value() or (settings.home / "signing.key").exists()
    if not has_key and not settings.database_url.startswith("sqlite"):
        raise WrongUsage(
            "CAMPAIGN_SIGNING_KEY is not set, and all machines sign links with the same key; set it to that of the"
            f" others, or put their signing.key into {settings.home}."
        )
    address = needed_server(settings)
    # Its runs inherit them: the folder of our packages, and every setting as it is here.
    os.environ.update(child_environment(settings))
    with used_by_prefect(address):
        app = load_app("worker")
        with get_client(sync_client=True) as client:
            found = find_pool(client, pool)
        check_worker_type(found)
        # Prefect passes SIGTERM on to this handler; a shell that starts a command with & takes it away.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv[1:] = ["worker", "start", "--pool", pool, "--type", found.type, *options]
        app()


def online_workers(pool: str = POOL) -> list[Worker]:
    """Lists the workers of a pool with a recent heartbeat."""
    online = WorkerFilter(status=WorkerFilterStatus(any_=[WorkerStatus.ONLINE]))
    with get_client(sync_client=True) as client:
        try:
            return client.read_workers_for_work_pool(pool, worker_filter=online)
        except ObjectNotFound:
            return []


def unattended_pools() -> dict[str, str]:
    """Finds the work pools of the workflows whose runs no worker starts now, with the command that starts one."""
    with get_client(sync_client=True) as client:
        tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
        names = {one.work_pool_name or POOL for one in client.read_deployments(deployment_filter=tagged)} or {POOL}
        needing = [name for name in names if not _needs_no_worker(client, name)]
    return {name: f"campaign worker --pool {name}" for name in sorted(needing) if not online_workers(name)}


def _needs_no_worker(client: SyncPrefectClient, name: str) -> bool:
    with suppress(ObjectNotFound):
        pool = client.read_work_pool(name)
        return pool.is_push_pool or pool.is_managed_pool
    return False


if __name__ == "__main__":
    try:
        make_home(load_settings())
        sys.stdout.write(server_key(load_settings()))
    except WrongUsage as error:
        sys.exit(str(error))
