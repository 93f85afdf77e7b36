"""A text with fields in it, such as `{{ service.label }}`, made into the one that goes out. Pure."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaign.errors import NotPossible

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
