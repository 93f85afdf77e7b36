"""What an error body of X says, whichever of its shapes it has. Any bytes are accepted."""

import re
from dataclasses import dataclass
from typing import Any

from campaign.x.parsing import parse

_LONGEST_DETAIL = 120
# X repeats values in brackets; a word as long as a key is nothing to read.
_VALUES_AND_MARKUP = re.compile(r"\[[^\]]*(\]|$)|\S{24,}|[^\w .,:;'()/-]")


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a refusal is recognised by.

    `kinds` are the last segments of the problem types (their host varies), `codes` the numbers of v1.1,
    `text` all sentences and the names of the parameters complained about, in lower case. `is_page` says that there is
    a body without any JSON object: X's API did not write it.
    """

    status: int
    kinds: frozenset[str]
    codes: frozenset[int]
    details: frozenset[str]
    text: str
    is_page: bool


def facts_of(status: int, body: bytes) -> Facts:
    """The facts of an answer; a body that is not JSON has only its status."""
    problems = _problems(body)
    words = [word.lower() for problem in problems for word in (*_texts(problem, "title"), *_parameters(problem))]
    details = frozenset(word.lower() for problem in problems for word in _texts(problem, "detail", "message"))
    return Facts(
        status=status,
        kinds=frozenset(_kind(problem) for problem in problems) | _reasons(problems),
        codes=frozenset(code for problem in problems if (code := _code(problem)) is not None),
        details=details,
        text=" ".join([*sorted(details), *words]),
        is_page=bool(body.strip()) and not problems,
    )


def short_detail(body: bytes) -> str:
    """X's own word for the problem, short and harmless to print; values that X repeats in brackets are left out."""
    for problem in _problems(body):
        detail = problem.get("detail") or problem.get("title")
        if isinstance(detail, str):
            return harmless(detail)
    return ""


def harmless(said: str) -> str:
    """X's words without values and markup, short and without a full stop."""
    return " ".join(_VALUES_AND_MARKUP.sub("", said).split())[:_LONGEST_DETAIL].rstrip(". ")


def _problems(body: bytes) -> list[dict[str, Any]]:
    try:
        document = parse(body)
    except ValueError:
        return []
    whole = document if isinstance(document, list) else [document]
    parts = [part for each in whole if isinstance(each, dict) for part in _parts(each)]
    return [each for each in (*whole, *parts) if isinstance(each, dict)]


def _parts(document: dict[str, Any]) -> list[Any]:
    errors = document.get("errors")
    parts = errors if isinstance(errors, list) else [errors]
    return [{"message": part} if isinstance(part, str) else part for part in (*parts, document.get("error"))]


def _texts(problem: dict[str, Any], *names: str) -> list[str]:
    return [problem[name] for name in names if isinstance(problem.get(name), str)]


def _parameters(problem: dict[str, Any]) -> list[str]:
    named = problem.get("parameters")
    return [*(named if isinstance(named, dict) else ()), *_texts(problem, "parameter")]


def _kind(problem: dict[str, Any]) -> str:
    return str(problem.get("type") or "").rpartition("/")[2]


def _reasons(problems: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(str(problem["reason"]) for problem in problems if isinstance(problem.get("reason"), str))


def _code(problem: dict[str, Any]) -> int | None:
    try:
        return int(problem["code"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
