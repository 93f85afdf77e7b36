"""The preview of a broadcast: its recipients, its times and its text. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from campaign.broadcasts.analysis import EXCLUSION_LABELS, describe_consents
from campaign.deliveries.draft import Draft
from campaign.deliveries.findings import Analysis, Sample
from campaign.formatting import format_duration, format_time, usd, without_remarks
from campaign.posts.documents import by_level, file_name, pieces
from campaign.reporting.document import Attachment, Block, Document, Message, Section, shortened

_UNADDRESSED = "There are no recipients; this is the text as it was written."
#: Codes of findings that a preview shows as figures and tables.
_SHOWN_IN_FIGURES = frozenset({"targeted", "excluded", "waves", "consents"})
_KINDS = {"shortest": "the shortest", "longest": "the longest", "random": "one at random", "chosen": "the chosen one"}


def preview_of(name: str, draft: Draft, analysis: Analysis, files: Sequence[Attachment] = ()) -> Document:
    """Makes the preview: recipients, cost and times, then the messages as people get them, and the findings.

    The figures are first: above the question only the first lines are visible without scrolling.

    `files` are those of the message, where they are loaded; else they are only named.
    """
    people = "person gets" if analysis.targeted == 1 else "people get"
    never = f"{analysis.unconsented:,} of them never agreed to be written to: confirm to accept exactly this number."
    figures = [
        Section(
            bold=f"{analysis.messages:,} of {analysis.targeted:,} {people} it.",
            text=never if analysis.unconsented else "",
        ),
        Section(bold="Cost:", text=usd(analysis.cost)),
    ]
    if analysis.agreed is not None and analysis.messages:
        consents = describe_consents(analysis.messages, analysis.agreed, analysis.wrote_first or 0)
        figures.insert(1, Section(bold="Consent:", text=consents))
    if analysis.waves and analysis.ends_at:
        begins_at = min(wave.begins_at for wave in analysis.waves)
        length = format_duration(analysis.ends_at - begins_at)
        span = f"from {format_time(begins_at)} to {format_time(analysis.ends_at)}, {length}"
        figures.append(Section(bold="Goes out:", text=span))
    blocks: tuple[Block, ...] = (
        *figures,
        *messages_of(draft, analysis, files),
        *exclusions_section(analysis.excluded),
        *waves_section(analysis),
        *by_level([finding for finding in analysis.findings if finding.code not in _SHOWN_IN_FIGURES]),
    )
    return Document(draft.label or name, name, blocks)


def messages_of(draft: Draft, analysis: Analysis, files: Sequence[Attachment] = ()) -> Iterator[Message]:
    """Makes each message once, with all that it is (the shortest, the longest, a random one); else the text itself."""
    items = [item for part in draft.content.parts[:1] for item in part.media]
    attached = tuple(files) or tuple(Attachment(file_name(item.source), alt_text=item.alt_text) for item in items)
    same: dict[tuple[str, ...], list[Sample]] = {}
    for sample in analysis.samples:
        same.setdefault((sample.service, sample.handle, sample.full_name, sample.text), []).append(sample)
    for (service, handle, full_name, text), samples in same.items():
        kind = " and ".join(_KINDS.get(sample.why, sample.why) for sample in samples)
        recipient = ", ".join(filter(None, [full_name, handle and f"@{handle}"])) or "a person without a name"
        yield Message(kind[:1].upper() + kind[1:], recipient, service, tuple(pieces(text)), attached)
    if not analysis.samples and draft.content.parts:
        text, sender = without_remarks(draft.content.parts[0].text), next(iter(draft.services), "")
        yield Message(_UNADDRESSED, "", sender, tuple(pieces(text)), attached)


def exclusions_section(excluded: Mapping[str, int]) -> list[Section]:
    """Makes the table of reasons why people in the target get nothing; without any there is none."""
    labels = {reason.value: label for reason, label in EXCLUSION_LABELS.items()}
    rows = tuple((labels.get(reason, reason), count) for reason, count in excluded.items() if count)
    return [Section("Excluded", ("People who", "Number"), rows)] if rows else []


def waves_section(analysis: Analysis) -> list[Section]:
    """Makes the table of the waves in the order of their times; without any there is none."""
    waves = sorted(analysis.waves, key=lambda wave: (wave.begins_at, wave.service, wave.number))
    rows = [(one.number, f"@{one.service}", one.recipients, one.begins_at, one.ends_at) for one in waves]
    return [Section("Waves", ("Wave", "Service", "People", "Begins", "Ends"), shortened(rows))] if rows else []


def time_of(moment: datetime, now: datetime) -> str:
    """Formats a time, with its day unless that is today: 14:15 UTC."""
    return f"{moment:%H:%M %Z}".rstrip() if moment.date() == now.date() else format_time(moment)
