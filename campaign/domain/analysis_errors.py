"""What keeps a part from going out on an account: X would refuse it."""

from collections.abc import Iterable, Iterator, Sequence
from unicodedata import category

from campaign.domain.findings import Level
from campaign.domain.remarks import PlacedPart, Remark, part_name
from campaign.domain.rendered import Target
from campaign.domain.same_text import is_same_text
from campaign.domain.weight import ORDINARY_POST, weigh
from models import ApiVersion

_LINE_CHARACTERS = frozenset("\n\r\t")
# twitter-text's invalid characters: byte order marks and what is no character at all.
_NO_CHARACTERS = frozenset("\ufeff\ufffe\uffff")


def part_errors(placed: Sequence[PlacedPart]) -> Iterator[Remark]:
    """What X would refuse of the rendered parts, account by account."""
    for one in placed:
        for code, rest in (*_text_problems(one), *_version_problems(one)):
            yield Remark(Level.ERROR, code, one.rendered.part, rest, one.target.internal_name)
    yield from _duplicates(placed)


def longest_post(target: Target) -> int:
    """What a post of the account may weigh: with API v1.1 never more than an ordinary one, whatever it subscribed."""
    return ORDINARY_POST if target.api_version == ApiVersion.V1_1 else target.longest_post


def _text_problems(one: PlacedPart) -> Iterator[tuple[str, str]]:
    text = one.rendered.text
    if not text.strip() and not one.wanted_files:
        yield "empty_text", "has no text: write one, or add a file."
    wrong = next(filter(_is_control, text), None)
    if wrong is not None:
        yield (
            "control_character",
            f"has an invisible character that X refuses, U+{ord(wrong):04X}: write the text anew.",
        )
    weight, limit = weigh(text), longest_post(one.target)
    if weight > limit:
        yield (
            "too_long",
            f"weighs {weight:,} as X counts, {weight - limit:,} more than the {limit:,} allowed: shorten it.",
        )


def _is_control(character: str) -> bool:
    is_invisible = category(character) in {"Cc", "Cs"} and character not in _LINE_CHARACTERS
    return is_invisible or character in _NO_CHARACTERS


def _version_problems(one: PlacedPart) -> Iterator[tuple[str, str]]:
    """What only API v2 can do, see campaign.x.v1_posts."""
    if one.target.api_version != ApiVersion.V1_1:
        return
    remedy = "which X's API v1.1 does not know: set the service's API version to 2, or remove it."
    if one.rendered.poll:
        yield "poll_on_v1", f"has a poll, {remedy}"
    if one.rendered.reply_settings:
        yield "reply_settings_on_v1", f"says who may answer, {remedy}"
    if one.rendered.paid_partnership:
        yield "paid_partnership_on_v1", f"is marked as a paid partnership, {remedy}"


def _duplicates(placed: Sequence[PlacedPart]) -> Iterator[Remark]:
    """X refuses a text that the account has just posted (403, "duplicate content")."""
    for one in placed:
        earlier = next((other.rendered.part for other in _before(one, placed) if _is_same(one, other)), None)
        if earlier:
            rest = f"says the same as {part_name(earlier, one.of)}, which X refuses: change one of them."
            yield Remark(Level.ERROR, "duplicate_parts", one.rendered.part, rest, one.target.internal_name)


def _before(one: PlacedPart, placed: Iterable[PlacedPart]) -> Iterator[PlacedPart]:
    for other in placed:
        if other.target is one.target and other.rendered.part < one.rendered.part:
            yield other


def _is_same(one: PlacedPart, other: PlacedPart) -> bool:
    return bool(one.rendered.text.strip()) and is_same_text(one.rendered.text, other.rendered.text)
