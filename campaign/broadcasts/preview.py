"""The preview of a broadcast: who gets it, when, and what it says."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from campaign.broadcasts.exclusions import EXCLUSION_WORDS
from campaign.deliveries.draft import Draft, MediaItem
from campaign.deliveries.findings import Analysis, Finding, Sample, WavePlan
from campaign.formatting import lasting, usd, written
from campaign.posts.preview import NO_ALT_TEXT, by_level
from campaign.reporting.markdown import picture, quoted, strange_line, strange_text, table

MOST_WAVES_SHOWN = 10
"""The first so many waves are shown, and the last."""
NOT_WRITTEN = "Nobody gets it as it is; this is the text as it was written."
_TOLD_IN_FIGURES = frozenset({"targeted", "excluded", "waves"})
_KINDS = {"shortest": "the shortest", "longest": "the longest", "random": "one at random", "chosen": "the chosen one"}


def title_of(draft: Draft, name: str) -> str:
    """What a broadcast is called."""
    return draft.label or name


def reached(analysis: Analysis) -> str:
    """How many get it of how many targeted."""
    return f"{analysis.messages:,} of {analysis.targeted:,} {'person' if analysis.targeted == 1 else 'people'} get it."


def unasked(analysis: Analysis) -> str:
    """How many of them never agreed to be written to; empty when all did."""
    if not analysis.unconsented:
        return ""
    return f"{analysis.unconsented:,} of them never agreed to be written to: who confirms accepts exactly this number."


def untold(analysis: Analysis) -> list[Finding]:
    """What was found beside what a preview tells in its figures and tables."""
    return [finding for finding in analysis.findings if finding.code not in _TOLD_IN_FIGURES]


def exclusions(excluded: Mapping[str, int]) -> list[tuple[str, int]]:
    """Why how many people in the target get nothing, in words."""
    words = {reason.value: said for reason, said in EXCLUSION_WORDS.items()}
    return [(words.get(reason, reason), count) for reason, count in excluded.items() if count]


def goes_out(analysis: Analysis) -> str:
    """From when to when, and how long that is; empty when nothing goes out."""
    if not analysis.waves or analysis.ends_at is None:
        return ""
    begins_at = min(wave.begins_at for wave in analysis.waves)
    length = lasting(analysis.ends_at - begins_at)
    return f"{written(begins_at)} to {written(analysis.ends_at)}, {length}"


def waves_shown(analysis: Analysis) -> tuple[list[WavePlan], int, WavePlan | None]:
    """The first waves, how many are left out, and the last where it is not among them; in the order of their times."""
    waves = sorted(analysis.waves, key=lambda wave: (wave.begins_at, wave.service, wave.number))
    left_out = len(waves) - MOST_WAVES_SHOWN - 1
    if left_out <= 0:
        return waves, 0, None
    return waves[:MOST_WAVES_SHOWN], left_out, waves[-1]


def different(samples: Sequence[Sample]) -> list[tuple[str, Sample]]:
    """Each message once, with all that it is: the shortest, the longest, a random one."""
    found: dict[tuple[str, ...], list[Sample]] = {}
    for sample in samples:
        found.setdefault((sample.service, sample.handle, sample.full_name, sample.text), []).append(sample)
    return [(_kinds(same), same[0]) for same in found.values()]


def _kinds(same: Sequence[Sample]) -> str:
    words = " and ".join(_KINDS.get(sample.why, sample.why) for sample in same)
    return words[:1].upper() + words[1:]


def to_whom(sample: Sample) -> str:
    """The person who gets it: Ann Example, @ann."""
    handle = f"@{sample.handle}" if sample.handle else ""
    return ", ".join(said for said in (sample.full_name, handle) if said) or "somebody without a name"


def file_name(item: MediaItem) -> str:
    """The file's name, without the folders or the address it came from."""
    path = urlsplit(item.source).path if "://" in item.source else item.source
    return PurePosixPath(path).name or item.source


def sent_in(moment: datetime, now: datetime) -> str:
    """When something happens, with its day unless that is today: 14:15 UTC."""
    return f"{moment:%H:%M %Z}".rstrip() if moment.date() == now.date() else written(moment)


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
