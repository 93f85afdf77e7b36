"""What a person should know of the text of a broadcast and of its proofs."""

import re
from collections.abc import Iterator, Sequence

from campaign.domain.broadcast_target import BroadcastTarget
from campaign.domain.drafts import Draft
from campaign.domain.findings import Finding, Sample, info, warning
from campaign.domain.remarks import listed
from campaign.domain.similar import is_similar

_MANY = 100
_PERSONAL = re.compile(r"\{\{|\{%")


def proof_warnings(draft: Draft, proofs_sent: int) -> Iterator[Finding]:
    """What is missing until somebody has seen a message as X shows it."""
    if not draft.broadcast.proof_recipients:
        yield warning("no_proof_recipient", "No proof can be sent: name somebody who gets it, such as yourself.")
    elif not proofs_sent:
        yield warning(
            "no_proof_sent",
            f"No proof was sent yet: send one to {listed(draft.broadcast.proof_recipients)} and look at it on X.",
        )


def text_warnings(draft: Draft, targets: Sequence[BroadcastTarget], samples: Sequence[Sample]) -> Iterator[Finding]:
    """The same words to many people, or from several accounts."""
    senders = [target.internal_name for target in targets if target.recipients]
    alike = [name for name in senders if any(_is_alike(name, other, samples) for other in senders if other != name)]
    if alike:
        yield warning(
            "same_text_to_several",
            f"{listed(alike)} write nearly the same, which X forbids across accounts: choose one service, or make a"
            " delivery with its own text for each.",
        )
    recipients = sum(target.recipients for target in targets)
    text = " ".join(part.text for part in draft.content.parts)
    if recipients > _MANY and text.strip() and not _PERSONAL.search(text):
        yield info(
            "not_personal",
            f"All {recipients:,} people get the same words: a field such as their name makes it a personal message.",
        )


def _is_alike(one: str, other: str, samples: Sequence[Sample]) -> bool:
    """Whether any two samples are; a service without any says what the others say."""
    texts = [[sample.text for sample in samples if sample.service == name] for name in (one, other)]
    if not all(texts):
        return True
    return any(is_similar(first, second) for first in texts[0] for second in texts[1])
