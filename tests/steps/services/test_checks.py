"""What a run says of services that X blocks, of forms that cannot be used, and of names that nobody knows."""

from datetime import timedelta

import pytest

from campaign.db.engine import transaction
from campaign.services.store import REJECTED_FOR
from models import FormProblem, Service, ServiceState, SyncState
from tests.simulated_x import Brand, Connect, SimulatedX
from tests.steps.meanwhile import meanwhile, once_pages_are_read
from tests.steps.running import both_databases, sync

#: What X holds against an account: what the run says of it, and what to do.
BLOCKED = {
    "revoked": ("does not accept the keys", "new keys"),
    "suspended": ("has suspended the account", "appeals"),
    "locked": ("has locked the account", "logs in at x.com"),
    "not_enrolled": ("not attached to a project", "attaches the app"),
    "credits_depleted": ("credits are used up", "tops up the credits"),
    "legacy_refused": ("does not offer this v1.1 endpoint", "sets the service's API version to 2"),
}


def checks(x: SimulatedX) -> int:
    return len([call for call in x.calls() if call["path"] == "/2/users/me"])


def test_a_blocked_service_has_reason_and_remedy_and_the_others_finish(connect: Connect) -> None:
    blocked: dict[str, Brand] = {}
    for condition in BLOCKED:
        version = "1.1" if condition == "legacy_refused" else "2"
        blocked[condition] = connect(f"b_{condition[:13]}", 50, api_version=version)
        blocked[condition].become(condition=condition)
    well = connect("well", 1_100)

    outcome = sync()

    assert not outcome.is_completed
    assert well.table() == well.truth()
    assert "well:" not in outcome.message
    for condition, (reason, remedy) in BLOCKED.items():
        service = blocked[condition].service
        assert service.state is ServiceState.NEEDS_ATTENTION, condition
        assert reason in service.problems, condition
        assert remedy in service.problems, condition
        assert f"{service.internal_name}: {service.problems}" in outcome.message
        assert outcome.of(service.internal_name).state is SyncState.FAILED
        assert blocked[condition].pages_asked() == []


def test_keys_revoked_in_the_middle_keep_the_checkpoint(x: SimulatedX, connect: Connect) -> None:
    brand, well = connect("acme", 4_300), connect("well", 200)
    x.fault(brand.pages_path, "slow", seconds=0.15, times=None)

    with meanwhile(once_pages_are_read(brand, lambda: brand.become(condition="revoked"))):
        waiting = sync(wait=False).of("acme")

    assert (waiting.state, waiting.followers, waiting.ended) == (SyncState.WAITING, 1_000 * waiting.pages, 0)
    assert waiting.reason.startswith("X rejects the keys of acme since")
    assert not brand.service.blocked
    reject_for(brand, REJECTED_FOR)
    outcome = sync()

    line = outcome.of("acme")
    assert (line.state, line.followers, line.ended) == (SyncState.FAILED, 1_000 * line.pages, 0)
    assert 1 <= line.pages <= 4
    assert "X does not accept the keys" in outcome.message
    service = brand.service
    assert service.state is ServiceState.NEEDS_ATTENTION
    assert "new keys" in service.problems
    assert well.table() == well.truth()
    x.be_well()
    brand.become(condition="ok")
    asked = len(brand.pages_asked())
    assert sync().is_completed
    assert brand.table() == brand.truth()
    assert len(brand.pages_asked()) - asked == 5 - line.pages
    assert brand.service.state is ServiceState.OK


def reject_for(brand: Brand, length: timedelta) -> None:
    """Let it be so long that X rejects the keys."""
    with transaction() as session:
        service = session.get_one(Service, brand.service.id)
        assert service.rejected_since is not None
        service.rejected_since -= length
        session.add(service)


@both_databases
@pytest.mark.parametrize("path", ["/2/users/me", "/2/users/*/followers"])
def test_keys_that_x_rejects_for_two_hours_pause_nothing(x: SimulatedX, connect: Connect, path: str) -> None:
    brand = connect("acme", 2_200)
    sync()
    x.fault(path, "unauthorized", times=None)
    with transaction() as session:
        service = session.get_one(Service, brand.service.id)
        assert service.checked_at
        service.checked_at -= timedelta(days=2)
        service.saved_at = service.checked_at - timedelta(days=1)
        session.add(service)

    line = sync(wait=False).of("acme")
    reject_for(brand, timedelta(hours=2))
    again = sync(wait=False).of("acme")

    for waiting in (line, again):
        assert waiting.state is SyncState.WAITING
        assert waiting.goes_on_at
        assert "rejects the keys of acme since" in waiting.reason
    assert not brand.service.blocked
    x.be_well()
    assert sync().of("acme").state is SyncState.FINISHED
    assert (brand.service.state, brand.service.rejected_since) == (ServiceState.OK, None)


def test_a_healthy_service_is_checked_daily_and_after_its_form_was_saved(x: SimulatedX, connect: Connect) -> None:
    brand = connect("acme", 10)
    sync()
    sync()
    assert checks(x) == 1
    service = brand.service
    assert (service.state, service.x_user_id, service.followers_count) == (ServiceState.OK, brand.made["user_id"], 10)

    brand.connect(label="Acme")
    sync()

    assert checks(x) == 2


def test_what_is_wrong_without_stopping_a_sync_is_reported_and_synchronised(connect: Connect) -> None:
    weak, public, other_case = connect("weak", 10), connect("public", 10, proof=True), connect("Written", 10)
    weak.become(access_level="read-write")
    other_case.connect(internal_name="wriTTen")

    outcome = sync()

    assert outcome.is_completed
    assert len(weak.table()) == 10
    assert (weak.service.state, public.service.state) == (ServiceState.NEEDS_ATTENTION, ServiceState.OK)
    for word in ("read-write;", "Read, Write and Direct Messages", "regenerate"):
        assert word in weak.service.problems
    assert "public; protect its posts" in public.service.problems


def test_keys_of_another_account_stop_the_service_before_any_read(x: SimulatedX, connect: Connect) -> None:
    stranger = x.make("stranger", 10)
    brand = connect("acme", 10, **stranger.keys)

    outcome = sync()

    assert outcome.message == (
        "acme: The keys belong to @stranger, not to @acme; save the keys of @acme,"
        " or change the internal name to stranger."
    )
    assert brand.table() == {}
    assert stranger.pages_asked() == []


def test_two_services_for_one_account_are_refused(connect: Connect) -> None:
    brand = connect("acme", 10)
    sync()
    brand.connect(internal_name="acme_again")

    outcome = sync("acme_again")

    assert outcome.message.startswith(
        "acme_again: The keys belong to @acme, which the service acme is connected to already; remove one of the two."
    )
    assert len(brand.pages_asked()) == 1


def test_no_services_and_unknown_ones_are_reported_in_one_sentence(connect: Connect, x: SimulatedX) -> None:
    outcome = sync()
    assert not outcome.is_completed
    assert outcome.message.startswith("There is no service yet; create one with `campaign service create HANDLE`")

    connect("acme", 10, synchronize=False)
    assert sync("acme_two").message == "There is no service acme_two; there are: acme."
    assert sync().message.startswith("No service has Synchronize subscriptions ticked")
    assert sync("@acme").message == "Write the handle without the @: acme."
    assert x.calls() == []


def test_an_unusable_form_is_reported_and_does_not_stop_the_others(connect: Connect) -> None:
    well = connect("well", 10)
    sentence = "The service saved as 'swapped' cannot be used: the two are swapped."
    with transaction() as session:
        session.add(FormProblem(block_id="form-swapped", sentence=sentence))

    outcome = sync()

    assert not outcome.is_completed
    assert outcome.message == sentence
    assert well.table() == well.truth()
    assert sync("well").is_completed
    assert sync("swapped").message == sentence
    assert {call["account"] for call in well.x.calls()} == {"well"}
