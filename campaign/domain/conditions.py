"""Conditions that choose visitors, as a person types them: `followers_count > 50 and location contains 'Gent'`."""

from campaign.domain.condition_tree import Condition, WrongCondition

__all__ = ["LONGEST", "Condition", "WrongCondition", "parse"]

LONGEST = 2_000
"""Characters of a condition."""


def parse(text: str) -> Condition:
    """Read a condition; raises WrongCondition in one sentence, with the place of what is wrong."""
    _check_text(text)
    # Importing sqlglot takes a tenth of a second, which only those pay who write a condition.
    from campaign.domain.condition_grammar import put_together  # noqa: PLC0415
    from campaign.domain.condition_order import check_order  # noqa: PLC0415
    from campaign.domain.condition_words import pieces_of  # noqa: PLC0415

    pieces = pieces_of(text)
    check_order(pieces)
    return put_together(pieces, text)


def _check_text(text: str) -> None:
    if not text.strip():
        raise WrongCondition("The condition is empty; write one such as followers_count > 50.")
    if len(text) > LONGEST:
        raise WrongCondition(f"The condition has {len(text):,} characters; shorten it to {LONGEST:,} at most.")
    for place, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise WrongCondition(f"{character!a} (at character {place + 1}) is no character of a text.", place + 1)
