"""How deliveries, their settings, their analysis and their log are printed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from campaign.cli import output
from campaign.cli.output import SHOWN
from campaign.formatting import dollars, format_duration, format_time, usd
from campaign.services import store as services
from models import MAIN, AuditEntry, Delivery, DeliveryKind, Message, MessageState

if TYPE_CHECKING:
    from campaign.broadcasts.log import MessageLine
    from campaign.broadcasts.report import BroadcastReport
    from campaign.deliveries.draft import Draft, WaveSize
    from campaign.deliveries.findings import Analysis
    from campaign.posts.documents import LogLine


def analysis_as_json(kind: DeliveryKind, analysis: "Analysis") -> dict[str, Any]:
    """Returns the findings and figures of an analysis for scripts."""
    levels = {"errors": "error", "warnings": "warning", "info": "info"}
    cost = analysis.cost
    document = {
        "messages": analysis.messages,
        "excluded": analysis.excluded,
        **{
            title: [
                {"code": one.code, "sentence": one.sentence} for one in analysis.findings if one.level.value == level
            ]
            for title, level in levels.items()
        },
        "cost_usd": dollars(cost),
        "calls": analysis.calls,
        "ends_at": iso(analysis.ends_at),
    }
    if kind is DeliveryKind.POST:
        return document
    return document | {
        "targeted": analysis.targeted,
        "unconsented": analysis.unconsented,
        "agreed": analysis.agreed,
        "wrote_first": analysis.wrote_first,
        "samples": [sample.model_dump() for sample in analysis.samples],
        "waves": [
            wave.model_dump() | {"begins_at": iso(wave.begins_at), "ends_at": iso(wave.ends_at)}
            for wave in analysis.waves
        ],
    }


def show_analysis(kind: DeliveryKind, analysis: "Analysis") -> None:
    """Prints the findings and figures of an analysis."""
    is_post = kind is DeliveryKind.POST
    figures = {
        "Posts" if is_post else "Messages": f"{analysis.messages:,}",
        "Targeted": "" if is_post else f"{analysis.targeted:,}",
        "Agreed": "" if analysis.agreed is None else f"{analysis.agreed:,}",
        "Only wrote first": "" if analysis.wrote_first is None else f"{analysis.wrote_first:,}",
        "Never agreed": f"{analysis.unconsented:,}" if analysis.unconsented else "",
        "Calls": f"{analysis.calls:,}",
        "Cost": usd(analysis.cost),
        "Out at": format_time(analysis.ends_at) if analysis.ends_at else "",
    }
    findings = [
        {"Finding": one.level.value, "What was found": one.sentence, "Code": one.code} for one in analysis.findings
    ]
    output.print_table([figures])
    if is_post:
        output.print_table(findings)
        return
    from campaign.broadcasts.preview import exclusions_section, messages_of, waves_section
    from campaign.deliveries.draft import Draft
    from campaign.reporting.text import print_blocks

    print_blocks(exclusions_section(analysis.excluded))
    output.print_table(findings)
    print_blocks([*waves_section(analysis), *messages_of(Draft(), analysis)])


def in_short(delivery: Delivery, targets: list[str]) -> dict[str, Any]:
    """Returns the fields of a delivery that a list shows, for scripts."""
    return {
        "name": delivery.name,
        "label": delivery.label,
        "kind": delivery.kind.value,
        "template": delivery.template,
        "state": delivery.state.value,
        "reason": delivery.reason or None,
        "services": targets,
        "contact_date": iso(delivery.contact_date),
        "created_at": iso(delivery.created_at),
    }


def moments(delivery: Delivery) -> dict[str, Any]:
    """Returns the times of a delivery, and who confirmed it."""
    names = ("contact_date", "analysed_at", "asked_at", "confirmed_at", "started_at", "finished_at")
    times = {name: iso(getattr(delivery, name)) for name in names}
    return times | {"confirmed_by": delivery.confirmed_by or None, "proofs": delivery.proofs}


def as_row(delivery: Delivery, targets: list[str]) -> dict[str, str]:
    """Returns the row of a delivery in a list."""
    return {
        "Delivery": delivery.name,
        "Label": delivery.label,
        "Kind": delivery.kind.value,
        "State": delivery.state.words,
        "Reason": delivery.reason,
        "Accounts": ", ".join(f"@{name}" for name in targets),
        "Not before": f"{delivery.contact_date:%Y-%m-%d %H:%M %Z}" if delivery.contact_date else "",
        "Confirmed by": delivery.confirmed_by,
    }


def audit_as_json(entry: AuditEntry) -> dict[str, str | None]:
    """Returns an entry of the history of a delivery for scripts."""
    return {"at": iso(entry.at), "actor": entry.actor, "action": entry.action, "detail": entry.detail or None}


def audit_row(entry: AuditEntry) -> dict[str, str]:
    """Returns the row of an entry of the history of a delivery."""
    return {
        "Time": f"{entry.at:%Y-%m-%d %H:%M:%S %Z}",
        "Who": entry.actor,
        "What": entry.action.replace("_", " "),
        "Detail": entry.detail,
    }


def iso(moment: datetime | None) -> str | None:
    """Formats a time for scripts."""
    return moment.isoformat() if moment else None


def show_settings(draft: "Draft") -> None:
    """Prints the settings and parts of a delivery or a template."""
    links = [
        f"{link.url} ({', '.join(filter(None, [link.label, link.category, '' if link.tracked else 'not counted']))})"
        for link in draft.content.links
    ]
    settings = {
        "Label": draft.label,
        "Code": draft.code,
        "Description": draft.description,
        "Accounts": ", ".join(f"@{name}" for name in draft.services),
        **(_broadcast_settings(draft) if draft.kind is DeliveryKind.DM else {}),
        "Proof service": f"@{draft.proof_service}" if draft.proof_service else "",
        "Who may answer": draft.content.reply_settings or "everybody" if draft.kind is DeliveryKind.POST else "",
        "Paid partnership": "yes" if draft.content.paid_partnership else "",
        "Made with AI": "yes" if draft.content.made_with_ai else "",
        "Invitation": "yes, to become a contact" if draft.is_invitation else "",
        "Approval": draft.approval.value.replace("_", " "),
        "Validity": f"{draft.validity_days} day{'' if draft.validity_days == 1 else 's'}",
        "Tracking": "yes" if draft.tracking else "no",
        "Links": "\n".join(links),
    }
    output.print_table([{"Setting": name, "Value": value} for name, value in settings.items() if value])
    parts = [
        {
            "Part": str(number),
            "Text": "\n".join([part.text, *(f"@{name}: {text}" for name, text in part.own_texts.items())]),
            "Files": "\n".join(file.source for file in part.media),
            "Poll": "\n".join(part.poll.options) if part.poll else "",
        }
        for number, part in enumerate(draft.content.parts, start=1)
    ]
    output.print_table(parts)


def _broadcast_settings(draft: "Draft") -> dict[str, str]:
    audience, waves = draft.broadcast.audience, draft.broadcast.waves
    if waves.same:
        planned = [f"{_size(waves.same)} every {format_duration(timedelta(seconds=waves.same.period_seconds))}"]
    else:
        after = [(wave, timedelta(seconds=wave.after_seconds)) for wave in waves.calendar]
        planned = [f"{_size(wave)} {f'after {format_duration(time)}' if time else 'at first'}" for wave, time in after]
    return {
        "Only where": audience.where,
        "Except where": audience.except_where,
        "Only of a list": f"{len(audience.people):,} named" if audience.people else "",
        "Only recipients of": audience.recipients_of,
        "Not if received": ", ".join(audience.not_if_received),
        "At most": f"{audience.limit:,} in all" if audience.limit else "",
        "Waves": ", ".join(planned),
        "Priority": draft.priority.value.replace("_", " "),
        "Proof recipients": ", ".join(draft.broadcast.proof_recipients),
    }


def _size(size: "WaveSize") -> str:
    return f"{size.amount:,}{' %' if size.is_percentage else ''}"


def show_report(report: "BroadcastReport") -> None:
    """Prints the report of a broadcast."""
    from campaign.broadcasts.report import document_of
    from campaign.reporting.text import print_document

    print_document(document_of(report))


#: The states that --failed selects: messages that did not arrive, or perhaps did not.
FAILED = frozenset({MessageState.REFUSED.value, MessageState.UNCERTAIN.value, MessageState.CANCELLED.value})
_COLUMNS = ("state", "service", "part", "proof", "x_id", "at", "link", "reason")


def lines_of(session: Session, delivery: Delivery, log: Sequence[Message]) -> tuple["LogLine", ...]:
    """Returns the lines of the log of a post."""
    from campaign.posts.documents import report_of

    return report_of(delivery, log, {service.id: service for service in services.list_known(session)}).lines


def show_log(lines: Sequence["LogLine"], *, as_json: bool, as_csv: bool = False) -> None:
    """Prints the log of a post."""
    if as_csv:
        _print_csv(_COLUMNS, (line.as_json() for line in lines))
    elif as_json:
        output.print_json([line.as_json() for line in lines])
    else:
        output.print_table([line.as_row() for line in lines])


def _print_csv(columns: Sequence[str], rows: Iterable[dict[str, object]]) -> None:
    output.print_csv([output.heading(name) for name in columns], ([row[name] for name in columns] for row in rows))


_BROADCAST_COLUMNS = (
    "state",
    "service",
    "external_id",
    "username",
    "full_name",
    "wave",
    "part",
    "proof",
    "x_id",
    "at",
    "reason",
)
#: The number of a proof, or MAIN, and a line of its log.
NumberedLine = tuple[int, "MessageLine"]


def lines_of_broadcast(
    session: Session, delivery: Delivery, *, failed: bool = False, proofs: bool = False
) -> Iterator[NumberedLine]:
    """Yields the log of a broadcast, its proofs first; with `failed` all people of the target who did not get it."""
    from campaign.broadcasts import log as broadcast_log

    tried = broadcast_log.of_proofs(session, delivery) if proofs else ()
    read = broadcast_log.not_reached if failed else broadcast_log.lines
    log = ((MAIN, line) for line in read(session, delivery))
    return chain((one for one in tried if one[1].state in FAILED or not failed), log)


def line_as_json(proof_number: int, line: "MessageLine") -> dict[str, object]:
    """Returns a line of the log for scripts."""
    return line.as_json() | {"part": 1, "proof": proof_number or None}


def print_lines(lines: Iterable[NumberedLine], *, as_csv: bool, as_json: bool) -> None:
    """Prints the log of a broadcast: all of it for scripts and spreadsheets, its beginning for a person."""
    if as_json:
        output.print_json_list(line_as_json(*one) for one in lines)
    elif as_csv:
        _print_csv(_BROADCAST_COLUMNS, (line_as_json(*one) for one in lines))
    else:
        first = list(islice(lines, SHOWN + 1))
        rows = ({"Proof": str(proof or ""), **line.as_row()} for proof, line in first[:SHOWN])
        output.print_table(list(rows))
        if not first:
            output.say("There is no such message.")
        if len(first) > SHOWN:
            output.say(f"The first {SHOWN} are shown; --csv or --json gives all of them.")
