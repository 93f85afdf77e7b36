"""The problems of a service, found by comparing it with its account on X. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from campaign.x.types import Account
from models import Service

#: The permission that direct messages need, as the `x-access-level` header names it.
FULL_ACCESS = "read-write-directmessages"


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence with its remedy; `blocks` stops the service, `is_warning` alone leaves it ok."""

    sentence: str
    blocks: bool = False
    is_warning: bool = False


def problems_of(service: Service, account: Account, owner_of_account: str | None) -> list[Problem]:
    """Compares a service with the account its keys belong to.

    `owner_of_account` is the internal name of another service that is connected to the same account, if there is one.
    """
    problems = list[Problem]()
    handle, name = account.username, service.internal_name
    if owner_of_account:
        sentence = (
            f"The keys belong to @{handle}, which the service {owner_of_account} is connected to already;"
            " remove one of the two."
        )
        problems.append(Problem(sentence, blocks=True))
    if name != handle and (service.x_user_id == account.user_id or name.lower() == handle.lower()):
        problems.append(
            Problem(f"X writes this handle {handle}; change the internal name of the service to exactly that.")
        )
    elif name != handle:
        sentence = (
            f"The keys belong to @{handle}, not to @{name}; save the keys of @{name}, or change the internal name to"
            f" {handle}."
        )
        problems.append(Problem(sentence, blocks=True))
    if account.access_level not in {None, FULL_ACCESS}:
        sentence = (
            f"The app's permission is {account.access_level}; set it to Read, Write and Direct Messages in the"
            " developer console, then regenerate the access token and its secret, because the old ones keep the old"
            " permission, and save them in the service."
        )
        problems.append(Problem(sentence))
    if service.proof and not account.protected:
        sentence = (
            f"Proofs sent to @{handle} are public; protect its posts on X (Privacy and safety, Audience and tagging)."
        )
        problems.append(Problem(sentence, is_warning=True))
    return problems


def is_ok(problems: Iterable[Problem]) -> bool:
    """Returns whether there are only warnings."""
    return all(problem.is_warning for problem in problems)
