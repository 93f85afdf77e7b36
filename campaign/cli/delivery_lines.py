"""The log of a post, printed: what became of every part."""

from collections.abc import Sequence

from sqlmodel import Session

from campaign.cli import output
from campaign.domain.delivery_reports import LogLine, report_of
from campaign.store import services
from models import Delivery, Message

_COLUMNS = ("state", "service", "part", "proof", "x_id", "at", "link", "reason")


def lines_of(session: Session, delivery: Delivery, log: Sequence[Message]) -> tuple[LogLine, ...]:
    """The lines of a log as people and scripts read them."""
    return report_of(delivery, log, {service.id: service for service in services.all_known(session)}).lines


def show_log(lines: Sequence[LogLine], *, as_json: bool, as_csv: bool = False) -> None:
    """Print the log of a post."""
    if as_csv:
        output.print_csv(_COLUMNS, (line.as_json() for line in lines))
    elif as_json:
        output.print_json([line.as_json() for line in lines])
    else:
        output.print_table([line.as_row() for line in lines])
