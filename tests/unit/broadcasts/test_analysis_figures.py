from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.broadcasts.analysis import analyse_broadcast
from campaign.deliveries.draft import Waves
from campaign.limits.rate_limits import Allowance
from campaign.posts.analysis import Analysis
from tests.analysing import facts
from tests.broadcasting import STOP, analysed, broadcast, calendar, receiver, same, sample
from tests.factories import NOW


def test_everything_good_to_know_is_reported() -> None:
    analysis = analysed(broadcast(), receiver(recipients=20, excluded={"not_a_follower": 3, "no_consent": 1}))
    assert facts(analysis) == [
        "Of 24 people in the target 20 get it.",
        "Left out on @acme, 4 in all: do not follow any more (3), have not agreed to be written to (1).",
        f"Every message of @acme ends with: {STOP}",
        "Of 20 recipients 0 agreed, 0 only wrote first, 20 did neither.",
        (
            "On @acme it costs about $0.50 of $50000.00 left this month: $0.015 for each message and $0.01 when the"
            " inbox is read, where it is shown too; every answer that is read costs $0.01 more, and looking up its"
            " sender $0.01 a day."
        ),
        "It takes about 21 calls of X's API.",
        "On @acme 20 messages go out from 2026-11-26 07:30 UTC to 2026-11-26 07:45 UTC.",
    ]


def test_a_sender_who_costs_nothing_is_not_in_the_sentence() -> None:
    (cost,) = [each for each in facts(analysed(broadcast(), receiver(sender_price=Decimal(0)))) if "costs" in each]
    assert cost.endswith("every answer that is read costs $0.01 more.")


def test_figures_are_those_of_all_services() -> None:
    one = receiver(recipients=150, excluded={"opted_out": 1}, unconsented=7)
    other = receiver("beta", 2, 50, excluded={"opted_out": 2, "limit": 4}, unconsented=5, event_price=Decimal(0))
    samples = [sample()]
    analysis = analysed(broadcast(waves=same(100)), one, other, samples=samples)
    assert (analysis.messages, analysis.calls) == (200, 203)
    assert analysis.cost == 150 * Decimal("0.025") + 50 * Decimal("0.015")
    assert (analysis.targeted, analysis.unconsented) == (207, 12)
    assert analysis.excluded == {"opted_out": 3, "limit": 4}
    assert analysis.samples == samples
    assert [(wave.service, wave.number, wave.recipients) for wave in analysis.waves] == [
        ("acme", 1, 75),
        ("acme", 2, 75),
        ("beta", 1, 25),
        ("beta", 2, 25),
    ]
    assert analysis.ends_at == max(wave.ends_at for wave in analysis.waves)


def test_a_contact_date_is_when_the_first_wave_begins() -> None:
    date = NOW + timedelta(days=2)
    used = Allowance(1)
    analysis = analysed(broadcast(contact_date=date), receiver(recipients=15, allowance=used))
    assert [(wave.begins_at, wave.ends_at) for wave in analysis.waves] == [(date, date + timedelta(seconds=14))]
    assert analysed(broadcast(), receiver(recipients=15, allowance=used)).ends_at == NOW + timedelta(
        minutes=15, seconds=13
    )


def test_waves_are_reported_in_words_and_many_of_them_in_short() -> None:
    told = facts(analysed(broadcast(waves=calendar((1, 0), (1, 3_600))), receiver(recipients=2)))[-1]
    assert told == (
        "On @acme there are 2 waves: number 1 with 1 from 2026-11-26 07:30 UTC to 2026-11-26 07:30 UTC; number 2 with 1"
        " from 2026-11-26 08:30 UTC to 2026-11-26 08:30 UTC."
    )
    many = facts(analysed(broadcast(waves=same(1)), receiver(recipients=1_000)))[-1]
    assert "there are 1,000 waves" in many
    assert "; and 995 more, the last of them number 1,000 with 1 from" in many
    assert len(many) < 600
    assert facts(analysed(broadcast(), receiver(recipients=1)))[-1].startswith("On @acme 1 message goes out from")


def test_without_any_service_there_is_nothing_to_count() -> None:
    analysis = analyse_broadcast(broadcast(), [], None, [], proofs_sent=1, now=NOW)
    assert [finding.code for finding in analysis.findings] == ["no_target"]
    assert (analysis.messages, analysis.calls, analysis.cost, analysis.ends_at) == (0, 0, Decimal(0), None)


WAVES = st.sampled_from([Waves(), same(1, 60), same(7, is_percentage=True), calendar((3, 60), (2, 0), (1, 10**20))])


@given(WAVES, st.lists(st.integers(0, 50), min_size=1, max_size=3), st.booleans())
def test_an_analysis_comes_back_from_json_as_it_was(waves: Waves, recipients: list[int], is_late: bool) -> None:
    targets = [receiver(f"s{number}", number, people, app="x") for number, people in enumerate(recipients, start=1)]
    draft = broadcast(waves=waves, contact_date=NOW + timedelta(hours=1) if is_late else None)
    analysis = analysed(draft, *targets, samples=[sample("s1")])
    assert Analysis.model_validate_json(analysis.model_dump_json()) == analysis
    assert sum(wave.recipients for wave in analysis.waves) == analysis.messages == sum(recipients)


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        (
            {"unconsented": 7, "agreed": 3, "wrote_first": 2},
            "7 recipients who never agreed (2 of them only wrote first)",
        ),
        ({"unconsented": 5, "agreed": 3, "wrote_first": 2}, "5 recipients who never agreed"),
        ({"unconsented": 7}, "7 recipients who never agreed"),
        ({"unconsented": 1}, "1 recipient who never agreed"),
    ],
    ids=["writing first does not count", "writing first counts", "of an earlier version", "of one"],
)
def test_what_a_person_accepts_names_who_only_wrote_first(figures: dict[str, Any], sentence: str) -> None:
    assert Analysis(messages=10, **figures).consent_sentence == sentence.format("recipients who never agreed")


def test_the_file_of_a_broadcast_is_paid_once_for_each_service() -> None:
    price = Decimal("0.015")
    assert receiver("acme", 1, 40, file_price=price).cost == 40 * Decimal("0.025") + price
    assert receiver("acme", 1, 0, file_price=price).cost == 0
