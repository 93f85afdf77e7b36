"""Money and limits on both databases: set aside before a call, settled after it, never beyond the cap."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from campaign.db.engine import engine, read_session, transaction
from campaign.errors import ServiceBlocked
from campaign.limits import rate_limits, spend_cap
from campaign.x.types import Receipt, Window
from models import Charge, Service, WindowName
from tests.databases import Database
from tests.factories import NOW, price, receipt, window
from tests.readings import saved_service

PAGE = "reading a page"
FOLLOWERS = "GET /2/users/:id/followers"
TENTH = price(usd=Decimal("0.1"))
A_MINUTE = timedelta(minutes=1)
MIDNIGHT = datetime(2026, 11, 27, tzinfo=UTC)
NEW_MONTH = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def acme(database: Database) -> Service:  # noqa: ARG001
    return saved_service(spend_cap=Decimal(10))


def reserve(service: Service, wanted: int, now: datetime = NOW, purpose: str = PAGE, at_once: int = 0) -> int:
    with transaction() as session:
        return spend_cap.reserve(session, service.id, purpose, TENTH, wanted, now, at_once=at_once)


def record(service: Service, *receipts: Receipt, now: datetime = NOW, purpose: str = PAGE, keep: int = 0) -> Decimal:
    with transaction() as session:
        return spend_cap.record_cost(session, service.id, purpose, receipts, now, keep=keep)


def spent(service: Service, now: datetime = NOW) -> Decimal:
    with read_session() as session:
        return spend_cap.spent(session, service.id, now)


def left(service: Service, now: datetime = NOW) -> Decimal:
    with transaction() as session:
        return spend_cap.left(session, service.id, now)


def charges(service: Service) -> list[tuple[str, int, Decimal, bool]]:
    """Endpoint, resources, amount and whether it is settled, in the order of writing."""
    with read_session() as session:
        found = session.exec(select(Charge).where(col(Charge.service_id) == service.id).order_by(col(Charge.id)))
        return [(one.endpoint, one.resources, one.amount, one.settled) for one in found]


def test_a_new_service_has_spent_nothing(acme: Service) -> None:
    assert spent(acme) == 0
    assert left(acme) == Decimal(10)


def test_money_set_aside_counts_before_the_answer_is_there(acme: Service) -> None:
    assert reserve(acme, 40) == 40
    assert charges(acme) == [(PAGE, 40, Decimal(4), False)]
    assert (spent(acme), left(acme)) == (Decimal(4), Decimal(6))


def test_an_answer_replaces_what_was_set_aside_by_what_it_costs(acme: Service) -> None:
    reserve(acme, 40)
    assert record(acme, receipt(price=TENTH, resources=25)) == Decimal("2.5")
    assert charges(acme) == [(FOLLOWERS, 25, Decimal("2.5"), True)]


def test_an_answer_leaves_money_aside_for_the_calls_that_follow(acme: Service) -> None:
    reserve(acme, 40)
    record(acme, receipt(price=TENTH, resources=10), keep=30)
    assert charges(acme) == [(PAGE, 30, Decimal(3), False), (FOLLOWERS, 10, Decimal(1), True)]
    record(acme, receipt(price=TENTH, resources=10))
    assert spent(acme) == Decimal(2)


def test_an_answer_without_resources_costs_nothing(acme: Service) -> None:
    reserve(acme, 40)
    assert record(acme, receipt(price=TENTH, resources=0)) == 0
    assert charges(acme) == []


def test_each_answered_call_is_a_charge_of_its_own(acme: Service) -> None:
    reserve(acme, 40)
    answers = [receipt(price=TENTH, resources=3), receipt(endpoint="GET users/lookup", price=TENTH, resources=2)]
    assert record(acme, *answers) == Decimal("0.5")
    assert [endpoint for endpoint, *_ in charges(acme)] == [FOLLOWERS, "GET users/lookup"]


def test_money_given_back_is_there_again(acme: Service) -> None:
    reserve(acme, 40)
    with transaction() as session:
        spend_cap.release(session, acme.id, PAGE)
    assert (charges(acme), left(acme)) == ([], Decimal(10))


def test_only_what_the_cap_still_allows_is_set_aside(acme: Service) -> None:
    record(acme, receipt(price=TENTH, resources=95))
    assert reserve(acme, 40) == 5
    assert left(acme) == 0


def test_nothing_is_set_aside_when_the_cap_is_reached(acme: Service) -> None:
    record(acme, receipt(price=TENTH, resources=100))
    before = charges(acme)
    assert reserve(acme, 40) == 0
    assert charges(acme) == before


def test_what_is_left_is_never_negative(acme: Service) -> None:
    record(acme, receipt(price=TENTH, resources=200))
    assert left(acme) == 0


def test_a_lost_answer_of_today_is_paid_once(acme: Service) -> None:
    reserve(acme, 40)
    assert reserve(acme, 40, NOW + A_MINUTE) == 40
    assert charges(acme) == [(PAGE, 40, Decimal(4), False)]


def test_a_lost_answer_of_yesterday_counts_in_full(acme: Service) -> None:
    reserve(acme, 40, MIDNIGHT - A_MINUTE)
    assert reserve(acme, 40, MIDNIGHT) == 40
    assert charges(acme) == [(PAGE, 40, Decimal(4), True), (PAGE, 40, Decimal(4), False)]
    record(acme, receipt(price=TENTH, resources=40), now=MIDNIGHT)
    assert spent(acme, MIDNIGHT) == Decimal(8)


@pytest.mark.parametrize(("aside", "counted"), [(40, 20), (10, 10)])
def test_of_yesterday_only_the_calls_that_can_have_been_under_way_count(
    acme: Service, aside: int, counted: int
) -> None:
    reserve(acme, aside, MIDNIGHT - A_MINUTE, at_once=20)
    reserve(acme, 40, MIDNIGHT, at_once=20)
    assert charges(acme) == [(PAGE, counted, counted * Decimal("0.1"), True), (PAGE, 40, Decimal(4), False)]


def test_what_is_taken_over_is_what_today_left_unsettled(acme: Service) -> None:
    reserve(acme, 10, MIDNIGHT - A_MINUTE)
    reserve(acme, 7, MIDNIGHT - A_MINUTE, purpose="reading the account")
    with read_session() as session:
        assert spend_cap.reserved_today(session, acme.id, PAGE, MIDNIGHT - A_MINUTE) == Decimal(1)
        assert spend_cap.reserved_today(session, acme.id, PAGE, MIDNIGHT) == 0


def test_the_day_of_a_lost_answer_is_that_of_utc(acme: Service) -> None:
    tokyo = timezone(timedelta(hours=9))
    reserve(acme, 40, datetime(2026, 11, 26, 23, 59, tzinfo=tokyo))
    reserve(acme, 40, datetime(2026, 11, 27, 0, 1, tzinfo=tokyo))
    assert charges(acme) == [(PAGE, 40, Decimal(4), False)]


def test_money_set_aside_for_something_else_is_not_taken_over(acme: Service) -> None:
    reserve(acme, 1, purpose="reading the account")
    reserve(acme, 40)
    record(acme, receipt(price=TENTH, resources=40))
    assert (("reading the account", 1, Decimal("0.1"), False)) in charges(acme)


def test_services_pay_for_themselves(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other", spend_cap=Decimal(1))
    reserve(acme, 100)
    assert reserve(other, 100) == 10
    with transaction() as session:
        spend_cap.release(session, acme.id, PAGE)
    assert charges(other) == [(PAGE, 10, Decimal(1), False)]


def test_the_cap_is_that_of_the_calendar_month(acme: Service) -> None:
    record(acme, receipt(price=TENTH, resources=100), now=NEW_MONTH - A_MINUTE)
    assert left(acme, NEW_MONTH - A_MINUTE) == 0
    assert left(acme, NEW_MONTH) == Decimal(10)


def test_the_month_of_the_cap_is_that_of_utc(acme: Service) -> None:
    record(acme, receipt(price=TENTH, resources=100), now=NEW_MONTH - A_MINUTE)
    already_december_in_tokyo = datetime(2026, 12, 1, 8, 30, tzinfo=timezone(timedelta(hours=9)))
    still_november_in_new_york = datetime(2026, 11, 30, 20, 0, tzinfo=timezone(timedelta(hours=-5)))
    assert left(acme, already_december_in_tokyo) == 0
    assert left(acme, still_november_in_new_york) == Decimal(10)


def test_what_was_lost_in_the_old_month_does_not_burden_the_new_one(acme: Service) -> None:
    reserve(acme, 100, NEW_MONTH - A_MINUTE)
    assert reserve(acme, 100, NEW_MONTH) == 100
    assert spent(acme, NEW_MONTH) == Decimal(10)


def test_a_million_small_amounts_sum_up_exactly(acme: Service) -> None:
    for _ in range(30):
        record(acme, receipt(price=price(usd=Decimal("0.000001")), resources=1))
    assert spent(acme) == Decimal("0.000030")
    record(acme, receipt(price=price(usd=Decimal("0.1")), resources=3))
    assert spent(acme) == Decimal("0.300030")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 1), st.sampled_from(["answered", "refused", "lost"]))))
def test_the_cap_is_never_exceeded_whatever_x_answers(
    sqlite_database: Database,  # noqa: ARG001
    calls: list[tuple[int, float, str]],
) -> None:
    with transaction() as session:
        for charge in session.exec(select(Charge)):
            session.delete(charge)
        service = session.exec(select(Service)).one_or_none()
    service = service or saved_service(spend_cap=Decimal(10))
    for number, (wanted, share, outcome) in enumerate(calls):
        given_resources = reserve(service, wanted, NOW + number * A_MINUTE)
        assert given_resources <= wanted
        if outcome == "answered":
            record(service, receipt(price=TENTH, resources=int(given_resources * share)))
        elif outcome == "refused":
            record(service)
        assert spent(service) <= Decimal(10)


def open_at(service: Service, *endpoints: str, now: datetime = NOW) -> datetime | None:
    with read_session() as session:
        return rate_limits.calls_open_at(session, service.id, endpoints, now)


def note(service: Service, *windows: Window, endpoint: str = FOLLOWERS) -> None:
    with transaction() as session:
        rate_limits.note(session, service.id, receipt(endpoint=endpoint, windows=windows))


def test_calls_are_open_before_any_answer(acme: Service) -> None:
    assert open_at(acme, FOLLOWERS) is None


def test_calls_are_open_while_a_call_remains(acme: Service) -> None:
    note(acme, window(remaining=1, reset_at=NOW + A_MINUTE))
    assert open_at(acme, FOLLOWERS) is None


def test_calls_open_when_the_last_closed_window_does(acme: Service) -> None:
    note(
        acme,
        window(remaining=0, reset_at=NOW + A_MINUTE),
        window(name=WindowName.USER_DAY, remaining=0, reset_at=NOW + 60 * A_MINUTE),
    )
    assert open_at(acme, FOLLOWERS) == NOW + 60 * A_MINUTE
    assert open_at(acme, FOLLOWERS, now=NOW + 60 * A_MINUTE) is None


def test_the_last_answer_about_a_window_counts(acme: Service) -> None:
    note(acme, window(remaining=0, reset_at=NOW + A_MINUTE))
    note(acme, window(remaining=15, reset_at=NOW + 16 * A_MINUTE))
    assert open_at(acme, FOLLOWERS) is None


def test_calls_wait_only_for_their_own_endpoints_and_services(acme: Service) -> None:
    other = saved_service(internal_name="other", block_id="block-other")
    note(acme, window(remaining=0, reset_at=NOW + A_MINUTE), endpoint="GET users/lookup")
    assert open_at(acme, FOLLOWERS) is None
    assert open_at(acme, FOLLOWERS, "GET users/lookup") == NOW + A_MINUTE
    assert open_at(other, "GET users/lookup") is None


def test_an_answer_notes_its_limits_together_with_its_cost(acme: Service) -> None:
    reserve(acme, 40)
    record(acme, receipt(price=TENTH, resources=1, windows=(window(remaining=0, reset_at=NOW + A_MINUTE),)))
    assert open_at(acme, FOLLOWERS) == NOW + A_MINUTE


def test_what_is_set_aside_is_found_among_any_number_of_charges(database: Database, acme: Service) -> None:
    """It is looked for with every message, and there are a million charges after a few years."""
    wanted = select(Charge).where(*spend_cap._UNSETTLED).params(service=acme.id, purpose="sending")
    statement = wanted.compile(engine(), compile_kwargs={"literal_binds": True})
    with engine().connect() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        plan = connection.exec_driver_sql(f"{explain} {statement}").all()
    assert "ix_charge_unsettled" in str(plan)


@pytest.mark.parametrize(("later", "left"), [(timedelta(0), 2), (timedelta(minutes=15), 9)])
def test_an_answer_that_comes_late_gives_no_calls_back(acme: Service, later: timedelta, left: int) -> None:
    for remaining, reset_at in ((2, NOW), (9, NOW + later)):
        with transaction() as session:
            told = receipt(windows=(window(remaining=remaining, reset_at=reset_at),))
            rate_limits.note(session, acme.id, told)
    with read_session() as session:
        assert [one.remaining for one in rate_limits.windows_of(session, acme, told.endpoint)] == [left]


SIGN_IN = price(usd=Decimal("0.01"))


def sign_in(service: Service, times: int, now: datetime = NOW) -> None:
    for number in range(times):
        with transaction() as session:
            spend_cap.reserve(session, service.id, f"{spend_cap.SIGN_IN_PURPOSE} {number}", SIGN_IN, 1, now)
        if number % 2:  # every other one is answered
            read = Receipt("GET /2/users/me", SIGN_IN, 1)
            record(service, read, now=now, purpose=f"{spend_cap.SIGN_IN_PURPOSE} {number}")


def test_sign_ins_of_strangers_use_a_share_of_the_cap_a_day(acme: Service) -> None:
    record(acme, receipt(price=TENTH, resources=25))
    sign_in(acme, 50)
    with pytest.raises(ServiceBlocked, match=r"share of the spend cap for sign-ins \(\$0\.50\)") as caught:
        spend_cap.check_sign_in_affordable(acme, SIGN_IN, NOW)
    assert caught.value.reason == "sign_in_share"
    assert left(acme) == Decimal(7)
    spend_cap.check_sign_in_affordable(acme, SIGN_IN, MIDNIGHT)


def test_a_used_up_cap_allows_no_sign_in_either(acme: Service) -> None:
    record(acme, receipt(price=TENTH, resources=100))
    with pytest.raises(ServiceBlocked, match="used up") as caught:
        spend_cap.check_sign_in_affordable(acme, SIGN_IN, NOW)
    assert caught.value.reason == "cap"


@pytest.mark.parametrize(("cap", "share"), [("50", "2.50"), ("1", "0.05"), ("0.10", "0.03"), ("0", "0.03")])
def test_a_small_cap_leaves_room_for_one_sign_in(cap: str, share: str) -> None:
    assert spend_cap.sign_in_share(Decimal(cap), SIGN_IN.usd) == Decimal(share)
