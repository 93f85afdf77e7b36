"""What `campaign up` runs, for tests: a Prefect server with a worker, a database, a simulated X, a port for pages."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from sqlmodel import SQLModel

from campaign.db import engine
from campaign.db.engine import transaction
from campaign.settings import Settings, load_settings
from deployments.deploying import deploy, deployed_workflows
from deployments.processes import make_home
from deployments.server import Server, address_file, free_port, published
from deployments.worker import running_worker
from tasks.services import SLUG, XAccount
from tests.servers import own_environment, used
from tests.simulated_x import SimulatedX


@dataclass(frozen=True)
class House:
    """A server with a worker, which find the same settings as this process does while the house is in use."""

    home: Path
    server: Server
    x: SimulatedX
    pages_port: int
    environment: dict[str, str]
    at_first: dict[str, Any]
    """What was on the server after two had deployed to it at the same moment."""

    @property
    def pages_url(self) -> str:
        return f"http://127.0.0.1:{self.pages_port}"

    @property
    def address(self) -> Path:
        """The file by which commands find the server."""
        return address_file(Settings(home=self.home))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        with own_environment(self.home, **self.environment), used(self.server):
            yield
            engine.engine().dispose()

    def tidy_up(self) -> None:
        """Leave nothing of the test before but what was deployed."""
        self.x.command("POST", "reset")
        with get_client(sync_client=True) as client:
            for run in client.read_flow_runs():
                client.delete_flow_run(run.id)
            XAccount.register_type_and_schema()
            for document in client.read_block_documents_by_type(SLUG):
                client.delete_block_document(document.id)
        with transaction() as session:
            for table in reversed(SQLModel.metadata.sorted_tables):
                session.execute(table.delete())


@contextmanager
def open_house(home: Path, server: Server, x_url: str) -> Iterator[House]:
    """Deploy the workflows, by two at the same moment, and start a worker."""
    pages_port = free_port()
    environment = {
        "CAMPAIGN_X_API_URL": x_url,
        "CAMPAIGN_PUBLIC_URL": f"http://127.0.0.1:{pages_port}",
        "CAMPAIGN_TERMS_URL": "https://example.com/terms",
        "CAMPAIGN_PRIVACY_URL": "https://example.com/privacy",
        "CAMPAIGN_SETTLE_SECONDS": "2",
        "CAMPAIGN_INBOX_SECONDS": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    at_first: dict[str, Any] = {}
    house = House(home, server, SimulatedX(x_url), pages_port, environment, at_first)
    with ExitStack() as stack:
        with house.in_use():
            make_home(load_settings())
            engine.upgrade()
            with get_client(sync_client=True) as client:
                at_first |= _deployed_twice(client, home)
            stack.enter_context(running_worker(load_settings(), server.address))
            stack.enter_context(published(load_settings(), server))  # the worker begins
        yield house


def _deployed_twice(client: SyncPrefectClient, home: Path) -> dict[str, Any]:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: deploy(Settings(home=home / name)), ("one", "two")))
    return {
        "workflows": deployed_workflows(),
        "pools": [pool.name for pool in client.read_work_pools()],
        "automations": sorted(automation.name for automation in client.read_automations()),
        "runs": [run for run in client.read_flow_runs() if run.deployment_id],
        "deployments": len(client.read_deployments()),
    }
