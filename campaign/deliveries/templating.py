"""Texts with fields such as `{{ visitor.full_name }}`, rendered for each person. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache, wraps
from typing import Any, NoReturn, TypeVar

from jinja2 import Environment, StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaign.consent.opt_out import with_opt_out_line
from campaign.errors import NotPossible
from campaign.x.types import LONGEST_MESSAGE
from models import Service

LONGEST = 30_000
"""Characters of a text, before and after: more than the longest post and the longest direct message."""

JOIN_LINK = "join_link"
"""The field of an invitation that becomes the address at which a person may become a contact."""
Fields = Mapping[str, Mapping[str, str] | str]
"""Names with their fields, such as `service` with its label; and fields that stand alone, such as `join_link`."""
_T = TypeVar("_T")

# What a text may be made of: fields, words and numbers, conditions, filters. Nothing that repeats, calls, assigns or
# multiplies, so that a text is at most its own length times that of its fields and is done at once.
# fmt: off
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const, nodes.If,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Filter,
    nodes.Keyword,
)
# fmt: on
_FILTERS = ("capitalize", "default", "length", "lower", "title", "trim", "truncate", "upper")


class UnknownField(NotPossible):
    """The text names a field that there is not."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        remedy = f"write one of {', '.join(known) or 'none, there are no fields'}"
        if name == JOIN_LINK:
            remedy = "only an invitation has it, which the workflow contact-acquisition composes"
        super().__init__(f"There is no field {name}: {remedy}.")
        self.name = name
        self.known = known


class BrokenTemplate(NotPossible):
    """The text cannot be read as one with fields."""


def render(text: str, fields: Fields) -> str:
    """The text with its fields filled in; raises UnknownField or BrokenTemplate in one sentence.

    A field's value is never read as a text with fields itself.
    """
    if not has_fields(text):
        return text
    fields_of(text, fields)
    return _limited(guarded(lambda: _compile(text)), fields)


def has_fields(text: str) -> bool:
    """Whether a text is more than what is written."""
    return "{{" in text or "{%" in text


def fields_of(text: str, known: Fields) -> frozenset[tuple[str, str]]:
    """The fields that a text uses, as (service, label), one that stands alone as (join_link, "").

    Raises UnknownField or BrokenTemplate in one sentence.
    """
    if len(text) > LONGEST:
        raise BrokenTemplate(f"The text has {len(text):,} characters; shorten it to {LONGEST:,} at most.")
    tree = guarded(lambda: environment().parse(text))
    return frozenset(field for node in _all(tree) for field in _checked(node, known))


class _Environment(ImmutableSandboxedEnvironment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field, also when it is called like something that every Python mapping has: keys, items."""
        return obj[attribute]


@lru_cache
def environment() -> ImmutableSandboxedEnvironment:
    """The sandbox in which texts are filled in: nothing to call, and few filters."""
    sandbox = _Environment(
        undefined=StrictUndefined,
        autoescape=False,  # a post is no HTML: X shows what is written
        keep_trailing_newline=True,
    )
    sandbox.globals.clear()
    sandbox.policies["truncate.leeway"] = 0
    sandbox.filters = {name: sandbox.filters[name] for name in _FILTERS}
    # A field that is there and empty is the usual case, and Jinja's own filter leaves it empty.
    sandbox.filters["default"] = lambda value, instead="": value or instead
    return sandbox


def guarded(step: Callable[[], _T]) -> _T:
    """What the step returns; whatever it fails with becomes one sentence without the insides of Python."""
    try:
        return step()
    except TemplateSyntaxError as error:
        reason = (error.message or "it cannot be read").rstrip(".")
        raise BrokenTemplate(f"Line {error.lineno} of the text is not right: {reason}.") from None
    except (TemplateError, ArithmeticError, AssertionError, AttributeError, TypeError, ValueError, LookupError):
        raise BrokenTemplate("The text asks for something that cannot be done with a field's value.") from None
    except (RecursionError, MemoryError, SyntaxError):
        raise BrokenTemplate("The text has too many conditions or brackets inside each other.") from None


@lru_cache(128)
def _compile(text: str) -> Template:
    return environment().from_string(text)


def _all(tree: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed([*node.iter_child_nodes()])


def _checked(node: nodes.Node, fields: Fields) -> Iterator[tuple[str, str]]:
    """Raise what is wrong with one piece of a text, or give the field that it is."""
    if not isinstance(node, _ALLOWED):
        word = type(node).__name__.lower()
        raise BrokenTemplate(f"Line {node.lineno} of the text has a {word}: use only fields, conditions and filters.")
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        known = ", ".join(_FILTERS)
        raise BrokenTemplate(f"Line {node.lineno} of the text has the unknown filter {node.name}: use one of {known}.")
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        yield _checked_field(node, fields)
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Name) and not isinstance(node, nodes.Getattr | nodes.Getitem):
            yield _checked_name(child, fields)


def _checked_name(node: nodes.Name, fields: Fields) -> tuple[str, str]:
    if not isinstance(fields.get(node.name), str):
        raise UnknownField(node.name, _known(fields))
    return node.name, ""


def _checked_field(node: nodes.Getattr | nodes.Getitem, fields: Fields) -> tuple[str, str]:
    key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
    if not isinstance(node.node, nodes.Name) or not isinstance(key, str):
        raise BrokenTemplate(f"Line {node.lineno} of the text asks for a part of a field: use whole fields only.")
    known = fields.get(node.node.name, {})
    if isinstance(known, str) or key not in known:
        raise UnknownField(f"{node.node.name}.{key}", _known(fields))
    return node.node.name, key


def _known(fields: Fields) -> tuple[str, ...]:
    return tuple(
        each
        for name, of in fields.items()
        for each in ([name] if isinstance(of, str) else (f"{name}.{key}" for key in of))
    )


def _limited(template: Template, fields: Fields) -> str:
    values = {name: of if isinstance(of, str) else dict(of) for name, of in fields.items()}
    rendered, pieces = "", guarded(lambda: template.generate(**values))
    while (piece := guarded(lambda: next(pieces, None))) is not None:
        rendered += piece
        if len(rendered) > LONGEST:
            raise BrokenTemplate(f"The text with its fields has more than {LONGEST:,} characters: shorten it.")
    return rendered


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


class BroadcastText:
    """The text of a broadcast on one service, read once."""

    def __init__(
        self,
        text: str,
        service: Values,
        opt_out_line: str,
        words: Collection[str],
        *,
        has_file: bool = False,
        join_link: JoinLink | None = None,
    ) -> None:
        """Read the text; raises UnknownField or BrokenTemplate in one sentence."""
        self._text = MessageText(text, service, has_file=has_file, join_link=join_link)
        self._longest = LONGEST_WITH_FILE if has_file else LONGEST_MESSAGE
        # Added after rendering, so that a text which is empty for somebody is not sent as this line alone.
        self._ending = with_opt_out_line(text, opt_out_line, words).removeprefix(text.rstrip()) if text.strip() else ""
        self.visitor_fields = self._text.visitor_fields
        """The fields of the person that the text uses."""
        self.has_join_link = self._text.has_join_link

    def render(self, person: Values) -> str:
        """The message to one person; raises what MessageText.render raises."""
        message = self._text.render(person).rstrip() + self._ending.rstrip()
        if len(message) > self._longest:
            raise MessageTooLong(f"The message has more than {self._longest:,} characters: shorten the text.")
        return message


def service_fields(service: Service) -> dict[str, str]:
    """The fields of `service` in a text."""
    return {
        "label": service.label,
        "internal_name": service.internal_name,
        "name": service.x_name or service.label,
        "username": service.x_username or service.internal_name,
    }
