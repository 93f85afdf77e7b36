"""A thousand services and one window of X's: one worker sends all that X allows before the window is over."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client

from benchmarks.brand import Brand
from benchmarks.measuring import say
from benchmarks.stage import Stage, control
from benchmarks.table import Line
from deployments.deploying import deploy
from deployments.server import used_by_prefect
from deployments.worker import running_worker

SERVICES = 1_000
#: X's window, and what it takes of an account in it (campaign.x.v2_messages).
WINDOW_SECONDS, ALLOWED = 900, 15
#: More than that, so that X's limit is what ends the sending.
FOLLOWERS = 20
_LONGEST_SECONDS = 1_200


def measure(scene: Stage) -> list[Line]:
    """Its lines of the table."""
    began = time.monotonic()
    name = _prepare(scene)
    say(f"{SERVICES:,} services prepared in {time.monotonic() - began:.0f} s")
    control(scene.settings.x_api_url, "PUT", "/limits", {})  # as X documents them, from now on
    with used_by_prefect(scene.address):
        deploy(scene.settings)
        with running_worker(scene.settings, scene.address), get_client(sync_client=True) as client:
            seconds = _run(client, name)
    sent = _sent(scene)
    say(f"{sent:,} messages in {seconds:.0f} s")
    used = 100 * sent / (SERVICES * ALLOWED)
    run = f"a run that sends {ALLOWED} messages for each of {SERVICES:,} services, from its start to its end"
    return [
        Line(run, seconds, most=WINDOW_SECONDS, unit="s"),
        Line("what it sends of what X allows in that window of 15 minutes", used, least=99, unit="%"),
    ]


def _prepare(scene: Stage) -> str:
    accounts = [_open(scene, f"brand_{number}") for number in range(SERVICES)]
    file = scene.settings.home / "accounts.json"
    file.write_text(json.dumps(accounts))
    name: str = scene.start("benchmarks.many", str(file), database_url=scene.settings.database_url)
    return name


def _open(scene: Stage, username: str) -> dict[str, Any]:
    url = scene.settings.x_api_url
    keys = control(url, "POST", "/accounts", {"username": username, "followers": FOLLOWERS, "ordinary": True})
    followers = control(url, "GET", f"/accounts/{username}/followers", {})["users"]
    return {"brand": asdict(Brand.of(keys, FOLLOWERS)), "followers": followers}


def _run(client: SyncPrefectClient, name: str) -> float:
    """Start the workflow as people do, and wait for its end; how long it took, its start by the worker included."""
    deployment = client.read_deployment_by_name("dm-broadcast/dm-broadcast")
    began = time.monotonic()
    run_id = client.create_flow_run_from_deployment(deployment.id, parameters={"delivery": name}).id
    while not (state := client.read_flow_run(run_id).state) or not state.is_final():
        if time.monotonic() - began > _LONGEST_SECONDS:
            sys.exit(f"The run did not end within {_LONGEST_SECONDS} s.")
        time.sleep(1)
    if not state.is_completed():
        sys.exit(f"The run did not complete: {state.message}")
    return time.monotonic() - began


def _sent(scene: Stage) -> int:
    """What X took in one window; none of an account's windows counts for more than what X allows."""
    windows: Sequence[dict[str, Any]] = control(scene.settings.x_api_url, "GET", "/windows", {})["windows"]
    return sum(one["most_done"] for one in windows if one["endpoint"] == "messages" and one["family"] == "window")
