"""The processes of `campaign up` beside the server: the worker, which starts the runs of workflows, and the pages."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import WorkerFilter, WorkerFilterStatus
from prefect.client.schemas.objects import Worker, WorkerStatus
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from campaign.errors import NotPossible
from campaign.settings import Settings
from deployments.address import Address
from deployments.processes import Process, child_environment, running
from deployments.server import address_file

#: The work pool of all workflows, as in prefect.yaml.
POOL = "campaign"
_START_SECONDS = 60


def make_pool(client: SyncPrefectClient) -> None:
    """Creates the work pool; an existing one stays as it is."""
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(
            WorkPoolCreate(name=POOL, type="process", description="The workers that run the workflows.")
        )


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


def online_workers() -> list[Worker]:
    """Lists the workers of the pool with a recent heartbeat."""
    online = WorkerFilter(status=WorkerFilterStatus(any_=[WorkerStatus.ONLINE]))
    with get_client(sync_client=True) as client:
        try:
            return client.read_workers_for_work_pool(POOL, worker_filter=online)
        except ObjectNotFound:
            return []
