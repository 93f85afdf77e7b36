"""How a delivery is written down for scripts (JSON) and for people (rows of a table)."""

import re
from datetime import datetime
from typing import Any

from campaign.cli import output
from campaign.domain.findings import Analysis, Level
from campaign.domain.spending import usd
from models import AuditEntry, Delivery

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
