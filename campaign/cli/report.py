"""`campaign report`: figures of deliveries and services; only the database is read."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.output import AsJson
from campaign.db import engine
from campaign.db.engine import read_session
from campaign.errors import WrongUsage
from campaign.services import store as services
from campaign.settings import load_settings
from campaign.statistics import numbers, reports

if TYPE_CHECKING:
    from campaign.reporting.document import Document


AsCsv = Annotated[bool, typer.Option("--csv", help="Print every figure on a line of its own, comma separated.")]


def delivery(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The internal name of the delivery.")],
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Report a delivery: recipients, clicks, reactions, cost."""

    def read(session: Session) -> Any:
        from campaign.deliveries import store as deliveries

        return numbers.delivery_numbers(session, deliveries.named(session, name))

    _show(read, reports.delivery_report_of, as_json=as_json, as_csv=as_csv)


def service(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The internal name of the service.")],
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Report a service: its audience, and when its posts do well. The best posts are listed."""

    def read(session: Session) -> Any:
        found = services.find(session, name)
        if found is None:
            raise WrongUsage(f"There is no service {name!r}; `campaign service list` shows them.")
        return numbers.service_numbers(session, found, load_settings().timezone)

    _show(read, reports.service_report_of, as_json=as_json, as_csv=as_csv)


def everything(as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Report all services side by side, and the newest deliveries."""

    def read(session: Session) -> Any:
        return numbers.overview(session, pendulum.now("UTC"))

    _show(read, reports.overview_of, as_json=as_json, as_csv=as_csv)


def _show(
    read: Callable[[Session], Any], report_of: Callable[[Any], "Document"], *, as_json: bool, as_csv: bool
) -> None:
    if as_json and as_csv:
        raise WrongUsage("Choose --csv or --json; both do not fit into one output.")
    engine.make_ready()
    with read_session() as session:
        found = read(session)
    if as_json:
        output.print_json(found.as_json())
    elif as_csv:
        from campaign.reporting.document import FIGURES

        output.print_csv(FIGURES, report_of(found).figures())
    else:
        from campaign.reporting.terminal import print_document

        print_document(report_of(found))
