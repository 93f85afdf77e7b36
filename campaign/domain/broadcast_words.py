"""The words that all pictures of a broadcast have in common: its preview, its progress and its report."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from campaign.domain.broadcast_waves import written
from campaign.domain.content import MediaItem
from campaign.domain.drafts import Draft
from campaign.domain.exclusion_words import EXCLUSION_WORDS
from campaign.domain.findings import Analysis, Finding, Sample, WavePlan

MOST_WAVES_SHOWN = 10
"""The first so many waves are shown, and the last."""
NOT_WRITTEN = "Nobody gets it as it is; this is the text as it was written."
_TOLD_IN_FIGURES = frozenset({"targeted", "excluded", "waves"})
_KINDS = {"shortest": "the shortest", "longest": "the longest", "random": "one at random", "chosen": "the chosen one"}


def lasting(length: timedelta) -> str:
    """How long something takes in its two largest units: 2 days 3 hours; less than a minute in seconds."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, rest = divmod(minutes, 60)
    units = (("day", hours // 24), ("hour", hours % 24), ("minute", rest), ("second", seconds if minutes == 0 else 0))
    told = [f"{count:,} {unit}{'s' * (count != 1)}" for unit, count in units if count]
    return " ".join(told[:2]) or "no time"


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
