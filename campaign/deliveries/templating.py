"""Texts with fields such as `{{ visitor.full_name }}`, rendered for each person. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import lru_cache, wraps
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn, TypeVar

from jinja2 import Template, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaign.consent.opt_out import opt_out_line_of, with_leave_link, with_opt_out_line
from campaign.errors import NotPossible
from campaign.formatting import without_remarks
from campaign.x.text import is_blank
from campaign.x.types import LONGEST_MESSAGE
from models import Service

LONGEST = 30_000
"""Characters of a text, before and after: more than the longest post and the longest direct message."""
LONGEST_WITH_FILE = LONGEST_MESSAGE - len(" https://t.co/0123456789")
"""X adds a link for the file."""

JOIN_LINK = "join_link"
"""The field of an invitation that becomes the address at which a person may become a contact."""
VISITOR_FIELDS = ("full_name", "username", "external_id", "followers_count", "verified", "location")
Fields = Mapping[str, Mapping[str, str] | str]
"""Names with their fields, such as `service` with its label; and fields that stand alone, such as `join_link`."""
Values = Mapping[str, str | None]
"""The fields of a service or a person. None or blank is missing: X did not say, or `verified` is not so."""
JoinLink = Callable[[Values], str]
"""Makes the address at which a person may become a contact."""
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
_WHOLE_NUMBER = re.compile(r"\s*-?[0-9]{1,18}\s*")


class UnknownField(NotPossible):
    """The text names a field that does not exist."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        remedy = f"write one of {', '.join(known) or 'none, there are no fields'}"
        if name == JOIN_LINK:
            remedy = "only an invitation has it, which the workflow contact-acquisition composes"
        super().__init__(f"There is no field {name}: {remedy}.")
        self.name = name
        self.known = known


class BrokenTemplate(NotPossible):
    """The text cannot be read as one with fields."""


class FieldMissing(NotPossible):
    """The text prints a field that is missing."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not known: write {{{{ {name} | default('something else') }}}}.")
        self.name = name


class EmptyMessage(NotPossible):
    """With the fields of this person the message is empty."""


class MessageTooLong(NotPossible):
    """With the fields of this person the text is longer than X takes."""


class _Type(StrEnum):
    TEXT = "text"
    NUMBER = "a number"
    FLAG = "true or false"
    NONE = "none"


_TYPES = {"visitor.followers_count": _Type.NUMBER, "visitor.verified": _Type.FLAG}
"""Of the fields that are not text."""
_CONSTANTS = {bool: _Type.FLAG, int: _Type.NUMBER, float: _Type.NUMBER, type(None): _Type.NONE}


class _Read(NamedTuple):
    """A text as it was read: None where it is only what is written; and the fields it uses, with dots."""

    template: Template | None
    used: frozenset[str]


def render(text: str, fields: Fields) -> str:
    """Fills in the fields of a text; raises UnknownField or BrokenTemplate in one sentence.

    A field's value is never read as a text with fields itself.
    """
    template = _read(text, _dotted(fields)).template
    if template is None:
        return text
    values = {
        name: of if isinstance(of, str) else {key: "" if is_blank(value) else value for key, value in of.items()}
        for name, of in fields.items()
    }
    rendered, pieces = "", guarded(lambda: template.generate(**values))
    while (piece := guarded(lambda: next(pieces, None))) is not None:
        rendered += piece
        if len(rendered) > LONGEST:
            raise BrokenTemplate(f"The text with its fields has more than {LONGEST:,} characters: shorten it.")
    return rendered


def _dotted(fields: Mapping[str, Iterable[str] | str]) -> tuple[str, ...]:
    return tuple(
        each
        for name, of in fields.items()
        for each in ([name] if isinstance(of, str) else (f"{name}.{key}" for key in of))
    )


@lru_cache(128)
def _read(text: str, known: tuple[str, ...]) -> _Read:
    """Reads a text; raises UnknownField or BrokenTemplate in one sentence."""
    if not any(sign in text for sign in ("{{", "{%", "{#")):
        return _Read(None, frozenset())
    if len(text) > LONGEST:
        raise BrokenTemplate(f"The text has {len(text):,} characters; shorten it to {LONGEST:,} at most.")
    tree = guarded(lambda: _environment().parse(text))
    used, waiting = set[str](), list[nodes.Node]([tree])
    while waiting:
        node = waiting.pop()
        children = [*node.iter_child_nodes()]
        _check_allowed(node)
        if isinstance(node, nodes.Getattr | nodes.Getitem):
            children, name = [], _name_of(node)
            if name is None:
                raise BrokenTemplate(
                    f"Line {node.lineno} of the text asks for a part of a field: use whole fields only."
                )
            used.add(name)
        elif isinstance(node, nodes.Name):
            used.add(node.name)
        if unknown := used.difference(known):
            raise UnknownField(unknown.pop(), known)
        waiting += reversed(children)
    guarded(lambda: _type_of(tree))
    return _Read(guarded(lambda: _environment().from_string(tree)), frozenset(used))


def _check_allowed(node: nodes.Node) -> None:
    if not isinstance(node, _ALLOWED):
        label = type(node).__name__.lower()
        raise BrokenTemplate(f"Line {node.lineno} of the text has a {label}: use only fields, conditions and filters.")
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        known = ", ".join(_FILTERS)
        raise BrokenTemplate(f"Line {node.lineno} of the text has the unknown filter {node.name}: use one of {known}.")


def _name_of(node: nodes.Getattr | nodes.Getitem) -> str | None:
    key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
    is_field = isinstance(node.node, nodes.Name) and isinstance(key, str)
    return f"{node.node.name}.{key}" if is_field else None  # type: ignore[attr-defined]


def _type_of(node: nodes.Node) -> _Type | None:
    """Returns the type of an expression, None where it may have several; raises BrokenTemplate for a wrong comparison.

    A whole number in quotes beside a number is read as one.
    """
    types = [_type_of(child) for child in node.iter_child_nodes()]
    if isinstance(node, nodes.Const):
        return _CONSTANTS.get(type(node.value), _Type.TEXT)
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        return _TYPES.get(_name_of(node) or "", _Type.TEXT)
    if isinstance(node, nodes.Compare):
        _check_comparisons(node, types)
        return _Type.FLAG
    if isinstance(node, nodes.Filter) and node.name != "default":
        return _Type.NUMBER if node.name == "length" else _Type.TEXT
    if isinstance(node, nodes.Not | nodes.Concat | nodes.Name):
        return _Type.FLAG if isinstance(node, nodes.Not) else _Type.TEXT
    if isinstance(node, nodes.CondExpr):
        types = types[1:]
    is_one = len(set(types)) == 1
    if isinstance(node, nodes.Add) and not is_one and None not in types:
        raise BrokenTemplate(f"Line {node.lineno} of the text adds {types[0]} and {types[1]}: join them with ~.")
    return types[0] if is_one else None


def _check_comparisons(node: nodes.Compare, types: list[_Type | None]) -> None:
    sides: list[nodes.Compare | nodes.Operand] = [node, *node.ops]
    for first, second in pairwise(range(len(sides))):
        for place, beside in ((first, second), (second, first)):
            written = sides[place].expr
            is_number = isinstance(written, nodes.Const) and _WHOLE_NUMBER.fullmatch(str(written.value))
            if is_number and types[beside] is _Type.NUMBER:
                sides[place].expr, types[place] = nodes.Const(int(written.value)), _Type.NUMBER  # type: ignore[attr-defined]
        left, right, operator = types[first], types[second], node.ops[first].op
        is_text_needed = operator in {"in", "notin"} and {left, right} != {_Type.TEXT}
        has_no_order = left is _Type.FLAG and operator not in {"eq", "ne"}
        if left is not right or left is None or is_text_needed or has_no_order:
            raise BrokenTemplate(_wrong_comparison((sides[first].expr, sides[second].expr), node.lineno, {left, right}))


def _wrong_comparison(sides: Iterable[nodes.Node], line: int, types: Collection[_Type | None]) -> str:
    fields = [
        name
        for side in sides
        for field in (side, *side.find_all((nodes.Getattr, nodes.Getitem)))
        if isinstance(field, nodes.Getattr | nodes.Getitem) and (name := _name_of(field))
    ]
    # A field that is not text is what a comparison is usually wrong about.
    name = next((each for each in fields if each in _TYPES), fields[0] if fields else "")
    if not name:
        return f"Line {line} of the text compares values of different types: write both as text, or both as numbers."
    if _Type.NONE in types:
        return f"A field is never none: to ask whether {name} is known, write {{% if {name} %}}."
    match _TYPES.get(name):
        case _Type.NUMBER:
            return f"{name} is a number: compare it with one, such as {name} > 100."
        case _Type.FLAG:
            return f"{name} is true or false: write {{% if {name} %}} or {{% if not {name} %}}."
        case _:
            return f"{name} is text: compare it with text in quotes, such as {name} == '100'."


def guarded(step: Callable[[], _T]) -> _T:
    """Returns what the step returns; any error of Jinja or Python becomes one sentence without their insides."""
    try:
        return step()
    except TemplateSyntaxError as error:
        reason = (error.message or "it cannot be read").rstrip(".")
        if "end of comment" in reason:
            reason = "a remark begins with {# and does not end: close it with #}, or write {{ '{#' }} for the two signs"
        raise BrokenTemplate(f"Line {error.lineno} of the text is not right: {reason}.") from None
    except (TemplateError, ArithmeticError, AssertionError, AttributeError, TypeError, ValueError, LookupError):
        raise BrokenTemplate("The text asks for something that cannot be done with a field's value.") from None
    except (RecursionError, MemoryError, SyntaxError):
        raise BrokenTemplate("The text has too many conditions or brackets inside each other.") from None


class _Environment(ImmutableSandboxedEnvironment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        """Returns a field, also when it is called like something that every Python mapping has: keys, items."""
        return obj[attribute]


@lru_cache
def _environment() -> _Environment:
    """Returns the sandbox of all texts: nothing to call, few filters; a condition without `else` prints nothing."""
    sandbox = _Environment(
        undefined=Undefined,
        autoescape=False,  # a post is no HTML: X shows what is written
        keep_trailing_newline=True,
    )
    sandbox.globals.clear()
    sandbox.policies["truncate.leeway"] = 0
    sandbox.filters = {name: _letting_pass(sandbox.filters[name]) for name in _FILTERS}
    # A field that is there and empty is the usual case, and Jinja's own filter leaves it empty; zero is a number.
    sandbox.filters["default"] = lambda value, instead="": value if value or type(value) is int else instead
    return sandbox


def _letting_pass(apply: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a filter for texts take numbers too, and return what is missing unchanged."""

    @wraps(apply)
    def applied(*args: Any, **options: Any) -> Any:
        missing = next((each for each in args if isinstance(each, _Missing)), None)
        if missing is not None:
            return missing
        first = next((place for place, each in enumerate(args) if isinstance(each, int | float | str)), len(args))
        return apply(*args[:first], *map(str, args[first : first + 1]), *args[first + 1 :], **options)

    return applied


class _Missing(str):
    """The name of a field without a value: false, equal to a blank text only, neither smaller nor larger than any.

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and is_blank(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, _: object) -> bool:
        return False

    __gt__ = __le__ = __ge__ = __contains__ = __lt__
    __hash__ = str.__hash__


class _NotTrue(_Missing):
    """A flag that is not set: equal to false, and missing when it is printed."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return not other

    def __ne__(self, other: object) -> bool:
        return bool(other)

    __hash__ = str.__hash__


class _True(str):
    """A flag that is set: equal to true, and printed as it is."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return bool(other)

    def __ne__(self, other: object) -> bool:
        return not other

    __hash__ = str.__hash__


def _typed(name: str, value: str | None) -> Any:
    """Returns the value of a field by its type, or that it is missing.

    A text is cut where the message is too long anyway, so that it is soon done with any.
    """
    found, field_type = (value or "")[: LONGEST_MESSAGE + 1], _TYPES.get(name, _Type.TEXT)
    if field_type is _Type.FLAG:
        return _NotTrue(f"\0{name}") if is_blank(found) else _True(found)
    if is_blank(found):
        return _Missing(f"\0{name}")
    if field_type is _Type.NUMBER:
        return int(found) if _WHOLE_NUMBER.fullmatch(found) else _Missing(f"\0{name}")
    return found


class MessageText:
    """A text with fields of the service and of a person, read once.

    A field that is missing is false in a condition, gives way to `default`, and cannot be printed. With `join_link`,
    which makes the link of a person, the text has that field too.
    """

    visitor_fields: frozenset[str]
    """The fields of the person that the text uses, be it in a condition."""

    def __init__(
        self, text: str, service: Values, *, has_file: bool = False, join_link: JoinLink | None = None
    ) -> None:
        """Reads the text; raises UnknownField or BrokenTemplate in one sentence."""
        standing_alone = {JOIN_LINK: ""} if join_link else {}
        known = _dotted({"service": service, "visitor": VISITOR_FIELDS, **standing_alone})
        self._template, used = _read(text, known)
        self.visitor_fields = frozenset(name.removeprefix("visitor.") for name in used if name.startswith("visitor."))
        self.has_join_link = JOIN_LINK in used
        self._join_link = join_link if self.has_join_link else None
        self._service = {key: _typed(f"service.{key}", value) for key, value in service.items()}
        self._longest = LONGEST_WITH_FILE if has_file else LONGEST_MESSAGE
        self._text = text
        # Raises what is wrong for every person, such as a filter with a wrong argument.
        for value in ("1", None):
            with suppress(FieldMissing, EmptyMessage, MessageTooLong):
                self.render(dict.fromkeys(VISITOR_FIELDS, value))

    def render(self, visitor: Values) -> str:
        """Writes the message to one person; raises FieldMissing, EmptyMessage, MessageTooLong or BrokenTemplate.

        A field's value is never read as a text with fields itself.
        """
        text = guarded(lambda: self._join(self._pieces(visitor)))
        if is_blank(text):
            raise EmptyMessage("The text is empty for this person: write something that depends on no field.")
        return text

    def _pieces(self, visitor: Values) -> Iterator[str]:
        if self._template is None:
            return iter((self._text,))
        person = {key: _typed(f"visitor.{key}", visitor.get(key)) for key in self.visitor_fields}
        values: dict[str, Any] = {"service": self._service, "visitor": person}
        if self._join_link:
            values[JOIN_LINK] = self._join_link(visitor)
        # Template.render rewrites the traceback of every error, which takes longer than the rendering.
        return self._template.root_render_func(self._template.new_context(values))

    def _join(self, pieces: Iterator[str]) -> str:
        text = ""
        for piece in pieces:
            text += piece
            if len(text) > self._longest:
                raise MessageTooLong(f"The message has more than {self._longest:,} characters: shorten the text.")
        return text


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
        leave_link: JoinLink | None = None,
    ) -> None:
        """Reads the text; raises UnknownField or BrokenTemplate in one sentence."""
        self._text = MessageText(text, service, has_file=has_file, join_link=join_link)
        self._longest = LONGEST_WITH_FILE if has_file else LONGEST_MESSAGE
        written = without_remarks(text)
        self._leave_link = leave_link
        line = opt_out_line_of(opt_out_line, with_link=leave_link is not None)
        # Added after rendering, so that a text which is empty for one person is not sent as this line alone.
        with_line = "" if is_blank(written) else with_opt_out_line(written, line, words)
        self._ending = with_line.removeprefix(written.rstrip())
        self.visitor_fields = self._text.visitor_fields
        """The fields of the person that the text uses."""
        self.has_join_link = self._text.has_join_link

    def render(self, person: Values) -> str:
        """Writes the message to one person; raises the errors of MessageText.render."""
        ending = self._ending
        if self._leave_link:
            ending = with_leave_link(ending, self._leave_link(person))
        message = self._text.render(person).rstrip() + ending.rstrip()
        if len(message) > self._longest:
            raise MessageTooLong(f"The message has more than {self._longest:,} characters: shorten the text.")
        return message


def service_fields(service: Service) -> dict[str, str]:
    """Returns the fields of `service` in a text."""
    return {
        "label": service.label,
        "internal_name": service.internal_name,
        "name": service.x_name or service.label,
        "username": service.x_username or service.internal_name,
    }
