"""The users of X: imagined from their numbers, with a table only of those who were changed."""

from bisect import bisect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from campaign.simulator.persons import User, imagine, number_in
from campaign.simulator.snowflakes import unscramble

LONGEST_ID = 19


class People:
    """The users numbered 1 to `count`; names and ids are unique, names regardless of their case."""

    def __init__(self) -> None:
        self.count = 0
        self._changed: dict[int, User] = {}
        self._names: dict[str, int] = {}
        self._ids: dict[str, int] = {}
        self._ordinary: list[range] = []
        self._fresh_names = 0

    def add(self, count: int, *, ordinary: bool = False) -> range:
        """Adds `count` new users and returns their numbers; X leaves no field of ordinary ones out."""
        numbers = range(self.count + 1, self.count + 1 + count)
        self.count += count
        if ordinary:
            self._ordinary.append(numbers)  # ever higher ones, so that they can be searched
        return numbers

    def user(self, number: int) -> User:
        """Returns the user with this number."""
        return self._changed.get(number) or self._imagine(number)

    def with_id(self, user_id: str, *, ever: bool = False) -> User | None:
        """Returns the user whose id on X this is; with `ever` also one who is gone."""
        number = self._ids.get(user_id) or (unscramble(int(user_id)) if is_id(user_id) else 0)
        return self._known(number, lambda user: user.id == user_id and (ever or not user.gone))

    def named(self, username: str, *, ever: bool = False) -> User | None:
        """Returns the user who has this username now; with `ever` also one who had it and is gone."""
        name = username.lower()
        number = self._names.get(name) or number_in(name)
        return self._known(number, lambda user: user.username.lower() == name and (ever or not user.gone))

    def is_taken(self, username: str) -> bool:
        """Returns whether a user has this username, or one still to be added will have it."""
        number = number_in(username)
        promised = number > self.count and imagine(number).username == username.lower()
        return promised or self.named(username) is not None

    def change(self, number: int, **changes: Any) -> User:
        """Changes fields of a user; the holder of the new username takes the old one in exchange."""
        before = self.user(number)
        after = replace(before, **changes)
        holder = self.named(after.username)
        if holder is not None and holder.number != number:
            self._keep(replace(holder, username=before.username))
        self._keep(after)
        return after

    def fresh_name(self) -> str:
        """Returns a username that is free."""
        while True:
            self._fresh_names += 1
            name = f"new_name_{self._fresh_names}"
            if self.named(name) is None:
                return name

    def _imagine(self, number: int) -> User:
        user = imagine(number)
        return replace(user, omit=frozenset()) if user.omit and self._is_ordinary(number) else user

    def _is_ordinary(self, number: int) -> bool:
        place = bisect(self._ordinary, number, key=lambda numbers: numbers.start)
        return place > 0 and number in self._ordinary[place - 1]

    def _keep(self, user: User) -> None:
        self._changed[user.number] = user
        self._names[user.username.lower()] = user.number
        self._ids[user.id] = user.number

    def _known(self, number: int, fits: Callable[[User], bool]) -> User | None:
        """Returns the user with this number, if there is one and it still fits: the tables may have old names."""
        user = self.user(number) if 0 < number <= self.count else None
        return user if user is not None and fits(user) else None


def is_id(text: str) -> bool:
    """Returns whether X could have given this id: 1 to 2^63-1 in decimal (docs.x.com/fundamentals/x-ids)."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_ID and text[0] != "0" and int(text) < 1 << 63
