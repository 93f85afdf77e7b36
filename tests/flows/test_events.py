"""Events of transitions, and automations that write when a person has to act."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pendulum
import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient

from campaign.db import engine
from campaign.db.engine import transaction
from campaign.limits import spend_cap
from campaign.services.store import find_service
from campaign.x.types import USER_READ
from deployments.server import post_events
from flows.account_sync import account_sync
from tasks.deliveries import SEND_BACK
from tests.command import here
from tests.flows.house import House
from tests.flows.marketer import answer, form_of, start, wait_for
from tests.flows.test_post_publication import posts_of
from tests.simulated_x import SimulatedX


@pytest.fixture
def written(client: SyncPrefectClient) -> Iterator[list[str]]:
    """What automations write to people, by a block that sends it here."""
    found: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.append(f"{body['subject']} | {body['body']}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        CustomWebhookNotificationBlock(
            name="people",
            url=f"http://127.0.0.1:{server.server_port}/",
            json_data={"subject": "{{subject}}", "body": "{{body}}"},
        ).save("people", overwrite=True)
        yield found
        for name in ("Something waits for a person", "A run was refused or failed", "A spend cap is near"):
            for automation in client.read_automations_by_name(name):
                client.delete_automation(automation.id)
        server.shutdown()


def wait_for_words(written: list[str], *words: str) -> None:
    deadline = time.monotonic() + 120
    while not any(all(word in one for word in words) for one in written):
        assert time.monotonic() < deadline, written
        time.sleep(0.2)


@pytest.mark.timeout(600)
def test_people_are_notified_of_waits_refusals_and_a_near_cap(
    client: SyncPrefectClient, x: SimulatedX, written: list[str]
) -> None:
    assert here("notify", "custom-webhook/people").status == 0
    done = here("notify", "custom-webhook/people")  # again: they exist once
    assert (done.status, done.err.count("written to")) == (0, 3), done.err
    acme, form = form_of(x, "acme")

    run_id = start(
        client, "post-publication/post-publication", post={"label": "Launch", "services": [form], "text": "Hello"}
    )
    name = wait_for(client, run_id, "Suspended").name.partition(" ")[0]
    wait_for_words(
        written, "campaign: Something waits for a person", f"{name} waits for a yes or a no", f"/desk/deliveries/{name}"
    )
    answer(client, run_id, answer=SEND_BACK, confirm_as="Ann")
    failed = wait_for(client, run_id, "Failed")
    assert f"{name} was sent back by Ann; nothing went out." in str(failed.state and failed.state.message)
    assert posts_of(acme) == []
    wait_for_words(
        written, "campaign: A run was refused or failed", f"{name} was sent back by Ann; nothing went out.", str(run_id)
    )

    spend_cap._announced.clear()  # by tests before this one
    service, now = find_service("acme"), pendulum.now("UTC")
    with transaction() as session:
        wanted = int(service.spend_cap / USER_READ.usd) - 1
        assert spend_cap.reserve(session, service.id, "reading", USER_READ, wanted, now)
    post_events(list(engine.unheard))
    wait_for_words(
        written,
        "campaign: A spend cap is near",
        "of this month's spend cap of $1000.00",
        "is left for acme",
        "/accounts/acme",
    )
    assert all("Hello" not in one for one in written)


def test_a_table_that_a_warehouse_reads_is_an_asset(client: SyncPrefectClient, x: SimulatedX) -> None:
    form_of(x, "acme", 30)
    assert account_sync(["acme"], return_state=True).is_completed()

    def materialized() -> list[dict[str, Any]]:
        wanted = {"filter": {"event": {"name": ["prefect.asset.materialization.succeeded"]}}}
        found: list[dict[str, Any]] = client._client.post("/events/filter", json=wanted).json()["events"]
        return [one for one in found if one["resource"]["prefect.resource.id"] == "campaign://tables/visitor"]

    deadline = time.monotonic() + 30
    while {"read": 30, "new": 30} not in [one["payload"] for one in materialized()]:
        assert time.monotonic() < deadline, materialized()
        time.sleep(0.2)


def test_a_block_that_is_missing_is_one_sentence(house: House) -> None:
    assert house
    done = here("notify", "slack-webhook/none")
    assert (done.status, "There is no block slack-webhook/none" in done.sentence) == (1, True)
