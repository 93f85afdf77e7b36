"""Answers that X gets wrong: pages that do not end, records that lack something, problems in place of records."""

import secrets
from typing import Any

import orjson

from campaign.simulator.faults import Fault, FaultKind
from campaign.simulator.problems import partial

LISTS = ("data", "events", "users")
"""Where an answer has its records; v1.1 answers a list itself as well."""
CURSORS = ("pagination_token", "cursor")
WITHOUT_ROWS = {FaultKind.EMPTY_PAGE, FaultKind.SAME_EMPTY_PAGE}


class OddTokens:
    """Page tokens that faults give out, and the token of the request that each stands for: the same page again."""

    def __init__(self) -> None:
        self._own: dict[str, dict[str, str]] = {}

    def restore(self, given: dict[str, str]) -> dict[str, str]:
        """Returns the parameters of a request with X's own token in the place of an odd one."""
        odd = next((given[name] for name in CURSORS if given.get(name) in self._own), None)
        if odd is None:
            return given
        return {name: value for name, value in given.items() if name not in CURSORS} | self._own[odd]

    def make(self, given: dict[str, str], *, always_the_same: bool) -> str:
        """Returns a token for the page of this request: a new one, or the one that was made for it before."""
        own = {name: given[name] for name in CURSORS if name in given}
        known = (token for token, stands_for in self._own.items() if stands_for == own)
        token = next(known, None) if always_the_same else None
        token = token or str(secrets.randbelow(9 * 10**17) + 10**17)  # a number, as v1.1 has them
        self._own[token] = own
        return token


def spoil(fault: Fault, body: bytes, given: dict[str, str], tokens: OddTokens) -> bytes:
    """Returns X's answer as the fault has it, and the same answer for a fault of another kind."""
    answer = orjson.loads(body) if body else None
    if fault.kind in PAGES and isinstance(answer, dict):
        _repeat_page(answer, tokens.make(given, always_the_same=fault.kind is not FaultKind.EMPTY_PAGE))
        if fault.kind in WITHOUT_ROWS:
            _empty_page(answer)
        return orjson.dumps(answer)
    records = _records_of(answer)
    if fault.kind is FaultKind.LACKING:
        for record in records:
            _change(record, fault)
    elif fault.kind is FaultKind.ODD_RECORD and fault.index < len(records):
        _change(records[fault.index], fault)
    elif fault.kind is FaultKind.RECORD_PROBLEM and isinstance(answer, dict) and fault.index < len(records):
        _refuse_record(answer, records[fault.index], fault)
    else:
        return body
    return orjson.dumps(answer)


PAGES = WITHOUT_ROWS | {FaultKind.SAME_PAGE}
IN_THE_ANSWER = PAGES | {FaultKind.LACKING, FaultKind.ODD_RECORD, FaultKind.RECORD_PROBLEM}
"""Faults of the answer itself; all others happen on the way or refuse the call."""


def _repeat_page(answer: dict[str, Any], token: str) -> None:
    """Lets a page of v2 or v1.1 name itself as the next one."""
    if "meta" in answer:
        answer["meta"]["next_token"] = token
    elif "ids" in answer or "users" in answer:
        answer |= {"next_cursor": int(token), "next_cursor_str": token}
    else:
        answer["next_cursor"] = token


def _empty_page(answer: dict[str, Any]) -> None:
    for name in ("data", "includes"):
        answer.pop(name, None)
    answer |= {name: [] for name in ("ids", "users", "events") if name in answer}
    if "meta" in answer:
        answer["meta"] = {"result_count": 0, "next_token": answer["meta"]["next_token"]}


def _records_of(answer: Any) -> list[dict[str, Any]]:
    if isinstance(answer, list):
        return answer
    found: Any = next((answer[name] for name in LISTS if name in answer), []) if isinstance(answer, dict) else []
    return found if isinstance(found, list) else [found]


def _change(record: dict[str, Any], fault: Fault) -> None:
    """Takes fields out of a record and puts others in; `message_create.sender_id` is a field of a field."""
    for path in fault.omit:
        holder = record
        *parents, name = path.split(".")
        for parent in parents:
            holder = holder.get(parent, {})
        holder.pop(name, None)
    record |= fault.put


def _refuse_record(answer: dict[str, Any], record: dict[str, Any], fault: Fault) -> None:
    """Names the record among the `errors`: instead of showing it, or for fields that it then lacks."""
    title = fault.problem.replace("-", " ").title()
    entry = partial("ids", record["id"], title, title, fault.problem, fault.resource)
    answer.setdefault("errors", []).append(entry | ({"field": fault.omit[0]} if fault.omit else {}))
    if fault.omit:
        _change(record, fault)
        return
    answer["data"].remove(record)
    if "meta" in answer:
        answer["meta"]["result_count"] -= 1
    if not answer["data"]:
        del answer["data"]
