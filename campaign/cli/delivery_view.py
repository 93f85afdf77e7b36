"""How a delivery, its analysis and its preview are printed."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from campaign.broadcasts.preview import (
    NOT_WRITTEN,
    different,
    exclusions,
    file_name,
    goes_out,
    reached,
    title_of,
    to_whom,
    unasked,
    waves_shown,
)
from campaign.broadcasts.report import BroadcastReport, ReasonCount
from campaign.cli import output
from campaign.deliveries.draft import Broadcast, Draft, LoadedFile, NamedLink, Part, Waves, WaveSize
from campaign.deliveries.findings import Analysis, Level, WavePlan
from campaign.formatting import lasting, usd, written
from campaign.posts.preview import (
    NO_ALT_TEXT,
    PAID_PARTNERSHIP,
    Mark,
    PostView,
    PreviewHead,
    by_level,
    facts_of,
    length_of,
    pieces,
    poll_ends,
    time_of,
    who_may_reply,
)
from models import AuditEntry, Delivery, DeliveryKind

_LEVELS = {"errors": Level.ERROR, "warnings": Level.WARNING, "info": Level.INFO}
# What a terminal obeys instead of showing it.
_ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def findings_as_json(analysis: Analysis) -> dict[str, Any]:
    """What an analysis found and reckoned, as scripts read it."""
    found = {
        title: [{"code": one.code, "sentence": one.sentence} for one in analysis.findings if one.level is level]
        for title, level in _LEVELS.items()
    }
    cost = analysis.cost
    figures = {
        "cost_usd": f"{cost:.2f}" if cost == round(cost, 2) else f"{cost.normalize():f}",
        "calls": analysis.calls,
        "ends_at": iso(analysis.ends_at),
    }
    return {"messages": analysis.messages, "excluded": analysis.excluded} | found | figures


def show_findings(analysis: Analysis) -> None:
    """Print what an analysis found and reckoned."""
    ends = f"{analysis.ends_at:%Y-%m-%d %H:%M %Z}" if analysis.ends_at else ""
    figures = {"Posts": f"{analysis.messages:,}", "Calls": f"{analysis.calls:,}", "Cost": usd(analysis.cost)}
    output.print_table([figures | {"Out at": ends}])
    show_found(analysis)


def show_found(analysis: Analysis) -> None:
    """Print the findings themselves."""
    output.print_table(
        [{"Finding": one.level.value, "What was found": one.sentence, "Code": one.code} for one in analysis.findings]
    )


def in_short(delivery: Delivery, targets: list[str]) -> dict[str, Any]:
    """What a list says of a delivery."""
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
    """When what happened to a delivery, and by whom."""
    names = ("contact_date", "analysed_at", "asked_at", "confirmed_at", "started_at", "finished_at")
    known = {name: iso(getattr(delivery, name)) for name in names}
    return known | {"confirmed_by": delivery.confirmed_by or None, "proofs": delivery.proofs}


def as_row(delivery: Delivery, targets: list[str]) -> dict[str, str]:
    """What a list says of a delivery to a person."""
    return {
        "Delivery": delivery.name,
        "Label": plain(delivery.label),
        "Kind": delivery.kind.value,
        "State": delivery.state.value.replace("_", " "),
        "Reason": delivery.reason,
        "Accounts": ", ".join(f"@{name}" for name in targets),
        "Not before": f"{delivery.contact_date:%Y-%m-%d %H:%M %Z}" if delivery.contact_date else "",
        "Confirmed by": delivery.confirmed_by,
    }


def audit_as_json(entry: AuditEntry) -> dict[str, str | None]:
    """A line of the history of a delivery, for scripts."""
    return {"at": iso(entry.at), "actor": entry.actor, "action": entry.action, "detail": entry.detail or None}


def audit_row(entry: AuditEntry) -> dict[str, str]:
    """A line of the history of a delivery, for a person."""
    return {
        "Time": f"{entry.at:%Y-%m-%d %H:%M:%S %Z}",
        "Who": plain(entry.actor),
        "What": entry.action.replace("_", " "),
        "Detail": plain(entry.detail),
    }


def iso(moment: datetime | None) -> str | None:
    """A moment as scripts read it."""
    return moment.isoformat() if moment else None


def plain(words: str) -> str:
    """Words without what could move a terminal's cursor or colour what follows."""
    return _ORDERS.sub("\ufffd", words)


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


def broadcast_as_json(analysis: Analysis) -> dict[str, Any]:
    """What the analysis of a broadcast found and reckoned, as scripts read it."""
    more = {
        "targeted": analysis.targeted,
        "unconsented": analysis.unconsented,
        "samples": [sample.model_dump() for sample in analysis.samples],
        "waves": [_wave_as_json(wave) for wave in analysis.waves],
    }
    return findings_as_json(analysis) | more


def _wave_as_json(wave: WavePlan) -> dict[str, Any]:
    return wave.model_dump() | {"begins_at": iso(wave.begins_at), "ends_at": iso(wave.ends_at)}


def show_broadcast_findings(analysis: Analysis) -> None:
    """Print what the analysis of a broadcast found and reckoned."""
    figures = {
        "Messages": f"{analysis.messages:,}",
        "Targeted": f"{analysis.targeted:,}",
        "Never agreed": f"{analysis.unconsented:,}" if analysis.unconsented else "",
        "Calls": f"{analysis.calls:,}",
        "Cost": usd(analysis.cost),
        "Out at": written(analysis.ends_at) if analysis.ends_at else "",
    }
    output.print_table([figures])
    _show_excluded(analysis.excluded)
    show_found(analysis)
    _show_waves(analysis)
    messages = [(kinds, to_whom(sample), sample.text) for kinds, sample in different(analysis.samples)]
    output.print_table([{"Message": kinds, "To": plain(to), "Text": plain(text)} for kinds, to, text in messages])


def _show_excluded(excluded: dict[str, int]) -> None:
    rows = [{"Nothing goes to those who": words, "People": f"{count:,}"} for words, count in exclusions(excluded)]
    output.print_table(rows)


def _show_waves(analysis: Analysis) -> None:
    first, left_out, last = waves_shown(analysis)
    rows = [_wave(wave) for wave in first]
    if last:
        rows += [dict.fromkeys(rows[0], "") | {"Wave": f"{left_out:,} more"}, _wave(last)]
    output.print_table(rows)


def _wave(wave: WavePlan) -> dict[str, str]:
    return {
        "Wave": f"{wave.number:,}",
        "Service": f"@{wave.service}",
        "People": f"{wave.recipients:,}",
        "Begins": written(wave.begins_at),
        "Ends": written(wave.ends_at),
    }


def show_report(report: BroadcastReport) -> None:
    """Print how a broadcast stands: numbers by state, whom it left out, why messages did not arrive, its waves."""
    output.print_table(report.as_rows())
    _show_excluded(dict(report.excluded))
    output.print_table([*_reasons("refused", report.refusals), *_reasons("cancelled", report.dropped)])
    if len(report.waves) > 1:
        output.print_table([wave.as_row() for wave in report.waves])


def _reasons(state: str, counted: tuple[ReasonCount, ...]) -> list[dict[str, str]]:
    return [
        {"State": state, "Messages": f"{one.count:,}", "Reason": plain(one.sentence or one.code)} for one in counted
    ]


WIDEST = 80
"""Panels are no wider, however wide the terminal is."""
_BAR = 10
_STYLES = {
    Mark.PLAIN: "",
    Mark.LINK: "underline blue",
    Mark.MENTION: "cyan",
    Mark.HASHTAG: "cyan",
    Mark.CASHTAG: "cyan",
}
LEVEL_STYLES = {"Error": "bold red", "Warning": "bold yellow", "Note": "bold"}
# What a terminal obeys instead of showing it: a text could move the cursor or colour what follows.
_POST_ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def show_posts(console: Console, head: PreviewHead, views: Sequence[PostView]) -> None:
    """Print a panel for each post, then what all of it costs and what the analysis found."""
    plain = console.options.ascii_only
    console.print(words_of(head.label, "bold"), words_of(head.name, "dim"))
    for view in views:
        console.print(_panel(view, min(console.width, WIDEST), plain=plain))
    console.print(words_of(f"Cost: {usd(head.cost)}", "bold"))
    for title, sentences in by_level(head.findings):
        for sentence in sentences:
            style = LEVEL_STYLES[title.removesuffix("s")]
            console.print(Text.assemble((f"{title.removesuffix('s')}: ", style), words_of(sentence)))


def _panel(view: PostView, width: int, *, plain: bool) -> Panel:
    part = f" {view.part}/{view.parts}" if view.parts > 1 else ""
    title = Text.assemble(words_of(view.account_name, "bold"), " ", words_of(f"@{view.handle}", "dim"), part)
    return Panel(
        Group(*_inside(view), _foot(view, plain=plain)),
        title=title,
        title_align="left",
        width=width,
        box=box.ASCII if plain else box.ROUNDED,
    )


def _inside(view: PostView) -> Iterable[Text]:
    if view.text.strip():
        yield _marked(view.text)
    for file in view.files:
        yield _file(file)
    if view.poll:
        yield from (words_of(f"( ) {option}") for option in view.poll.options)
        yield words_of(f"Poll, {poll_ends(view.poll.minutes)}", "dim")
    if view.paid_partnership:
        yield words_of(PAID_PARTNERSHIP, "italic")
    yield Text()


def _marked(text: str) -> Text:
    return Text.assemble(*(words_of(piece.text, _STYLES[piece.mark]) for piece in pieces(text)), overflow="fold")


def _file(file: LoadedFile) -> Text:
    alt_text = words_of(file.alt_text) if file.alt_text else words_of(NO_ALT_TEXT, "yellow")
    return Text.assemble(words_of(f"[{facts_of(file)}] ", "magenta"), alt_text)


def _foot(view: PostView, *, plain: bool) -> Text:
    done = min(_BAR, -(-_BAR * view.weight // view.limit))
    full, empty = ("#", "-") if plain else ("■", "□")
    bar = (full * done + empty * (_BAR - done), "red" if view.weight > view.limit else "green")
    too_long = ", too long" if view.weight > view.limit else ""
    lines = [f" {length_of(view)}{too_long}", who_may_reply(view), time_of(view)]
    return Text.assemble(bar, words_of("\n".join(line for line in lines if line), "dim"))


def words_of(words: str, style: str = "") -> Text:
    """Words that the terminal only shows, whatever they are."""
    return Text(_POST_ORDERS.sub("\ufffd", re.sub(r"\r\n?", "\n", words)), style)


def show_broadcast(console: Console, name: str, draft: Draft, analysis: Analysis) -> None:
    """Print a panel for each message, then who gets it, what it costs, when it is out, and what was found."""
    plain = console.options.ascii_only
    console.print(words_of(title_of(draft, name), "bold"), words_of(name, "dim"))
    show_messages(console, draft, analysis)
    console.print(words_of(reached(analysis), "bold"))
    for said in filter(None, [unasked(analysis), f"Cost: {usd(analysis.cost)}", goes_out(analysis)]):
        console.print(words_of(said))
    for table in _tables(analysis, box.ASCII if plain else box.ROUNDED):
        console.print(table)
    for title, sentences in by_level(analysis.findings):
        level = title.removesuffix("s")
        for sentence in sentences:
            console.print(Text.assemble((f"{level}: ", LEVEL_STYLES[level]), words_of(sentence)))


def show_messages(console: Console, draft: Draft, analysis: Analysis) -> None:
    """Print a panel for each message."""
    plain = console.options.ascii_only
    for title, text in _messages(draft, analysis):
        console.print(_broadcast_panel(title, text, draft, min(console.width, WIDEST), plain=plain))


def _messages(draft: Draft, analysis: Analysis) -> Iterator[tuple[str, str]]:
    for kinds, sample in different(analysis.samples):
        yield f"{kinds}, to {to_whom(sample)}, from @{sample.service}", sample.text
    if not analysis.samples and draft.content.parts:
        yield NOT_WRITTEN, draft.content.parts[0].text


def _broadcast_panel(title: str, text: str, draft: Draft, width: int, *, plain: bool) -> Panel:
    items = [item for part in draft.content.parts[:1] for item in part.media]
    files = [words_of(f"[{file_name(item)}] {item.alt_text or NO_ALT_TEXT}", "magenta") for item in items]
    return Panel(
        Group(words_of(text), *files),
        title=words_of(" ".join(title.split())),
        title_align="left",
        width=width,
        box=box.ASCII if plain else box.ROUNDED,
    )


def _tables(analysis: Analysis, frame: box.Box) -> Iterator[Table]:
    excluded = [(words, f"{count:,}") for words, count in exclusions(analysis.excluded)]
    if excluded:
        yield _table(("Nothing goes to those who", "People"), excluded, frame)
    first, left_out, last = waves_shown(analysis)
    shown = [
        (f"{one.number:,}", f"@{one.service}", f"{one.recipients:,}", written(one.begins_at), written(one.ends_at))
        for one in (*first, *([last] if last else []))
    ]
    if left_out > 0:
        shown.insert(-1, (f"{left_out:,} more", "", "", "", ""))
    if shown:
        yield _table(("Wave", "Service", "People", "Begins", "Ends"), shown, frame)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], frame: box.Box) -> Table:
    table = Table(*head, box=frame)
    for row in rows:
        table.add_row(*(words_of(cell) for cell in row))
    return table
