"""The languages of the desk: each text has its translation, and a person's input is never taken for HTML."""

import re
import tomllib
from functools import cache

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from campaign.settings import ROOT
from campaign.web.desk import layout, wording

FOLDER = ROOT / "campaign" / "web" / "desk"
OTHERS = [one for one in wording.languages() if one != wording.SOURCE]
_PLACEHOLDER = re.compile(r"%\(\w+\)|%%|{{ \w+ }}")
#: Of a sentence of the program; "call{2}" needs no field for its s in another language.
_FIELD = re.compile(r"\{\w+")


@cache
def extracted() -> Catalog:
    """All texts of the desk, as `make languages` finds them."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(one["pattern"], one["method"]) for one in mappings]
    options = {
        one["pattern"]: {name: one[name] for name in ("extensions", "trimmed") if name in one} for one in mappings
    }
    found = Catalog()
    for name, line, text, comments, context in extract_from_dir(ROOT, methods, options):
        found.add(text, locations=[(name, line)], auto_comments=comments, context=context)
    return found


def catalogue(language: str) -> Catalog:
    with (FOLDER / "locales" / language / "desk.po").open("rb") as file:
        return read_po(file, locale=language)


def texts(found: Catalog) -> dict[object, Message]:
    return {message.id: message for message in found if message.id}


def strings(message: Message) -> list[str]:
    return [message.string or ""] if message.string is None or isinstance(message.string, str) else [*message.string]


@pytest.mark.parametrize("language", OTHERS)
def test_each_text_is_translated(language: str) -> None:
    ours = texts(catalogue(language))
    assert set(ours) == set(texts(extracted())), "run: make languages"
    assert [one.id for one in ours.values() if one.fuzzy or not all(strings(one))] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_placeholders_of_its_text(language: str) -> None:
    ours = catalogue(language)
    assert [message.id for message, _ in ours.check()] == []
    for message in texts(ours).values():
        forms = [message.id] if isinstance(message.id, str) else list(message.id)
        assert len(strings(message)) == (1 if len(forms) == 1 else ours.num_plurals), message.id
        assert set(_PLACEHOLDER.findall(forms[-1])) == set(_PLACEHOLDER.findall(strings(message)[-1])), message.id
        assert set(_FIELD.findall(strings(message)[-1])) <= set(_FIELD.findall(forms[-1])), message.id


def test_a_third_language_would_be_a_file() -> None:
    assert OTHERS == ["nl"]
    assert {file.name for file in (FOLDER / "locales" / "nl").iterdir()} == {"desk.po"}


def test_one_and_many_have_their_own_words() -> None:
    dutch = wording.translations("nl")
    one, many = "%(num)s follower", "%(num)s followers"
    assert [dutch.ngettext(one, many, count) for count in (0, 1, 2)] == [
        "%(num)s volgers",
        "%(num)s volger",
        "%(num)s volgers",
    ]


@pytest.mark.parametrize(
    ("english", "dutch"),
    [
        ("There is nothing to post: write a text.", "Er is niets om te posten: schrijf een tekst."),
        ("It takes 1 call of X's API.", "Aanroepen van de API van X: 1."),
        ("Part 2 of 3 on @acme has no text: write one, or add a file.", "Deel 2 van 3 op @acme heeft geen tekst:"),
        (
            "The post on @acme costs $0.03: the post $0.015, 1 file $0.01; deleting it later $0.005.",
            "de post US$\xa00,015",
        ),
        (
            "The post has a link (x.com) and costs $0.2 instead of $0.015, 13 times as much: remove it to save that.",
            "13 keer",
        ),
        ("1 day 2 hours", "1 dag en 2 uur"),
        (
            "A proof on @acme costs $2, and $1 of this month's spend cap is left: raise its cap, or go without.",
            "van deze",
        ),
        (
            "Of 20 recipients 3 agreed, 2 only wrote first, 15 did neither.",
            "Van 20 ontvanger(s): toestemming 3, schreef",
        ),
        (
            "Left out on @acme, 62 in all: do not follow any more (60), are contacts already (2).",
            "volgt niet meer (60), al",
        ),
        ("Nothing of this is ours.", "Nothing of this is ours."),
    ],
)
def test_a_sentence_of_the_program_is_translated_with_its_fields(english: str, dutch: str) -> None:
    assert dutch in wording.gettext("nl", english)
    assert wording.gettext("en", english) == english


@pytest.mark.parametrize("language", wording.languages())
def test_a_sentence_from_elsewhere_stays_text(language: str) -> None:
    shown = layout.page("problem_part.html.jinja", language, sentence="<b>80 % of it</b>").body
    assert b"&lt;b&gt;80 % of it&lt;/b&gt;" in bytes(shown)


def test_templates_translate_only_their_own_texts_as_html() -> None:
    # `_()` returns HTML, and takes % for a placeholder: another text goes through the filter `translated`.
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    wrong = [
        f"{file.name}:{call.lineno}"
        for file in sorted((FOLDER / "templates").iterdir())
        for call in environment.parse(file.read_text()).find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in {"_", "gettext", "ngettext"}
        if not all(isinstance(one, nodes.Const) for one in call.args[: 2 if call.node.name == "ngettext" else 1])
    ]
    assert wrong == []
