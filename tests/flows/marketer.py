"""What a marketer does in the Prefect UI, through the API that the UI uses."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from campaign.services.fields import block_name
from tasks.services import XAccount, take_over
from tests.simulated_x import Brand, SimulatedX


def form_of(x: SimulatedX, username: str, followers: int = 0, **more: Any) -> tuple[Brand, dict[str, Any]]:
    """An account with a saved form, and the reference to the form that the UI's drop-down sends."""
    brand = x.make(username, followers, **more)
    filled_in = brand.form(proof=bool(more), synchronize=followers > 0, spend_cap=1_000)
    document_id = XAccount(**filled_in).save(block_name(username))
    take_over()
    return brand, {"$ref": {"block_document_id": str(document_id)}}


def start(client: SyncPrefectClient, deployment: str, **parameters: Any) -> UUID:
    """As the form in the UI does it."""
    found = client.read_deployment_by_name(deployment)
    return client.create_flow_run_from_deployment(found.id, parameters=parameters).id


def wait_for(client: SyncPrefectClient, run_id: UUID, *names: str, seconds: float = 150) -> FlowRun:
    """Wait until a run is in one of these states; fails when it ends in another one.

    On a busy machine Prefect 3.8.8 can lock its SQLite database for a minute.
    """
    deadline = time.monotonic() + seconds
    while not _is_in(run := client.read_flow_run(run_id), names):
        assert not (run.state and run.state.is_final()), f"{run.state_name}: {run.state and run.state.message}"
        assert time.monotonic() < deadline, run.state
        time.sleep(0.2)
    return run


def _is_in(run: FlowRun, names: Sequence[str]) -> bool:
    # A run whose work goes on later says so in the name of its state.
    goes_on = bool(run.state and run.state.is_completed() and (run.state_name or "").startswith("Continues at"))
    return run.state_name in names or (goes_on and "Completed" in names)


def pressed(client: SyncPrefectClient, method: str, path: str, given: dict[str, Any]) -> httpx.Response:
    """What a button of the UI sends, and again where the server's own database is busy for a moment."""
    while (reply := client._client.request(method, path, json=given)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        time.sleep(1)
    return reply.raise_for_status()


def answer(client: SyncPrefectClient, run_id: UUID, **given: Any) -> None:
    """The button Resume, with the form filled in: Prefect saves the form a moment after the run is suspended."""
    deadline = time.monotonic() + 30
    while (reply := pressed(client, "POST", f"/flow_runs/{run_id}/resume", {"run_input": given}).json())[
        "status"
    ] != "ACCEPT":
        assert "schema not found" in reply["details"]["reason"], reply
        assert time.monotonic() < deadline, reply
        time.sleep(0.2)


def artifacts(client: SyncPrefectClient, run_id: UUID) -> dict[str, Any]:
    """What a run shows, by the type of the artifact."""
    wanted = {"flow_runs": {"id": {"any_": [str(run_id)]}}}
    found = client._client.post("/artifacts/filter", json=wanted).json()
    shown: dict[str, Any] = {}
    for one in found:
        text = one["data"]
        shown[one["type"]] = f"{shown.get('markdown', '')}{text}" if one["type"] == "markdown" else text
    return shown
