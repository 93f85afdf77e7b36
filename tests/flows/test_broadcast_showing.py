"""What the Prefect UI is told of a broadcast: the preview, the progress, the report."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pendulum
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import Artifact

from campaign.broadcasts.prepare import BroadcastKind
from campaign.broadcasts.report import WaveNumbers, report_on
from campaign.db.engine import transaction
from campaign.deliveries import store as deliveries
from campaign.deliveries.findings import Analysis, Sample
from campaign.deliveries.kind import Analysed, Rendered
from deployments.server import Server
from models import Delivery, DeliveryState, Message, MessageState
from tasks import dm_broadcast
from tasks.deliveries import publish_preview
from tasks.dm_broadcast import BroadcastProgress, publish_reports
from tests.broadcasting import broadcast
from tests.factories import NOW, service

SENT, PENDING = MessageState.SENT, MessageState.PENDING
ONE_SENT = Counter({SENT: 1, PENDING: -1})


@pytest.fixture
def going(in_prefect: Server) -> Delivery:
    """A broadcast to a thousand people that has begun, and a Prefect to show it in."""
    assert in_prefect
    with transaction() as session:
        acme = service()
        session.add(acme)
        session.flush()
        delivery = deliveries.create(session, broadcast(), _new_name(), [acme], None, actor="a test", now=NOW)
        delivery.state, delivery.started_at = DeliveryState.IN_PROGRESS, pendulum.now("UTC")
        for person in range(1, 1001):
            session.add(Message(delivery_id=delivery.id, service_id=acme.id, visitor_id=person, text=""))
    return delivery


def _new_name() -> str:
    return f"dm-{time.monotonic_ns()}"


def in_a_run(act: Callable[[], object]) -> None:
    flow(name="showing")(act)()


def shown(key: str) -> list[Artifact]:
    """The artifacts of a key."""
    with get_client(sync_client=True) as client:
        return [artifact for artifact in client.read_artifacts() if artifact.key == key]


def test_what_several_threads_send_is_shown_together(going: Delivery) -> None:
    def act() -> None:
        progress = BroadcastProgress([going.name])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: progress.change(going.id, ONE_SENT), range(400)))
        time.sleep(1.5)

    in_a_run(act)
    (artifact,) = shown(f"progress-{going.name}")
    assert artifact.data == 40
    assert str(artifact.description).startswith("sent 400, refused 0, uncertain 0, pending 600 of 1,000 · $6.00 of $50")


def test_progress_shows_when_sending_goes_on_and_ends_with_the_database(going: Delivery) -> None:
    def act() -> None:
        progress = BroadcastProgress([going.name])
        progress.change(going.id, ONE_SENT)
        progress.goes_on({going.id: pendulum.now("UTC") + timedelta(days=1)})
        progress.finish()

    in_a_run(act)
    (artifact,) = shown(f"progress-{going.name}")
    assert "sent 0, refused 0, uncertain 0, pending 1,000 of 1,000" in str(artifact.description)
    assert "continues at 20" in str(artifact.description)


def test_showing_never_holds_up_nor_fails_a_message(going: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        time.sleep(0.5)
        raise ConnectionError

    def act() -> None:
        progress = BroadcastProgress([going.name])
        monkeypatch.setattr(dm_broadcast, "_EVERY_SECONDS", 0.01)
        monkeypatch.setattr(dm_broadcast, "update_progress_artifact", fail)
        before = time.monotonic()
        for _ in range(1000):
            progress.change(going.id, ONE_SENT)
        assert time.monotonic() - before < 5
        progress.finish()

    in_a_run(act)


def test_another_broadcast_is_none_of_its_business(going: Delivery) -> None:
    in_a_run(lambda: BroadcastProgress([going.name]).change(going.id + 1, ONE_SENT))
    assert len(shown(f"progress-{going.name}")) == 1


def test_without_a_run_nothing_is_shown(going: Delivery) -> None:
    progress = BroadcastProgress([going.name])
    progress.change(going.id, ONE_SENT)
    progress.goes_on({})
    progress.finish()
    publish_reports([report_on(going)])
    assert shown(f"progress-{going.name}") == shown(f"report-{going.name}") == []


def test_the_preview_is_an_artifact_and_given_back(going: Delivery) -> None:
    sample = Sample(why="shortest", service="acme", handle="ann", full_name="Ann", text="Hello Ann")
    analysed = Analysed(Rendered(going, broadcast(), [], {}, "", ""), Analysis(samples=[sample]))
    given: list[str] = []
    in_a_run(lambda: given.append(publish_preview(BroadcastKind(), analysed)))
    (artifact,) = shown(f"preview-{going.name}")
    assert artifact.data == given[0]
    assert "> Hello Ann" in given[0]
    assert publish_preview(BroadcastKind(), analysed) == given[0]


def test_the_report_is_a_table_and_a_page_and_the_waves_are_a_table(going: Delivery) -> None:
    waves = (WaveNumbers("acme", 1, 500, 0, NOW), WaveNumbers("acme", 2, 500, 0, None))
    report = report_on(going)
    in_a_run(lambda: publish_reports([replace(report, waves=waves)]))
    (page,) = shown(f"report-{going.name}")
    assert "pending 1,000 of 1,000" in str(page.data)
    (table,) = shown(f"waves-{going.name}")
    assert '"Sent": "0"' in str(table.data)
    assert any(going.name in str(artifact.data) for artifact in shown("dm-broadcast"))
