"""The direct messages of all users. Nothing here takes longer because there are many of them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from campaign.simulator import wording
from campaign.simulator.media import Media
from campaign.simulator.wording import Link, Wording

REMEMBERED = 30 * 86_400
"""Seconds for which X shows a message to its API (docs.x.com/x-api/direct-messages/lookup)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is one; `extras` are what only v1.1 knows: quick replies and buttons."""

    text: str
    media_id: str | None = None
    extras: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Message:
    """A message; users by their numbers and, because they never change, by their ids."""

    number: int
    sender: int
    recipient: int
    sender_id: str
    recipient_id: str
    draft: Draft
    created: float
    media: Media | None = None
    _shown: Wording | None = None

    @property
    def id(self) -> str:
        """Returns X's id of the event."""
        return str(self.number)

    @property
    def conversation_id(self) -> str:
        """Returns X's id of the conversation of two: the smaller user id first."""
        return "-".join(sorted((self.sender_id, self.recipient_id), key=int))

    @property
    def created_at(self) -> datetime:
        """Returns when it was accepted, in UTC."""
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def shown(self) -> Wording:
        """Returns the text with its short links, which are made when it is first read: to send must be cheap."""
        if self._shown is None:
            text = self.draft.text
            written = wording.read(text) if "." in text else Wording(text)  # without a dot there is no link
            self._shown = wording.as_shown(written, _media_links(self.number, self.media))
        return self._shown


class Messages:
    """All messages, by those who see them; `show_after` is how many seconds X takes to show a new one."""

    def __init__(self) -> None:
        self.show_after = 0.0
        self.quiet_since: dict[int, float] = {}
        """Users (numbers) whose conversations are encrypted: no list of events shows what was written since then."""
        self._of: dict[int, list[Message]] = {}
        self._between: dict[tuple[int, int], list[Message]] = {}

    def add(self, message: Message) -> None:
        """Saves a new message."""
        for number in {message.sender, message.recipient}:
            _insert(self._of.setdefault(number, []), message)
        _insert(self._between.setdefault(_pair(message.sender, message.recipient), []), message)

    def of(self, user: int) -> list[Message]:
        """Returns every message that this user wrote or got, the oldest first."""
        return self._of.get(user, [])

    def between(self, one: int, other: int) -> list[Message]:
        """Returns every message of these two, the oldest first."""
        return self._between.get(_pair(one, other), [])

    def page(self, messages: Sequence[Message], below: int, size: int, now: float) -> tuple[list[Message], bool]:
        """Returns what X shows of them, newest first, from smaller ids than `below` on; and whether more is left."""
        if self.quiet_since:
            messages = [message for message in messages if not self._is_quiet(message)]
        newest = bisect_right(messages, now - self.show_after, key=_created)
        oldest = bisect_left(messages, now - REMEMBERED, key=_created)
        top = min(newest, bisect_left(messages, below, key=_number))
        bottom = max(oldest, top - size)
        return list(messages[bottom:top])[::-1], bottom > oldest

    def _is_quiet(self, message: Message) -> bool:
        users = (message.sender, message.recipient)
        return any(message.created >= self.quiet_since[user] for user in users if user in self.quiet_since)


def _insert(messages: list[Message], message: Message) -> None:
    if messages and messages[-1].number > message.number:
        insort(messages, message, key=_number)
    else:
        messages.append(message)


def _pair(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)


def _number(message: Message) -> int:
    return message.number


def _created(message: Message) -> float:
    return message.created


def _media_links(number: int, media: Media | None) -> tuple[Link, ...]:
    """Returns the link at the end of the text, through which the file is seen."""
    if media is None:
        return ()
    url = wording.short_link()
    display = url.replace("https://t.co", "pic.x.com")
    return (Link(0, 0, url, f"https://x.com/messages/media/{number}", display, media.key),)
