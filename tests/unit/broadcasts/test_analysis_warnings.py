from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign.broadcasts.schedule import BroadcastTarget
from campaign.limits.quiet_hours import parse_quiet_hours
from campaign.limits.rate_limits import Allowance
from models import MessagePolicy
from tests.analysing import facts, sentences
from tests.broadcasting import analysed, broadcast, calendar, receiver, same, sample
from tests.factories import NOW

ONE, OTHER = sample(text="Good morning Ann, see our offers"), sample("beta", "Quite another matter altogether, Bob")


def test_a_broadcast_to_few_who_agreed_has_no_warnings() -> None:
    assert sentences(analysed(broadcast())) == {}


def test_recipients_without_consent_are_counted_beside_xs_rule() -> None:
    said = sentences(
        analysed(broadcast(), receiver(recipients=1_200, unconsented=1_100), receiver("beta", 2), samples=[ONE, OTHER])
    )
    assert said == {
        "unconsented": (
            "1,100 of 1,210 recipients on @acme never agreed to be written to, and X lets an app send automated"
            " messages only to people who wrote first or agreed: leave them out, or accept exactly 1,100 when you"
            " confirm."
        )
    }


def test_recipients_who_only_wrote_first_are_counted_apart() -> None:
    figures: dict[str, Any] = {"recipients": 10, "unconsented": 7, "agreed": 3, "wrote_first": 2}
    found = analysed(broadcast(), receiver(**figures))
    assert "Of 10 recipients 3 agreed, 2 only wrote first, 5 did neither." in facts(found)
    assert (
        "never agreed to be written to (2 of them only wrote first, which is no consent to marketing), and X"
        in (sentences(found)["unconsented"])
    )
    counted = analysed(broadcast(), receiver(**figures | {"unconsented": 5}, wrote_first_counts=True))
    assert "never agreed to be written to, and X" in sentences(counted)["unconsented"]


def test_messages_that_may_be_opt_outs_are_told_while_they_wait() -> None:
    said = sentences(analysed(broadcast(), receiver(unclear=2), receiver("beta", 2), samples=[ONE, OTHER]))
    assert said["unclear_messages"].startswith("2 messages to @acme may be meant as an opt-out")


def test_a_service_that_writes_only_to_those_who_agreed_says_so() -> None:
    strict = receiver(policy=MessagePolicy.CONSENTED_ONLY)
    assert "On @acme only people get it whose consent is recorded." in facts(analysed(broadcast(), strict))
    assert "consent is recorded" not in " ".join(facts(analysed(broadcast())))


def test_without_a_proof_a_person_should_look_first() -> None:
    assert sentences(analysed(broadcast(proof_recipients=[]), proofs_sent=0)) == {
        "no_proof_recipient": "No proof can be sent: name a proof recipient, such as yourself."
    }
    assert sentences(analysed(broadcast(proof_recipients=["ann", "bob"]), proofs_sent=0)) == {
        "no_proof_sent": "No proof was sent yet: send one to @ann and @bob and look at it on X."
    }


def test_the_same_words_from_several_services_are_reported() -> None:
    two = receiver(), receiver("beta", 2)
    said = "@acme and @beta write nearly the same, which X forbids across accounts"
    assert sentences(analysed(broadcast(), *two))["same_text_to_several"].startswith(said)
    assert sentences(analysed(broadcast(), *two, samples=[ONE, sample("beta", ONE.text)]))["same_text_to_several"]
    assert sentences(analysed(broadcast(), *two, samples=[ONE, OTHER])) == {}


def test_a_service_on_which_no_person_gets_it_is_reported() -> None:
    said = sentences(analysed(broadcast(), receiver(), receiver("beta", 2, 0, excluded={"opted_out": 3})))
    assert said == {
        "nobody_on_service": (
            "@beta has no recipients among the people in its target (3), who asked for no more messages (3): remove the"
            " service, or choose another target."
        )
    }


def test_messages_that_do_not_say_how_to_stop_them_are_reported() -> None:
    assert sentences(analysed(broadcast(), receiver(opt_out_line=""))) == {
        "no_opt_out_line": (
            "Messages of @acme do not say how to stop them, which X asks for: write an opt-out line in the service."
        )
    }


def test_a_broadcast_that_takes_days_says_how_long_and_why() -> None:
    assert sentences(analysed(broadcast(), receiver(recipients=5_000))) == {
        "takes_long": (
            "On @acme it takes about 3 days 11 hours, because X takes 15 messages of an account in 15 minutes and"
            " 1,440 in 24 hours: write to fewer people if it has to be out sooner."
        )
    }


@pytest.mark.parametrize(
    ("target", "because"),
    [
        (receiver(recipients=502, daily_limit=500), "the service sends 500 messages at most in 24 hours"),
        (
            receiver(recipients=2_000, quiet=parse_quiet_hours("22:00-08:00")),
            "1,440 in 24 hours and its quiet hours are 22:00 to 08:00 (UTC)",
        ),
    ],
)
def test_what_sets_the_pace_is_named(target: BroadcastTarget, because: str) -> None:
    assert f"{because}: write to fewer" in sentences(analysed(broadcast(), target))["takes_long"]


def test_the_last_wave_is_a_reason_too() -> None:
    said = sentences(analysed(broadcast(waves=calendar((5, 0), (5, 2 * 86_400)))))["takes_long"]
    assert "and its last wave begins 2 days after the start: write" in said


def test_an_end_after_the_validity_says_both_times() -> None:
    said = sentences(analysed(broadcast(validity_days=1), receiver(recipients=1_500)))
    assert said["ends_after_validity"] == (
        "On @acme the last message is out at about 2026-11-27 08:15 UTC and the validity ends at 2026-11-27 07:30 UTC,"
        " after which nothing goes out: lengthen the validity, or write to fewer people."
    )


def test_waves_that_take_longer_than_their_period_are_reported_once() -> None:
    said = sentences(analysed(broadcast(waves=same(30, 1_800)), receiver(recipients=90)))
    assert said == {}
    said = sentences(analysed(broadcast(waves=same(30, 900)), receiver(recipients=90)))
    assert said == {
        "waves_overlap": (
            "On @acme wave 1 still goes out when wave 2 is due, which waits until 2026-11-26 08:00 UTC (the first"
            " of 2 such waves): make the waves smaller, or leave more time between them."
        )
    }


def test_quiet_hours_that_leave_little_time_are_reported() -> None:
    quiet = parse_quiet_hours("12:00-08:00")
    assert sentences(analysed(broadcast(), receiver(quiet=quiet))) == {
        "quiet_hours_long": (
            "The quiet hours of @acme, 12:00 to 08:00 (UTC), leave 4 hours of a day to send in: shorten them in the"
            " service if it has to be out sooner."
        )
    }
    assert sentences(analysed(broadcast(), receiver(quiet=parse_quiet_hours("22:00-08:00")))) == {}


def test_the_same_words_to_more_than_a_hundred_are_good_to_know() -> None:
    told = "All 101 people get the same text: a field such as their name makes it a personal message."
    assert told in facts(analysed(broadcast("Hello"), receiver(recipients=101)))
    assert told not in facts(analysed(broadcast("Hello {{ visitor.name }}"), receiver(recipients=101)))
    assert not any("same text" in fact for fact in facts(analysed(broadcast("Hello"), receiver(recipients=100))))


def test_what_x_does_not_take_now_delays_it() -> None:
    shut = Allowance(0, NOW + timedelta(hours=2), "Used up.")
    assert analysed(broadcast(), receiver(allowance=shut)).waves[0].begins_at == NOW + timedelta(hours=2)


def test_a_broadcast_that_would_empty_the_balance_of_an_app_is_warned_of() -> None:
    rich = receiver(recipients=100, app="a", balance=Decimal("2.51"), left=Decimal(50))
    poor = receiver(recipients=100, app="a", balance=Decimal("2.50"), left=Decimal(50))
    assert "balance" not in sentences(analysed(broadcast(), rich))
    assert "balance" not in sentences(analysed(broadcast(), receiver(recipients=100, left=Decimal(50))))
    warned = sentences(analysed(broadcast(), poor))["balance"]
    assert warned.startswith("X has $2.50 left for the app of @acme, and this costs about $2.50: buy credits")
    # The app is one, so its services empty the same balance.
    shared = [rich, receiver("beta", 2, recipients=1, app="a", balance=Decimal("2.51"), left=Decimal(50))]
    assert "@acme, @beta" in sentences(analysed(broadcast(services=["acme", "beta"]), *shared))["balance"]
