"""A broadcast as Markdown, before it goes out. Names and texts come from strangers: they are only ever words there."""

from collections.abc import Iterator, Sequence

from campaign.domain.broadcast_waves import written
from campaign.domain.broadcast_words import (
    NOT_WRITTEN,
    different,
    exclusions,
    file_name,
    goes_out,
    reached,
    title_of,
    to_whom,
    unasked,
    untold,
    waves_shown,
)
from campaign.domain.content import MediaItem
from campaign.domain.drafts import Draft
from campaign.domain.findings import Analysis, WavePlan
from campaign.domain.plain_markdown import picture, quoted, strange_line, strange_text, table
from campaign.domain.preview_words import NO_ALT_TEXT, by_level
from campaign.domain.spending import usd


def as_markdown(name: str, draft: Draft, analysis: Analysis, thumbnails: Sequence[bytes] = ()) -> str:
    """Write how many get it, what it costs and when it is out, then the message as people get it, and what was found.

    The figures are first: where the question is asked only the first lines are seen without scrolling.

    `thumbnails` are small JPEGs of the message's file; none where there is none to see.
    """
    blocks = [
        f"## {strange_line(title_of(draft, name))}",
        strange_line(name),
        *_figures(analysis),
        *_messages(draft, analysis, thumbnails),
        "---",
        *_excluded(analysis),
        *_waves(analysis),
        *_findings(analysis),
    ]
    return "\n\n".join(blocks) + "\n"


def _messages(draft: Draft, analysis: Analysis, thumbnails: Sequence[bytes]) -> Iterator[str]:
    attached = _files(draft, thumbnails)
    for kinds, sample in different(analysis.samples):
        yield "### " + strange_line(f"{kinds} · to {to_whom(sample)} · from @{sample.service}")
        yield quoted([*_text(sample.text), *attached])
    if not analysis.samples and draft.content.parts:
        yield f"*{strange_line(NOT_WRITTEN)}*"
        yield quoted([*_text(draft.content.parts[0].text), *attached])


def _text(text: str) -> list[str]:
    return [strange_text(text)] if text.strip() else []


def _files(draft: Draft, thumbnails: Sequence[bytes]) -> list[str]:
    items = [item for part in draft.content.parts[:1] for item in part.media]
    missing = (b"",) * len(items)
    return [_file(item, small) for item, small in zip(items, (*thumbnails, *missing), strict=False)]


def _file(item: MediaItem, thumbnail: bytes) -> str:
    words = f"{strange_line(file_name(item))}: {strange_line(item.alt_text or NO_ALT_TEXT)}"
    return f"{picture(item.alt_text or NO_ALT_TEXT, thumbnail)}\n\n{words}" if thumbnail else words


def _figures(analysis: Analysis) -> Iterator[str]:
    said = strange_line(unasked(analysis))
    yield f"**{strange_line(reached(analysis))}** {said}".strip()
    yield f"**Cost:** {strange_line(usd(analysis.cost))}"
    if times := goes_out(analysis):
        yield f"**Goes out:** {strange_line(times)}"


def _excluded(analysis: Analysis) -> Iterator[str]:
    rows = [
        {"Nothing goes to those who": words, "People": f"{count:,}"} for words, count in exclusions(analysis.excluded)
    ]
    if rows:
        yield table(rows, numbers=["People"])


def _waves(analysis: Analysis) -> Iterator[str]:
    first, left_out, last = waves_shown(analysis)
    if not first:
        return
    rows = [_wave(wave) for wave in first]
    if last:
        rows += [dict.fromkeys(rows[0], "") | {"Wave": f"{left_out:,} more"}, _wave(last)]
    yield table(rows, numbers=["Wave", "People"])


def _wave(wave: WavePlan) -> dict[str, str]:
    return {
        "Wave": f"{wave.number:,}",
        "Service": f"@{wave.service}",
        "People": f"{wave.recipients:,}",
        "Begins": written(wave.begins_at),
        "Ends": written(wave.ends_at),
    }


def _findings(analysis: Analysis) -> Iterator[str]:
    for title, sentences in by_level(untold(analysis)):
        yield f"**{title}**"
        yield "\n".join(f"* {strange_line(sentence)}" for sentence in sentences)
