from dataclasses import replace
from decimal import Decimal

import pytest

from campaign.deliveries.draft import Part, PollContent
from tests.analysing import PROOF, analysed, draft, sentences, target


@pytest.mark.parametrize(
    ("proof", "sent", "code"),
    [
        (None, 0, "no_proof_service"),
        (None, 1, "no_proof_service"),
        (PROOF, 0, "no_proof_sent"),
        (replace(PROOF, protected=False), 1, "proof_not_protected"),
        (replace(PROOF, protected=None), 1, "proof_not_protected"),
        (replace(PROOF, blocked_because="Keys wrong."), 0, "proof_blocked"),
    ],
)
def test_a_delivery_that_no_person_saw_on_x_is_reported(proof: object, sent: int, code: str) -> None:
    analysis, _ = analysed(draft("Hello"), proof=proof, proofs_sent=sent)  # type: ignore[arg-type]
    assert sentences(analysis).keys() == {code}
    assert analysis.is_ok


def test_a_proof_that_cannot_go_out_is_reported_beforehand() -> None:
    long = target(longest_post=25_000)
    assert sentences(analysed(draft("Hello", "x" * 300), long)[0]) == {
        "proof_too_long": "Part 2 of 2 on @proofs weighs 300 as X counts, 20 more than the 280 allowed: shorten it."
    }
    asked = draft(Part(text="Which?", poll=PollContent(options=["Tea", "Coffee"])))
    assert sentences(analysed(asked, proof=replace(PROOF, api_version="1.1"))[0]).keys() == {"proof_poll_on_v1"}
    assert sentences(analysed(draft("Hello"), proof=replace(PROOF, left=Decimal(0)))[0]) == {
        "proof_over_cap": "A proof on @proofs costs $0.015, and $0.00 of this month's spend cap is left: raise its cap,"
        " or go without."
    }


def test_what_keeps_the_publication_back_is_not_reported_again_of_the_proof() -> None:
    assert sentences(analysed(draft("x" * 300))[0]).keys() == {"too_long"}
