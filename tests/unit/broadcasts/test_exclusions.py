from campaign.broadcasts.analysis import EXCLUSION_LABELS, list_exclusions, sum_exclusions
from models import ExclusionReason


def test_every_reason_has_its_own_label() -> None:
    assert list(EXCLUSION_LABELS) == list(ExclusionReason)
    assert len(set(EXCLUSION_LABELS.values())) == len(ExclusionReason)


def test_reasons_are_listed_in_their_order_with_their_numbers() -> None:
    counts = {"not_a_follower": 1_060, "opted_out": 2, "limit": 0}
    assert list_exclusions(counts) == "asked for no more messages (2), do not follow any more (1,060)"
    assert list_exclusions({}) == ""


def test_the_numbers_of_several_services_are_added() -> None:
    assert sum_exclusions([{"limit": 1}, {"limit": 2, "opted_out": 3}, {"unknown": 0}]) == {"opted_out": 3, "limit": 3}
