import pytest

from campaign import errors
from campaign.errors import (
    AlreadyRunning,
    CampaignError,
    InvalidTransition,
    NotPossible,
    Refused,
    ServiceBlocked,
    Uncertain,
    Unsent,
    WrongUsage,
    XError,
)
from tests.factories import NOW, receipt


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (WrongUsage, CampaignError),
        (NotPossible, CampaignError),
        (AlreadyRunning, NotPossible),
        (InvalidTransition, NotPossible),
        (XError, CampaignError),
        (Unsent, XError),
        (Refused, XError),
        (Uncertain, XError),
        (ServiceBlocked, XError),
    ],
)
def test_the_tree_is_as_drawn(kind: type[Exception], base: type[Exception]) -> None:
    assert kind.__base__ is base
    assert kind.__name__ in (errors.__doc__ or "")


def test_an_error_reads_as_its_sentence() -> None:
    assert str(WrongUsage("Write it differently.")) == "Write it differently."
    assert str(Refused("X said no.", reason="no")) == "X said no."


def test_a_forbidden_transition_says_from_what_to_what() -> None:
    assert str(InvalidTransition("Sync 7", "finished", "running")) == "Sync 7 is finished and cannot become running."


def test_an_answer_of_x_keeps_its_reason_and_the_receipts_of_the_calls() -> None:
    error = Unsent("Later.", reason="rate_limited", retry_at=NOW, receipts=[receipt()])
    assert (error.reason, error.retry_at, error.receipts) == ("rate_limited", NOW, (receipt(),))
    assert Uncertain("Nobody knows.", reason="timeout").receipts == ()
