"""Why people in the target of a broadcast get nothing, in words. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping

from models import ExclusionReason

EXCLUSION_WORDS: Mapping[ExclusionReason, str] = {
    ExclusionReason.OPTED_OUT: "asked for no more messages",
    ExclusionReason.SUPPRESSED: "are never to be written to",
    ExclusionReason.NOT_A_FOLLOWER: "do not follow any more",
    ExclusionReason.DOES_NOT_RECEIVE: "do not receive messages of the account",
    ExclusionReason.NO_CONSENT: "have not agreed to be written to",
    ExclusionReason.EXCLUDED_CONDITION: "meet the condition that excludes people",
    ExclusionReason.ALREADY_RECEIVED: "got this delivery already",
    ExclusionReason.NOT_IF_RECEIVED: "got a delivery that excludes them",
    ExclusionReason.ALREADY_CONTACT: "are contacts already",
    ExclusionReason.ALREADY_INVITED: "were invited before",
    ExclusionReason.FREQUENCY_CAP: "got as many messages lately as the service allows",
    ExclusionReason.DUPLICATE: "are named twice or get it from another service",
    ExclusionReason.FIELD_MISSING: "lack a field that the text needs",
    ExclusionReason.LIMIT: "are more than the limit of the delivery",
    ExclusionReason.UNKNOWN: "are in the list and not known",
}


def excluded_in_words(counts: Mapping[str, int]) -> str:
    """Each reason with its number: do not follow any more (60), asked for no more messages (2)."""
    return ", ".join(
        f"{words} ({counts[reason]:,})" for reason, words in EXCLUSION_WORDS.items() if counts.get(reason, 0)
    )


def together(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The numbers of several services in one, by reason and in the order of the reasons."""
    sums: Counter[str] = Counter()
    for count in counts:
        sums.update(count)
    return {reason.value: sums[reason.value] for reason in ExclusionReason if sums[reason.value]}


EXCLUSION_SENTENCES: Mapping[ExclusionReason, str] = {
    ExclusionReason.OPTED_OUT: "The person opted out.",
    ExclusionReason.SUPPRESSED: "The person is on the denylist.",
    ExclusionReason.NOT_A_FOLLOWER: "The person does not follow the account any more.",
    ExclusionReason.DOES_NOT_RECEIVE: "The person does not receive messages of the account.",
    ExclusionReason.NO_CONSENT: "The person has not agreed to be written to.",
    ExclusionReason.EXCLUDED_CONDITION: "The person meets the condition that excludes people.",
    ExclusionReason.ALREADY_RECEIVED: "The person got this delivery already.",
    ExclusionReason.NOT_IF_RECEIVED: "The person got a delivery that excludes those who got it.",
    ExclusionReason.ALREADY_CONTACT: "The person is a contact already.",
    ExclusionReason.ALREADY_INVITED: "The person was invited before.",
    ExclusionReason.FREQUENCY_CAP: "The person got as many messages lately as the service allows.",
    ExclusionReason.DUPLICATE: "The person gets it from another service.",
    ExclusionReason.FIELD_MISSING: "The text needs something that X does not tell of the person.",
    ExclusionReason.LIMIT: "The limit of the delivery was reached before the person.",
    ExclusionReason.UNKNOWN: "The person is in the list and no visitor.",
}
"""Why one person gets nothing."""
