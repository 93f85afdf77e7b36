"""What a delivery or a template says of itself, for a person to read."""

from datetime import timedelta

from campaign.cli import output
from campaign.cli.delivery_forms import plain
from campaign.domain.broadcast_words import lasting
from campaign.domain.broadcasts import Broadcast, Waves, WaveSize
from campaign.domain.content import NamedLink, Part
from campaign.domain.drafts import Draft
from models import DeliveryKind


def show_settings(draft: Draft) -> None:
    """Print what a delivery or a template says of itself, and its parts."""
    settings = {
        "Label": draft.label,
        "Code": draft.code,
        "Description": draft.description,
        "Accounts": ", ".join(f"@{name}" for name in draft.services),
        **(_of_broadcast(draft) if draft.kind is DeliveryKind.DM else _of_post(draft)),
        "Invitation": "yes, to become a contact" if draft.is_invitation else "",
        "Approval": draft.approval.value.replace("_", " "),
        "Validity": f"{draft.validity_days} day{'' if draft.validity_days == 1 else 's'}",
        "Tracking": "yes" if draft.tracking else "no",
        "Links": "\n".join(map(_link, draft.content.links)),
    }
    output.print_table([{"Setting": name, "Value": plain(value)} for name, value in settings.items() if value])
    output.print_table([_part_row(number, part) for number, part in enumerate(draft.content.parts, start=1)])


def _link(link: NamedLink) -> str:
    said = filter(None, [link.label, link.category, "" if link.tracked else "not counted"])
    return f"{link.url} ({', '.join(said)})"


def _of_post(draft: Draft) -> dict[str, str]:
    return {
        "Proof service": f"@{draft.proof_service}" if draft.proof_service else "",
        "Who may answer": draft.content.reply_settings or "everybody",
        "Paid partnership": "yes" if draft.content.paid_partnership else "",
    }


def _of_broadcast(draft: Draft) -> dict[str, str]:
    return {
        **_audience(draft.broadcast),
        "Waves": _waves(draft.broadcast.waves),
        "Priority": draft.priority.value.replace("_", " "),
        "Proof recipients": ", ".join(draft.broadcast.proof_recipients),
    }


def _audience(broadcast: Broadcast) -> dict[str, str]:
    audience = broadcast.audience
    return {
        "Only where": audience.where,
        "Except where": audience.except_where,
        "Only of a list": f"{len(audience.people):,} named" if audience.people else "",
        "Only recipients of": audience.recipients_of,
        "Not if received": ", ".join(audience.not_if_received),
        "At most": f"{audience.limit:,} in all" if audience.limit else "",
    }


def _waves(waves: Waves) -> str:
    if waves.same:
        return f"{_size(waves.same)} every {lasting(timedelta(seconds=waves.same.period_seconds))}"
    after = [(wave, timedelta(seconds=wave.after_seconds)) for wave in waves.calendar]
    return ", ".join(f"{_size(wave)} {f'after {lasting(time)}' if time else 'at first'}" for wave, time in after)


def _size(size: WaveSize) -> str:
    return f"{size.amount:,}{' %' if size.is_percentage else ''}"


def _part_row(number: int, part: Part) -> dict[str, str]:
    return {
        "Part": str(number),
        "Text": plain(part.text),
        "Files": "\n".join(plain(file.source) for file in part.media),
        "Poll": "\n".join(plain(answer) for answer in part.poll.options) if part.poll else "",
    }
