"""What a person should look at before a part goes out on an account."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from unicodedata import normalize

from campaign.domain.analysis_costs import price_of
from campaign.domain.findings import Finding, Level, warning
from campaign.domain.posts import MediaKind
from campaign.domain.remarks import PlacedPart, Remark, listed, parts_name
from campaign.domain.same_text import is_same_text
from campaign.domain.similar import is_similar
from campaign.domain.spending import usd
from campaign.domain.weight import spans

_TAGS = "a|b|i|u|p|s|em|br|hr|h[1-6]|ul|ol|li|div|span|strong|img|font|table|tr|td|center|style|script"
_HTML = re.compile(
    rf"</?(?:{_TAGS})(?:\s+[a-z-]+\s*=[^<>]*)?\s*/?>|&(?:amp|lt|gt|quot|apos|nbsp|#\d+|#x[0-9a-f]+);", re.IGNORECASE
)


def part_warnings(placed: Sequence[PlacedPart]) -> Iterator[Remark]:
    """What a person should look at in each part."""
    for one in placed:
        for code, rest in (*_html(one), *_links(one), *_cashtags(one), *_undescribed(one), *_recently(one)):
            yield Remark(Level.WARNING, code, one.rendered.part, rest, one.target.internal_name)


def likeness_warnings(placed: Sequence[PlacedPart]) -> Iterator[Finding]:
    """Parts that say nearly the same on several accounts; one finding for the same accounts."""
    parts: dict[tuple[str, ...], list[int]] = {}
    by_part = sorted(placed, key=lambda one: one.rendered.part)
    for part, group in groupby(by_part, key=lambda one: one.rendered.part):
        if names := _alike(list(group)):
            parts.setdefault(names, []).append(part)
    for names, numbers in parts.items():
        yield warning(
            "same_text_to_several",
            f"{listed(names)} say nearly the same in {parts_name(numbers, placed[0].of)}, which X forbids across"
            " accounts: write a text for each, or choose one account.",
        )


def _html(one: PlacedPart) -> Iterator[tuple[str, str]]:
    if found := _HTML.search(one.rendered.text):
        yield "html", f"has HTML in it ({found[0]}), which X shows as it is written: write plain text."


def _links(one: PlacedPart) -> Iterator[tuple[str, str]]:
    price, plain = price_of(one), one.target.plain_price
    if price == plain:
        return
    links = (span.text for span in spans(normalize("NFC", one.rendered.text)) if span.kind == "link")
    times = f", {round(price / plain)} times as much" if plain > 0 else ""
    rest = f"has a link ({next(links)}) and costs {usd(price)} instead of {usd(plain)}{times}: remove it to save that."
    yield "link", rest


def _cashtags(one: PlacedPart) -> Iterator[tuple[str, str]]:
    """At most one for self-serve keys (docs.x.com/x-api/posts/create-post)."""
    tags = [span.text for span in spans(one.rendered.text) if span.kind == "cashtag"]
    if len(tags) > 1:
        yield "several_cashtags", f"has {len(tags)} cashtags ({', '.join(tags)}): X takes one, so remove the others."


def _undescribed(one: PlacedPart) -> Iterator[tuple[str, str]]:
    for file in one.rendered.files:
        if file.kind is MediaKind.IMAGE and not file.alt_text.strip():
            yield "no_alt_text", f"shows {file.source} without alternative text: say what it shows."


def _recently(one: PlacedPart) -> Iterator[tuple[str, str]]:
    text = one.rendered.text
    if text.strip() and any(is_same_text(text, earlier) for earlier in one.target.recent_texts):
        yield "same_text_recently", "says what was posted there in the last 24 hours: X refuses that, so change it."


def _alike(ones: Sequence[PlacedPart]) -> tuple[str, ...]:
    """The accounts whose text is nearly that of another one."""
    names: list[str] = []
    for number, one in enumerate(ones):
        for other in ones[:number]:
            if one.rendered.text.strip() and is_similar(one.rendered.text, other.rendered.text):
                names += (other.target.internal_name, one.target.internal_name)
                break
    return tuple(dict.fromkeys(names))
