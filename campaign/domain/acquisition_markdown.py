"""The report of contacts won as Markdown."""

from collections.abc import Iterator, Sequence

from campaign.domain.acquisition import Acquisition, InvitationReport
from campaign.domain.plain_markdown import strange_line, table

#: Invitations of a service in its table: the newest.
MOST_SHOWN = 50
_UNTOLD = "-"
_NUMBERS = ("Invited", "Opened", "Agreed", "Recovered", "Reconciled")


def as_markdown(reports: Sequence[Acquisition]) -> str:
    """Write how many contacts each service has, and how far people came with each invitation."""
    blocks = [block for report in reports for block in _service(report)]
    return "\n\n".join(blocks or ["No service has invited anybody yet."]) + "\n"


def in_words(report: Acquisition) -> str:
    """The contacts of a service in one sentence."""
    rate = "" if report.rate is None else f", {report.rate:.1%} of its {report.followers:,} followers"
    gone = f" {report.withdrawn:,} took their agreement back." if report.withdrawn else ""
    return f"{report.contacts:,} contact{'' if report.contacts == 1 else 's'}{rate}.{gone}"


def as_row(report: InvitationReport) -> dict[str, str]:
    """What came of one invitation, under the labels of the table; of a post it is not known who saw or opened it."""
    steps = {name: f"{count:,}" for name, count in report.funnel.as_rows()}
    if not report.is_personal:
        steps |= {"Invited": _UNTOLD, "Opened": _UNTOLD}
    return {
        "Invitation": report.label or report.name,
        "Started": f"{report.started_at:%Y-%m-%d}" if report.started_at else "",
        "Ended": f"{report.finished_at:%Y-%m-%d}" if report.finished_at else "",
        **steps,
    }


def _service(report: Acquisition) -> Iterator[str]:
    yield f"## {strange_line(report.label)} (@{strange_line(report.service)})"
    yield f"**{strange_line(in_words(report))}**"
    rows = [as_row(one) for one in report.invitations[:MOST_SHOWN]]
    if rows:
        total = {"Invitation": "All", "Started": "", "Ended": ""}
        total |= {name: f"{count:,}" for name, count in report.funnel.as_rows()}
        yield table([*rows, total], numbers=_NUMBERS)
    else:
        yield "Nobody was invited yet."
