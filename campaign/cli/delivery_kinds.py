"""What a person gave of a delivery, and which options make sense for which kind."""

from collections.abc import Mapping
from typing import Any

from campaign.cli.delivery_times import moment
from campaign.domain.handles import check_handle
from campaign.errors import NotPossible, WrongUsage
from models import DeliveryKind

_LONGEST_ID = 20
_NOT_OF_IT = frozenset({"name", "template", "as_json"})
_OF_POSTS = {
    "part": "--part makes a thread of posts; a direct message is one text, so leave it out.",
    "poll": "A direct message has no poll; leave out --poll, or ask in the text.",
    "poll_minutes": "A direct message has no poll; leave out --poll-minutes.",
    "reply_settings": "A direct message does not say who may answer; leave out --reply-settings.",
    "paid_partnership": "X marks only posts as advertising; leave out --paid-partnership, and say it in the text.",
}
_OF_BROADCASTS = {
    "where": "--where",
    "except_where": "--except-where",
    "people_list": "--list",
    "recipients_of": "--recipients-of",
    "not_if_received": "--not-if-received",
    "limit_to": "--limit-to",
    "priority": "--priority",
    "wave_size": "--wave-size",
    "wave_every": "--wave-every",
    "wave": "--wave",
}


def given_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a person gave of a delivery; raises WrongUsage for what is wrong whatever the delivery is."""
    given = {name: value for name, value in arguments.items() if value is not None and name not in _NOT_OF_IT}
    for handle in given.get("service", ()):
        check_handle(handle)
    if given.get("kind"):
        check_kind(given["kind"], given)
    if given.get("at"):
        moment(given["at"])
    return given


def check_kind(kind: DeliveryKind, given: Mapping[str, Any]) -> None:
    """Raise WrongUsage for an option that makes no sense for a kind."""
    if kind is DeliveryKind.DM:
        _check_broadcast(given)
    else:
        _check_post(given)


def _check_broadcast(given: Mapping[str, Any]) -> None:
    for name, sentence in _OF_POSTS.items():
        if name in given:
            raise WrongUsage(sentence)
    if len([file for file in given.get("media", ()) if file]) > 1:
        raise WrongUsage("A direct message takes one file; give --media once.")
    for person in filter(None, given.get("proof", ())):
        check_person(person)


def _check_post(given: Mapping[str, Any]) -> None:
    for name, option in _OF_BROADCASTS.items():
        if name in given:
            raise WrongUsage(f"{option} is for direct messages (--kind dm); a post is for everybody, at once.")
    if len(given.get("proof", ())) > 1:
        raise WrongUsage("The proofs of a post go to one service; give --proof once.")
    for handle in filter(None, given.get("proof", ())):
        check_handle(handle)


def check_person(text: str) -> str:
    """Return a handle, with or without its @, or an X user id, as given; raises WrongUsage for what is neither."""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID):
        check_handle(text.removeprefix("@"))
    return text


def refuse_like(name: str, like: str | None) -> None:
    """Raise WrongUsage when a post is asked for as one person gets it."""
    if like is not None:
        raise WrongUsage(f"{name} is a post, the same for everybody; --as is for broadcasts of direct messages.")


def refuse_taking_back(name: str, kind: DeliveryKind) -> None:
    """Raise NotPossible for direct messages that are to be deleted."""
    if kind is DeliveryKind.DM:
        raise NotPossible(f"{name} is a broadcast; X takes no direct message back from whoever got it.")
