"""The log of a broadcast, printed as it is read: a million lines take no more memory than a thousand."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from sqlmodel import Session

from campaign.cli import output
from campaign.cli.delivery_forms import plain
from campaign.domain.message_lines import MessageLine
from campaign.store import broadcast_log, broadcast_reports
from models import MAIN, Delivery, MessageState

#: A person reads no more; scripts get everything.
SHOWN = 50
#: What --failed asks for: what did not arrive, or may not have.
FAILED = frozenset({MessageState.REFUSED.value, MessageState.UNCERTAIN.value, MessageState.CANCELLED.value})
_COLUMNS = (
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
#: A line, and the number of the proof that it belongs to.
Numbered = tuple[int, MessageLine]


def lines_of_broadcast(
    session: Session, delivery: Delivery, *, failed: bool = False, proofs: bool = False
) -> Iterator[Numbered]:
    """The log of a broadcast, its proofs first; `failed` is everybody in the target who did not get it."""
    tried = broadcast_log.of_proofs(session, delivery) if proofs else ()
    read = broadcast_log.not_reached if failed else broadcast_reports.lines
    log = ((MAIN, line) for line in read(session, delivery))
    return chain((one for one in tried if one[1].state in FAILED or not failed), log)


def line_as_json(proof_number: int, line: MessageLine) -> dict[str, object]:
    """A line of the log as scripts read it."""
    return line.as_json() | {"part": 1, "proof": proof_number or None}


def print_lines(lines: Iterable[Numbered], *, as_csv: bool, as_json: bool) -> None:
    """Print the log: all of it for scripts and spreadsheets, its beginning for a person."""
    if as_json:
        output.print_json_list(line_as_json(*one) for one in lines)
    elif as_csv:
        output.print_csv(_COLUMNS, (line_as_json(*one) for one in lines))
    else:
        _show_first(lines)


def _show_first(lines: Iterable[Numbered]) -> None:
    first = list(islice(lines, SHOWN + 1))
    output.print_table([_row(*one) for one in first[:SHOWN]])
    if not first:
        output.say("There is no such message.")
    if len(first) > SHOWN:
        output.say(f"The first {SHOWN} are shown; --csv or --json gives all of them.")


def _row(proof_number: int, line: MessageLine) -> dict[str, str]:
    row = {"Proof": str(proof_number or ""), **line.as_row()}
    return {name: plain(text) for name, text in row.items()}
