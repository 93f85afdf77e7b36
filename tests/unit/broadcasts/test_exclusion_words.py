from campaign.broadcasts.exclusions import EXCLUSION_WORDS, excluded_in_words, together
from models import ExclusionReason


def test_every_reason_has_its_own_words() -> None:
    assert list(EXCLUSION_WORDS) == list(ExclusionReason)
    assert len(set(EXCLUSION_WORDS.values())) == len(ExclusionReason)


def test_reasons_are_told_in_their_order_with_their_numbers() -> None:
    counts = {"not_a_follower": 1_060, "opted_out": 2, "limit": 0}
    assert excluded_in_words(counts) == "asked for no more messages (2), do not follow any more (1,060)"
    assert excluded_in_words({}) == ""


def test_the_numbers_of_several_services_are_added() -> None:
    assert together([{"limit": 1}, {"limit": 2, "opted_out": 3}, {"unknown": 0}]) == {"opted_out": 3, "limit": 3}
