"""From the options of `campaign delivery create` and `edit` to whom a broadcast goes, and in which waves."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlmodel import Session

from campaign.cli.delivery_times import length_of_time
from campaign.cli.people_list import read_people
from campaign.domain.broadcasts import Broadcast, Waves
from campaign.domain.conditions import parse
from campaign.domain.drafts import Draft
from campaign.errors import WrongUsage
from campaign.store import deliveries
from models import DeliveryKind

_SIZE = re.compile(r"(\d{1,9})\s*(%?)", re.ASCII)
_LIMIT = re.compile(r"0*[1-9]\d{0,8}", re.ASCII)
_EVERYBODY = 100


def described(broadcast: Broadcast, given: Mapping[str, Any]) -> dict[str, Any]:
    """A broadcast with what is given changed; an empty value takes away. Raises WrongUsage in one sentence."""
    changes: dict[str, Any] = {
        "audience": broadcast.audience.model_dump() | _audience(given),
        "waves": _waves(broadcast.waves, given),
    }
    if "proof" in given:
        changes["proof_recipients"] = [person for person in given["proof"] if person]
    return broadcast.model_dump() | changes


def check_named(session: Session, draft: Draft, name: str = "") -> None:
    """Raise WrongUsage for a delivery named in an audience that nobody can have got as a message."""
    audience = draft.broadcast.audience
    if name and audience.recipients_of == name:
        raise WrongUsage(f"{name} cannot go to its own recipients; name another broadcast with --recipients-of.")
    for other in filter(None, [audience.recipients_of, *audience.not_if_received]):
        if deliveries.named(session, other).kind is not DeliveryKind.DM:
            raise WrongUsage(f"{other} is a post, which nobody receives; name a broadcast of direct messages.")


def _audience(given: Mapping[str, Any]) -> dict[str, Any]:
    changes = {name: given[name] for name in ("where", "except_where", "recipients_of") if name in given}
    for condition in filter(None, (changes.get("where"), changes.get("except_where"))):
        parse(condition)
    if "people_list" in given:
        file = given["people_list"]
        changes["people"] = read_people(Path(file)) if file else []
    if "not_if_received" in given:
        changes["not_if_received"] = [name for name in given["not_if_received"] if name]
    if "limit_to" in given:
        changes["limit"] = _limit(given["limit_to"])
    return changes


def _limit(text: str) -> int | None:
    if text and not _LIMIT.fullmatch(text.strip()):
        raise WrongUsage(f"--limit-to {text!r} cannot be used; write a number of people, such as 500.")
    return int(text) if text else None


def _waves(waves: Waves, given: Mapping[str, Any]) -> dict[str, Any]:
    planned = [text for text in given.get("wave", ()) if text]
    is_same = bool(given.get("wave_size") or given.get("wave_every"))
    if planned and is_same:
        raise WrongUsage("Give waves of one size (--wave-size, --wave-every) or a calendar of them (--wave), not both.")
    if planned:
        return {"calendar": [_planned(text) for text in planned]}
    if is_same:
        return {"same": _same(waves, given)}
    kept = waves.model_dump()
    taken_away = ["calendar"] if "wave" in given else []
    taken_away += ["same"] if {"wave_size", "wave_every"} & given.keys() else []
    return {name: value for name, value in kept.items() if name not in taken_away}


def _same(waves: Waves, given: Mapping[str, Any]) -> dict[str, Any]:
    known = waves.same.model_dump() if waves.same else {}
    if given.get("wave_size"):
        known |= size_of(given["wave_size"])
    if given.get("wave_every"):
        known["period_seconds"] = int(length_of_time(given["wave_every"]).total_seconds())
    if "amount" not in known or "" in {given.get("wave_size"), given.get("wave_every")}:
        raise WrongUsage("Waves of one size need both --wave-size, such as 500 or 25%, and --wave-every, such as 1d.")
    if not known.get("period_seconds"):
        raise WrongUsage("Say with --wave-every, such as 1d, 6h or 30m, how long after each other the waves begin.")
    return known


def _planned(text: str) -> dict[str, Any]:
    after, colon, size = text.partition(":")
    if not colon:
        raise WrongUsage(f"{text!r} is no wave; write when it begins and how large it is, such as 0h:10% or 1d:500.")
    return {"after_seconds": int(length_of_time(after).total_seconds()), **size_of(size)}


def size_of(text: str) -> dict[str, Any]:
    """Read the size of a wave; raises WrongUsage in one sentence."""
    found = _SIZE.fullmatch(text.strip())
    amount = int(found[1]) if found else 0
    is_percentage = bool(found and found[2])
    if not amount or (is_percentage and amount > _EVERYBODY):
        raise WrongUsage(
            f"{text!r} is no size of a wave; write a number of messages, or a share up to 100%, such as 25%."
        )
    return {"amount": amount, "is_percentage": is_percentage}
