"""The text of a direct message, read once and filled in for each of a million people. Pure."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache, wraps
from typing import Any, NoReturn

from jinja2 import Environment, Undefined

from campaign.domain.direct_messages import LONGEST_MESSAGE
from campaign.domain.personalisation import JOIN_LINK, Fields, environment, fields_of, guarded, has_fields
from campaign.errors import NotPossible

VISITOR_FIELDS = ("full_name", "username", "external_id", "followers_count", "verified", "location")
LONGEST_WITH_FILE = LONGEST_MESSAGE - len(" https://t.co/0123456789")
"""X adds a link for the file."""

Values = Mapping[str, str | None]
"""What is known of a service or a person. None or blank is missing: X did not say, or `verified` is not so."""
JoinLink = Callable[[Values], str]
"""What makes the address at which a person may become a contact."""


class FieldMissing(NotPossible):
    """The text prints a field that is missing."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not known: write {{{{ {name} | default('something else') }}}}.")
        self.name = name


class EmptyMessage(NotPossible):
    """With the fields of this person nothing is left to send."""


class MessageTooLong(NotPossible):
    """With the fields of this person the text is longer than X takes."""


class MessageText:
    """A text with fields of the service and of a person, read once.

    A field that is missing is false in a condition, gives way to `default`, and cannot be printed. With `join_link`,
    what makes the link of a person, the text has that field too.
    """

    visitor_fields: frozenset[str]
    """The fields of the person that the text uses, be it in a condition."""

    def __init__(
        self, text: str, service: Values, *, has_file: bool = False, join_link: JoinLink | None = None
    ) -> None:
        """Read the text; raises UnknownField or BrokenTemplate in one sentence."""
        known: Fields = {"service": dict.fromkeys(service, ""), "visitor": dict.fromkeys(VISITOR_FIELDS, "")}
        if join_link:
            known = {**known, JOIN_LINK: ""}
        used = fields_of(text, known) if has_fields(text) else ()
        self.visitor_fields = frozenset(key for name, key in used if name == "visitor")
        self.has_join_link = (JOIN_LINK, "") in used
        self._join_link = join_link if self.has_join_link else None
        self._service = _Fields("service", service).of(service)
        self._visitor = _Fields("visitor", self.visitor_fields)
        self._longest = LONGEST_WITH_FILE if has_file else LONGEST_MESSAGE
        self._text = text
        self._template = guarded(lambda: _environment().from_string(text)) if has_fields(text) else None
        self._try_out()

    def render(self, visitor: Values) -> str:
        """The message to one person; raises FieldMissing, EmptyMessage, MessageTooLong or BrokenTemplate.

        A field's value is never read as a text with fields itself.
        """
        text = guarded(lambda: self._joined(self._pieces(visitor)))
        if not text.strip():
            raise EmptyMessage("The text is empty for this person: write something that depends on no field.")
        return text

    def _try_out(self) -> None:
        """Raise what is wrong whatever the person: a number and a text that are added, for instance."""
        for value in ("1", None):
            with suppress(FieldMissing, EmptyMessage, MessageTooLong):
                self.render(dict.fromkeys(VISITOR_FIELDS, value))

    def _pieces(self, visitor: Values) -> Iterable[str]:
        if self._template is None:
            return (self._text,)
        values: dict[str, Any] = {"service": self._service, "visitor": self._visitor.of(visitor)}
        if self._join_link:
            values[JOIN_LINK] = self._join_link(visitor)
        # Template.render rewrites the traceback of every error, which takes longer than the rendering.
        return self._template.root_render_func(self._template.new_context(values))

    def _joined(self, pieces: Iterable[str]) -> str:
        text = ""
        for piece in pieces:
            text += piece
            if len(text) > self._longest:
                raise MessageTooLong(f"The message has more than {self._longest:,} characters: shorten the text.")
        return text


class _Missing(str):
    """The name of a field without a value: false, equal to nothing, neither smaller nor larger, in nothing.

    A text only so that it may be looked for in one; it begins with a character that no text has.
    """

    __slots__ = ()

    def __str__(self) -> NoReturn:
        raise FieldMissing(self[1:])

    def __add__(self, _: object) -> NoReturn:
        raise FieldMissing(self[1:])

    __radd__ = __add__

    def __bool__(self) -> bool:
        return False

    def __eq__(self, _: object) -> bool:
        return False

    __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __eq__
    __hash__ = str.__hash__


class _Fields:
    """Some fields of a service or of a person, each with its value or as missing."""

    def __init__(self, name: str, keys: Iterable[str]) -> None:
        self._missing = {key: _Missing(f"\0{name}.{key}") for key in keys}

    def of(self, values: Values) -> dict[str, str]:
        """Each cut where the message is too long anyway, so that a text is soon done with any."""
        given = {key: (values.get(key) or "")[: LONGEST_MESSAGE + 1] for key in self._missing}
        return {key: value if value.strip() else self._missing[key] for key, value in given.items()}


@lru_cache
def _environment() -> Environment:
    """The sandbox of all texts; a condition without `else` prints nothing, and filters let pass what is missing."""
    sandbox = environment().overlay(undefined=Undefined)
    sandbox.filters = {
        name: each if name == "default" else _letting_pass(each) for name, each in environment().filters.items()
    }
    return sandbox


def _letting_pass(apply: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(apply)
    def applied(*args: Any, **options: Any) -> Any:
        missing = next((each for each in args if isinstance(each, _Missing)), None)
        return apply(*args, **options) if missing is None else missing

    return applied
