"""A broadcast in the terminal: the message as people get it, who gets it, and when."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from campaign.cli.post_panel import LEVEL_STYLES, WIDEST, words_of
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
    waves_shown,
)
from campaign.domain.drafts import Draft
from campaign.domain.findings import Analysis
from campaign.domain.preview_words import NO_ALT_TEXT, by_level
from campaign.domain.spending import usd


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
        console.print(_panel(title, text, draft, min(console.width, WIDEST), plain=plain))


def _messages(draft: Draft, analysis: Analysis) -> Iterator[tuple[str, str]]:
    for kinds, sample in different(analysis.samples):
        yield f"{kinds}, to {to_whom(sample)}, from @{sample.service}", sample.text
    if not analysis.samples and draft.content.parts:
        yield NOT_WRITTEN, draft.content.parts[0].text


def _panel(title: str, text: str, draft: Draft, width: int, *, plain: bool) -> Panel:
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
