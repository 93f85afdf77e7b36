"""`campaign delivery preview`: posts and messages in a terminal, as people will see them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
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
from campaign.cli import output
from campaign.cli.delivery import find
from campaign.cli.delivery_options import AsJson, Like, Name, refuse_like
from campaign.cli.delivery_view import iso
from campaign.deliveries.draft import Draft, LoadedFile
from campaign.deliveries.findings import Analysis
from campaign.formatting import usd, written
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
from models import DeliveryKind

if TYPE_CHECKING:
    from campaign.broadcasts.prepare import Seen


def preview(
    name: Name,
    like: Like = None,
    html: Annotated[Path | None, typer.Option(help="Write a page for the browser, in one file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show posts as X will show them, or messages as people get them."""
    if find(name).kind is DeliveryKind.DM:
        preview_broadcast(name, like, html, as_json=as_json)
        return
    refuse_like(name, like)
    _preview_posts(name, html, as_json=as_json)


def _preview_posts(name: str, html: Path | None, *, as_json: bool) -> None:
    from campaign.posts.prepare import as_analysed, head_of, views_of

    post = as_analysed(name)
    head, views = head_of(post), views_of(post)
    if html:
        from campaign.web.preview import render_page

        output.write_page(html, render_page(head, views))
    if as_json:
        output.print_json({"name": name, "posts": [_preview_as_json(view) for view in views]})
    elif not html:
        show_posts(Console(highlight=False), head, views)


def _preview_as_json(view: PostView) -> dict[str, Any]:
    return {
        "service": view.handle,
        "part": view.part,
        "parts": view.parts,
        "text": view.text,
        "weight": view.weight,
        "limit": view.limit,
        "files": [{"file": file.source, "alt_text": file.alt_text, "kind": file.kind.value} for file in view.files],
        "poll": view.poll and view.poll.model_dump(),
        "reply_settings": view.reply_settings and view.reply_settings.value,
        "paid_partnership": view.paid_partnership,
        "at": iso(view.at),
    }


def preview_broadcast(name: str, like: str | None, html: Path | None, *, as_json: bool) -> None:
    """Prints the messages of a broadcast, or the one that a person would get."""
    seen = _look_at_broadcast(name, like)
    if html:
        output.write_page(html, _page(name, seen))
    if as_json:
        output.print_json(_as_json(name, seen))
    elif not html:
        _show_broadcast(name, seen)
    if seen.left_out:
        output.say(f"Nothing is sent to {like}: {seen.left_out}")


def _look_at_broadcast(name: str, like: str | None) -> "Seen":
    from campaign.broadcasts.prepare import as_analysed, as_person

    if like is None:
        return as_analysed(name)
    return as_person(name, like)


def _page(name: str, seen: "Seen") -> str:
    from campaign.deliveries import media as files
    from campaign.web.preview import render_broadcast

    items = [item for part in seen.draft.content.parts for item in part.media]
    loaded = [file for file in files.load_all(items).values() if isinstance(file, LoadedFile)]
    return render_broadcast(name, seen.draft, seen.analysis, [(file, files.thumbnail(file)) for file in loaded])


def _as_json(name: str, seen: "Seen") -> dict[str, object]:
    items = [item for part in seen.draft.content.parts for item in part.media]
    document = {
        "name": name,
        "messages": [sample.model_dump() for sample in seen.analysis.samples],
        "files": [{"file": item.source, "alt_text": item.alt_text} for item in items],
    }
    return document | ({"excluded": seen.left_out or None} if seen.is_of_one else {})


def _show_broadcast(name: str, seen: "Seen") -> None:
    console = Console(highlight=False)
    if seen.is_of_one:
        show_messages(console, seen.draft, seen.analysis)
    else:
        show_broadcast(console, name, seen.draft, seen.analysis)


WIDEST = 80
_BAR = 10
_STYLES = {
    Mark.PLAIN: "",
    Mark.LINK: "underline blue",
    Mark.MENTION: "cyan",
    Mark.HASHTAG: "cyan",
    Mark.CASHTAG: "cyan",
}
LEVEL_STYLES = {"Error": "bold red", "Warning": "bold yellow", "Note": "bold"}


def show_posts(console: Console, head: PreviewHead, views: Sequence[PostView]) -> None:
    """Prints a panel for each post, then the cost and the findings of the analysis."""
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
    """Returns words without control characters, in a style."""
    return Text(output.plain(re.sub(r"\r\n?", "\n", words)), style)


def show_broadcast(console: Console, name: str, draft: Draft, analysis: Analysis) -> None:
    """Prints a panel for each message, then its recipients, cost, duration and findings."""
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
    """Prints a panel for each message."""
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
