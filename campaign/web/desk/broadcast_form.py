"""The form of a broadcast: audience, waves and proofs as fields, and the fields as they were typed as a draft again."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.datastructures import FormData, UploadFile

from campaign.audience.conditions import (
    BY_NAME,
    ConditionRow,
    ConditionRows,
    FieldKind,
    WrongCondition,
    rows_of,
    spellings,
    takes_value,
    text_of,
)
from campaign.audience.people_files import check_person, read_pasted_people
from campaign.deliveries.draft import (
    LONGEST_LIST,
    MOST_WAVES,
    Audience,
    Broadcast,
    Draft,
    PlannedWave,
    SameWaves,
    Waves,
)
from campaign.errors import WrongUsage
from campaign.web.desk import post_form
from campaign.web.desk.post_form import PostForm, text_in, texts_in
from campaign.web.desk.wording import N_
from models import Priority, Service

FIELD_LABELS: Mapping[str, str] = {
    "followers_count": N_("Number of followers"),
    "location": N_("Place"),
    "verified": N_("Has X's check mark"),
    "full_name": N_("Name"),
    "username": N_("Handle"),
    "follows_since": N_("Follows since"),
    "first_known": N_("First seen"),
    "updated_at": N_("Profile changed"),
    "consented": N_("Has agreed to messages"),
    "external_id": N_("X user id"),
}
"""What the form calls the fields of a condition."""
OPERATOR_LABELS: Mapping[str, str] = {
    "=": N_("is"),
    "<>": N_("is not"),
    "<": N_("is less than, or before"),
    "<=": N_("is at most"),
    ">": N_("is more than, or after"),
    ">=": N_("is at least"),
    "contains": N_("contains"),
    "does not contain": N_("does not contain"),
    "starts with": N_("starts with"),
    "does not start with": N_("does not start with"),
    "like": N_("looks like ('%' is any text)"),
    "not like": N_("does not look like"),
    "is included in": N_("is one of"),
    "is not included in": N_("is none of"),
    "between": N_("is between"),
    "not between": N_("is not between"),
    "is empty": N_("is not known"),
    "is not empty": N_("is known"),
}
#: Example of a value, by the kind of the field, and by the operator before that.
_EXAMPLES = {
    "between": "50 and 500",
    "not between": "50 and 500",
    "is included in": "Gent, Brugge",
    "is not included in": "Gent, Brugge",
    FieldKind.NUMBER: "1000",
    FieldKind.MOMENT: "2026-11-01, 30 days ago",
    FieldKind.TEXT: "Gent",
}
TIME_UNITS = {N_("minutes"): 60, N_("hours"): 3_600, N_("days"): 86_400}
_ALL, _MOST_ROWS, _MOST_PROOFS = 100, 20, 100
_LARGEST_LIST = 10_000_000
"""Bytes of a file with people."""
_PEOPLE = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class ConditionForm:
    """A condition as its text and, where it has no brackets, as rows."""

    text: str = ""
    rows: ConditionRows | None = field(default_factory=ConditionRows)
    problem: str = ""
    position: int | None = None
    """The character, from 1, at which the problem is."""
    is_typed: bool = False
    """Whether its text was changed by hand: else the rows were."""
    is_shown: bool = False
    """Whether the page shows this text already: what is typed into it meanwhile then stays."""


@dataclass(frozen=True)
class BroadcastForm(PostForm):
    """What stands in the form of a broadcast."""

    where: ConditionForm = field(default_factory=ConditionForm)
    except_where: ConditionForm = field(default_factory=ConditionForm)
    calendar: Sequence[Mapping[str, str]] = field(default_factory=list)

    def with_condition(self, prefix: str, condition: ConditionForm) -> "BroadcastForm":
        """Returns the form with another condition in the place of `where` or `except`."""
        name = "where" if prefix == "where" else "except_where"
        draft = with_audience(self.draft, **{name: condition.text})
        problems = {key: sentence for key, sentence in self.problems.items() if key != prefix}
        if condition.problem:
            problems[prefix] = condition.problem
        return replace(self, draft=draft, problems=problems, **{name: condition})  # type: ignore[arg-type]  # by name


def with_audience(draft: Draft, **changes: Any) -> Draft:
    """Returns a draft with another audience."""
    audience = draft.broadcast.audience.model_copy(update=changes)
    return draft.model_copy(update={"broadcast": draft.broadcast.model_copy(update={"audience": audience})})


def form_of(draft: Draft, zone: str) -> BroadcastForm:
    """Returns the form of a draft, with its date in a zone."""
    plain, audience, waves = post_form.form_of(draft, zone), draft.broadcast.audience, draft.broadcast.waves
    kind = "same" if waves.same else "calendar" if waves.calendar else "none"
    every, unit = _split(waves.same.period_seconds if waves.same else 86_400)
    typed = {
        "waves": kind,
        "wave-amount": str(waves.same.amount) if waves.same else "",
        "wave-unit": "percent" if waves.same and waves.same.is_percentage else "people",
        "wave-every": every,
        "wave-every-unit": unit,
        "people": "\n".join(audience.people),
        "limit": str(audience.limit or ""),
        "proofs": ", ".join(draft.broadcast.proof_recipients),
        "as": "",
    }
    return BroadcastForm(
        plain.draft,
        {**plain.typed, **typed},
        where=condition_form(audience.where),
        except_where=condition_form(audience.except_where),
        calendar=[_as_typed(wave) for wave in waves.calendar],
    )


def _as_typed(wave: PlannedWave) -> dict[str, str]:
    after, unit = _split(wave.after_seconds)
    size_unit = "percent" if wave.is_percentage else "people"
    return {"after": after, "after-unit": unit, "size": str(wave.amount), "unit": size_unit}


def _split(seconds: int) -> tuple[str, str]:
    """Returns a length of time in the largest unit that leaves no rest."""
    unit = next((name for name in ("days", "hours") if seconds and seconds % TIME_UNITS[name] == 0), "minutes")
    return (str(seconds // TIME_UNITS[unit]), unit) if seconds else ("0", "hours")


def read_form(form: FormData, base: Draft, services: Sequence[Service], offered: Collection[str] = ()) -> BroadcastForm:
    """Reads the form; what it does not show stays as in `base`. `offered` are deliveries that it may name."""
    plain = post_form.read_form(form, base, services)
    names = ("waves", "wave-amount", "wave-unit", "wave-every", "wave-every-unit", "limit", "proofs", "as")
    typed, problems = {name: text_in(form, name) for name in names}, dict(plain.problems)
    where, except_where = read_condition(form, "where"), read_condition(form, "except")
    problems |= {name: one.problem for name, one in (("where", where), ("except", except_where)) if one.problem}
    calendar = _read_calendar(form)
    readers: dict[str, Any] = {
        "people": lambda: _read_list(form),
        "limit": lambda: _number(typed["limit"]) if typed["limit"] else None,
        "proofs": lambda: _read_proofs(typed["proofs"]),
        "waves": lambda: _read_waves(typed, calendar),
    }
    found: dict[str, Any] = {"people": [], "limit": None, "proofs": [], "waves": Waves()}
    for name, read in readers.items():
        try:
            found[name] = read()
        except WrongUsage as error:
            problems[name] = str(error)
    typed["people"] = text_in(form, "people") if "people" in problems else "\n".join(found["people"])
    before = base.broadcast.audience
    known = {*offered, *before.not_if_received, before.recipients_of}
    audience = Audience(
        where=where.text,
        except_where=except_where.text,
        people=found["people"],
        recipients_of=text_in(form, "recipients-of") if text_in(form, "recipients-of") in known else "",
        not_if_received=[name for name in dict.fromkeys(texts_in(form, "not-if-received")) if name in known],
        limit=found["limit"],
    )
    broadcast = Broadcast(audience=audience, waves=found["waves"], proof_recipients=found["proofs"])
    priority = text_in(form, "priority")
    draft = plain.draft.model_copy(
        update={
            "broadcast": broadcast,
            "is_invitation": "invitation" in form,
            "priority": Priority(priority) if priority in set(Priority) else base.priority,
        }
    )
    return BroadcastForm(draft, {**plain.typed, **typed}, problems, where, except_where, calendar)


# Conditions: the text and the rows show the same; the one that was changed counts.
def read_condition(form: FormData, prefix: str) -> ConditionForm:
    """Reads a condition: its text where that differs from the one that was shown, else its rows."""
    text, shown = text_in(form, prefix), text_in(form, f"{prefix}-shown")
    if f"{prefix}-join" not in form or text != shown:
        return replace(condition_form(text), is_typed=True)
    pattern = rf"{prefix}-field-(\d{{1,3}})"
    numbers = sorted(int(found[1]) for name in form if (found := re.fullmatch(pattern, name)))[:_MOST_ROWS]
    rows = [
        ConditionRow(*(text_in(form, f"{prefix}-{part}-{number}") for part in ("field", "operator", "value")))
        for number in numbers
    ]
    condition = condition_of(ConditionRows(tuple(map(_fitting, rows)), text_in(form, f"{prefix}-join") == "or"), text)
    return replace(condition, is_shown=condition.text == text)


def condition_of(rows: ConditionRows, text: str = "") -> ConditionForm:
    """Returns the form of rows; a text that means the same stays as it was typed."""
    filled = replace(rows, rows=tuple(row for row in rows.rows if row.field in BY_NAME))
    written = text_of(filled)
    try:
        before = rows_of(text)
    except WrongCondition:
        before = None
    text = text if before is not None and text_of(before) == written else written
    try:
        rows_of(text)
    except WrongCondition as error:
        return ConditionForm(text, rows, str(error), error.position)
    return ConditionForm(text, rows)


def condition_form(text: str) -> ConditionForm:
    """Returns the form of a condition as it was typed."""
    try:
        return ConditionForm(text, rows_of(text))
    except WrongCondition as error:
        return ConditionForm(text, None, str(error), error.position)


def change_rows(condition: ConditionForm, do: str, number: int) -> ConditionForm:
    """Returns a condition after a button: add-row, or remove-row with its number from 1."""
    if condition.rows is None:
        return condition
    rows = list(condition.rows.rows)
    if do == "add-row":
        rows.append(ConditionRow())
    elif 1 <= number <= len(rows):
        del rows[number - 1]
    return condition_of(replace(condition.rows, rows=tuple(rows)), condition.text)


def _fitting(row: ConditionRow) -> ConditionRow:
    """Returns a row whose operator and value fit its field, which may be another one now."""
    if row.field in BY_NAME and row.operator not in spellings(row.field):
        row = replace(row, operator=spellings(row.field)[0])
    is_truth = row.field in BY_NAME and BY_NAME[row.field].kind is FieldKind.TRUTH
    if is_truth and takes_value(row.operator) and row.value not in {"yes", "no"}:
        row = replace(row, value="yes")
    return row


def example_of(row: ConditionRow) -> str:
    """Returns what may be typed as the value of a row."""
    kind = BY_NAME[row.field].kind if row.field in BY_NAME else FieldKind.TEXT
    of_operator = _EXAMPLES.get(row.operator, "") if kind in {FieldKind.TEXT, FieldKind.NUMBER} else ""
    if row.operator.endswith("in") and kind is FieldKind.NUMBER:
        of_operator = "50, 100"
    return of_operator or _EXAMPLES.get(kind, "")


# The other fields.
def _read_list(form: FormData) -> list[str]:
    """Reads the list that was pasted, and the file that was chosen."""
    found: list[str] = []
    if pasted := text_in(form, "people"):
        found += read_pasted_people(pasted.encode(errors="replace"), N_("the list"), LONGEST_LIST)
    file = form.get("people-file")
    if isinstance(file, UploadFile) and file.filename:
        found += read_pasted_people(file.file.read(_LARGEST_LIST), file.filename, LONGEST_LIST)
    if len(found) > LONGEST_LIST:
        raise WrongUsage(f"The list has {len(found):,} people; shorten it to {LONGEST_LIST:,} at most.")
    return found


def _read_proofs(text: str) -> list[str]:
    people = [check_person(one) for one in _PEOPLE.split(text) if one]
    if len(people) > _MOST_PROOFS:
        raise WrongUsage(f"There are {len(people)} proof recipients; name {_MOST_PROOFS} at most.")
    return people


def _read_calendar(form: FormData) -> list[Mapping[str, str]]:
    numbers = sorted(int(found[1]) for name in form if (found := re.fullmatch(r"size-(\d{1,3})", name)))
    rows = [
        {name: text_in(form, f"{name}-{number}") for name in ("after", "after-unit", "size", "unit")}
        for number in numbers[:MOST_WAVES]
    ]
    while rows and not rows[-1]["size"]:
        rows.pop()
    return list(rows)


def _read_waves(typed: Mapping[str, str], calendar: Sequence[Mapping[str, str]]) -> Waves:
    if typed["waves"] == "same":
        seconds = _seconds(typed["wave-every"], typed["wave-every-unit"])
        if seconds < TIME_UNITS["minutes"]:
            raise WrongUsage(N_("Write after how long the next wave begins, one minute at least."))
        size = _size(typed["wave-amount"], typed["wave-unit"])
        return Waves(same=SameWaves(**size, period_seconds=seconds))
    if typed["waves"] == "calendar":
        if not calendar:
            raise WrongUsage(N_("Write the size of one wave at least."))
        waves = [
            PlannedWave(**_size(row["size"], row["unit"]), after_seconds=_seconds(row["after"], row["after-unit"]))
            for row in calendar
        ]
        return Waves(calendar=waves)
    return Waves()


def _size(amount: str, unit: str) -> dict[str, Any]:
    number = _number(amount)
    if unit == "percent" and number > _ALL:
        raise WrongUsage(N_("A wave has 100 per cent of the people at most."))
    return {"amount": number, "is_percentage": unit == "percent"}


def _seconds(text: str, unit: str) -> int:
    return (_number(text) if text.strip("0") else 0) * TIME_UNITS.get(unit, TIME_UNITS["hours"])


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not int(text):
        raise WrongUsage(f"{text!r} is not a number of people or of time; write a whole number from 1.")
    return int(text)


def add_waves(form: BroadcastForm, more: int = 3) -> BroadcastForm:
    """Returns the form with more empty waves in its calendar."""
    empty = {"after": "", "after-unit": "days", "size": "", "unit": "people"}
    return replace(form, calendar=[*form.calendar, *[empty] * more][:MOST_WAVES])


def differences(mine: Draft, theirs: Draft) -> list[tuple[str, str, str]]:
    """Returns what differs between two drafts beside their texts: the label of the field, mine, theirs."""
    rows = post_form.differences(mine, theirs)
    both = [_in_words(draft) for draft in (mine, theirs)]
    return rows + [(label, both[0][label], both[1][label]) for label in both[0] if both[0][label] != both[1][label]]


def _in_words(draft: Draft) -> dict[str, str]:
    audience, waves = draft.broadcast.audience, draft.broadcast.waves
    planned = [waves.same] if waves.same else waves.calendar
    sizes = [f"{wave.amount}{' %' if wave.is_percentage else ''}" for wave in planned]
    return {
        N_("Who gets it"): audience.where or "-",
        N_("Who is left out"): audience.except_where or "-",
        N_("List of people"): ", ".join(audience.people[:50]) or "-",
        N_("Recipients of"): audience.recipients_of or "-",
        N_("Not if they got"): ", ".join(audience.not_if_received) or "-",
        N_("At most"): str(audience.limit or "-"),
        N_("Waves"): ", ".join(sizes) or "-",
        N_("Proof recipients"): ", ".join(draft.broadcast.proof_recipients) or "-",
        N_("Priority"): draft.priority.value,
        N_("Invitation"): N_("yes") if draft.is_invitation else N_("no"),
    }
