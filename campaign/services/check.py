"""What is wrong with a service, in plain words. Pure: X's answer and what is known come in, problems go out."""

from collections.abc import Iterable
from dataclasses import dataclass

from campaign.errors import ServiceBlocked, XError
from campaign.x.types import Account
from models import Service

#: X's word in the `x-access-level` header for the permission that direct messages need.
FULL_ACCESS = "read-write-directmessages"


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence with its remedy; `blocks` stops the service, `is_warning` alone leaves it ok."""

    sentence: str
    blocks: bool = False
    is_warning: bool = False


def problems_of(service: Service, account: Account, owner_of_account: str | None) -> list[Problem]:
    """Compare a service with the account its keys belong to.

    `owner_of_account` is the internal name of another service that is connected to the same account, if there is one.
    """
    found = [
        _shared_account(account, owner_of_account),
        _other_name(service, account),
        _missing_permission(account),
        _public_proof(service, account),
    ]
    return [problem for problem in found if problem]


def sentence_of(error: XError) -> str:
    """Say what X refused and, where somebody can do something, what."""
    return f"{error} {error.remedy}".rstrip() if isinstance(error, ServiceBlocked) else str(error)


def is_ok(problems: Iterable[Problem]) -> bool:
    """Whether nothing but warnings was found."""
    return all(problem.is_warning for problem in problems)


def _shared_account(account: Account, owner: str | None) -> Problem | None:
    if owner is None:
        return None
    return Problem(
        f"The keys belong to @{account.username}, which the service {owner} is connected to already;"
        " remove one of the two.",
        blocks=True,
    )


def _other_name(service: Service, account: Account) -> Problem | None:
    if service.internal_name == account.username:
        return None
    if service.x_user_id == account.user_id or service.internal_name.lower() == account.username.lower():
        return Problem(
            f"X writes this handle {account.username}; change the internal name of the service to exactly that."
        )
    return Problem(
        f"The keys belong to @{account.username}, not to @{service.internal_name}; save the keys of"
        f" @{service.internal_name}, or change the internal name to {account.username}.",
        blocks=True,
    )


def _missing_permission(account: Account) -> Problem | None:
    if account.access_level in {None, FULL_ACCESS}:
        return None
    return Problem(
        f"The app's permission is {account.access_level}; set it to Read, Write and Direct Messages in the developer"
        " console, then regenerate the access token and its secret, because the old ones keep the old permission, and"
        " save them in the service."
    )


def _public_proof(service: Service, account: Account) -> Problem | None:
    if not service.proof or account.protected:
        return None
    return Problem(
        f"Proofs sent to @{account.username} are public; protect its posts on X"
        " (Privacy and safety, Audience and tagging).",
        is_warning=True,
    )
