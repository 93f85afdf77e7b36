"""The processes of `campaign up` beside the server: the worker, which starts the runs of workflows, and the pages."""

import os
import signal
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    WorkerFilter,
    WorkerFilterStatus,
)
from prefect.client.schemas.objects import Worker, WorkerStatus, WorkPool
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from campaign.db import engine, vault
from campaign.errors import NotPossible, WrongUsage
from campaign.settings import Settings
from deployments.address import Address
from deployments.launch import load_app
from deployments.processes import Process, child_environment, running
from deployments.server import address_file, needed_server, used_by_prefect

#: The work pool of all workflows, as in prefect.yaml.
POOL = "campaign"
#: On every deployment in prefect.yaml: other workflows of the same server may have fewer heartbeats.
TAG = "campaign"
_START_SECONDS = 60


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
    deadline = time.monotonic() + _START_SECONDS
    never = datetime.min.replace(tzinfo=UTC)
    while not any(one.name == name and (one.last_heartbeat_time or never) >= since for one in online_workers()):
        if time.monotonic() > deadline:
            raise NotPossible(f"The worker did not start within {_START_SECONDS} s; see logs/{name}.log of the home.")
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
