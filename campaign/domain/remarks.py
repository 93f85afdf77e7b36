"""Findings about single parts, said once for all the accounts that they are true of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from campaign.domain.findings import Finding, Level
from campaign.domain.rendered import RenderedPart, Target

_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class PlacedPart:
    """A part as it goes out on an account; `of` parts in all."""

    target: Target
    rendered: RenderedPart
    of: int
    wanted_files: int = 0
    """How many it should have, also those that cannot be sent."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said of a part; `rest` goes on after "Part 2 of 3 on @acme", `account` is empty for all."""

    level: Level
    code: str
    part: int
    rest: str
    account: str = ""


def findings_of(remarks: Iterable[Remark], of: int) -> list[Finding]:
    """The findings, in the order of their first remark; those that differ only in the account become one."""
    accounts: dict[Remark, list[str]] = {}
    for remark in remarks:
        key = Remark(remark.level, remark.code, remark.part, remark.rest)
        accounts.setdefault(key, []).append(remark.account)
    return [
        Finding(level=key.level, code=key.code, sentence=f"{_where(key.part, of, names)} {key.rest}")
        for key, names in accounts.items()
    ]


def part_name(part: int, of: int) -> str:
    """A part by its place: part 2 of 3, or the post when it is the only one."""
    return f"part {part} of {of}" if of > 1 else "the post"


def parts_name(parts: Sequence[int], of: int) -> str:
    """Several parts by their places: parts 1, 2 and 3 of 3."""
    if len(parts) == 1:
        return part_name(parts[0], of)
    return f"parts {', '.join(map(str, parts[:-1]))} and {parts[-1]} of {of}"


def listed(names: Sequence[str]) -> str:
    """Accounts in a sentence: @a, @b and @c, or the first of them and how many others."""
    written = [f"@{name}" for name in names]
    if len(written) > _MOST_NAMES:
        written = [*written[:_MOST_NAMES], f"{len(written) - _MOST_NAMES} others"]
    return " and ".join(filter(None, [", ".join(written[:-1]), *written[-1:]]))


def in_one_line(target: Target) -> str:
    """Why an account is blocked: a service's problems are kept one a line."""
    return " ".join(target.blocked_because.split())


def _where(part: int, of: int, names: Sequence[str]) -> str:
    name = part_name(part, of)
    accounts = listed([*dict.fromkeys(filter(None, names))])
    return f"{name[0].upper()}{name[1:]}" + (f" on {accounts}" if accounts else "")
