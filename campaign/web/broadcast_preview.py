"""A broadcast as a page: the message as people get it on a telephone, and who gets it when. Asks no server."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from campaign.domain.broadcast_waves import written
from campaign.domain.broadcast_words import (
    NOT_WRITTEN,
    different,
    exclusions,
    goes_out,
    reached,
    title_of,
    to_whom,
    unasked,
    untold,
    waves_shown,
)
from campaign.domain.drafts import Draft
from campaign.domain.findings import Analysis, WavePlan
from campaign.domain.preview import PreviewHead, pieces
from campaign.domain.preview_words import by_level
from campaign.domain.rendered import LoadedFile
from campaign.domain.spending import usd
from campaign.web.pictures import Album, Tile
from campaign.web.preview import COLOURS, pages

Pictures = Sequence[tuple[LoadedFile, bytes | None]]
"""The files of the message, each with its thumbnail, a small JPEG."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A message on a telephone."""

    kinds: str
    whom: str
    sender: str
    text: str


def render_broadcast(name: str, draft: Draft, analysis: Analysis, pictures: Pictures = ()) -> str:
    """Draw the page: the broadcast, what was found, its messages, who gets nothing, and its waves."""
    album = Album()
    tiles = [album.tile(file, thumbnail) for file, thumbnail in pictures]
    return pages.get_template("broadcast.html.jinja").render(
        head=PreviewHead(title_of(draft, name), name, analysis.cost),
        cost=usd(analysis.cost),
        findings=by_level(untold(analysis)),
        reached=reached(analysis),
        unasked=unasked(analysis),
        goes_out=goes_out(analysis),
        messages=[_message(seen, tiles) for seen in _seen(draft, analysis)],
        exclusions=[(words, f"{count:,}") for words, count in exclusions(analysis.excluded)],
        waves=list(_waves(analysis)),
    )


def _seen(draft: Draft, analysis: Analysis) -> Iterator[_Seen]:
    for kinds, sample in different(analysis.samples):
        yield _Seen(kinds, to_whom(sample), sample.service, sample.text)
    if not analysis.samples and draft.content.parts:
        sender = draft.services[0] if draft.services else ""
        yield _Seen(NOT_WRITTEN, "", sender, draft.content.parts[0].text)


def _message(seen: _Seen, tiles: Sequence[Tile]) -> dict[str, object]:
    return {
        "kinds": seen.kinds,
        "whom": seen.whom,
        "sender": seen.sender,
        "initial": seen.sender[:1].upper(),
        "colour": crc32(seen.sender.lower().encode()) % COLOURS,
        "tiles": tiles,
        "pieces": pieces(seen.text) if seen.text.strip() else [],
    }


def _waves(analysis: Analysis) -> Iterator[tuple[str, ...]]:
    first, left_out, last = waves_shown(analysis)
    yield from (_wave(wave) for wave in first)
    if last:
        yield (f"{left_out:,} more", "", "", "", "")
        yield _wave(last)


def _wave(wave: WavePlan) -> tuple[str, ...]:
    times = written(wave.begins_at), written(wave.ends_at)
    return (f"{wave.number:,}", f"@{wave.service}", f"{wave.recipients:,}", *times)
