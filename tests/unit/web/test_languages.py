"""The languages of the desk: each text has its translation, and a person's input is never taken for HTML."""

import ast
import re
import tomllib
from datetime import date
from decimal import Decimal
from functools import cache

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from campaign.reporting.charts import Chart, drawn
from campaign.reporting.document import Document, Piece, Post, Rate, Section
from campaign.reporting.html import as_page
from campaign.settings import ROOT
from campaign.web.desk import access, wording
from campaign.web.desk.documents import localised
from campaign.x import error_table

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


@pytest.mark.parametrize(
    ("english", "dutch"),
    [
        (
            "There is no segment 'Big'; `campaign segment list` shows them.",
            "Er is geen segment 'Big'; `campaign segment list` toont ze.",
        ),
        (
            "Consumer key is missing. Also called API key. Spend cap cannot be 'x': input should be a valid decimal.",
            "ontbreekt. Heet ook API key. Uitgavenlimiet kan niet 'x' zijn: de waarde moet een getal zijn.",
        ),
        (
            "X does not permit POST /2/tweets: You are not. The operator tops up the credits in the developer console.",
            "X staat POST /2/tweets niet toe: You are not. De beheerder koopt tegoed bij in de developer console.",
        ),
        (
            "Nothing was imported from a.csv: line 2: neither an X user id nor a handle; and 1,234 more lines.",
            "uit a.csv: regel 2: geen gebruikers-id van X en geen gebruikersnaam; en nog 1.234 regels.",
        ),
        (
            "Nothing was imported from a.csv: line 2: invalid X user id 'x y'; write 1 to 20 digits; line 5: no row.",
            "regel 2: ongeldig gebruikers-id van X 'x y'; schrijf 1 tot 20 cijfers; regel 5: no row.",
        ),
        (
            "Invalid operator '~' at character 10; after location write one of =, contains.",
            "Ongeldige operator '~' op plaats 10; schrijf na location een van =, contains.",
        ),
        (
            "a.png has 9,000,000 bytes or more, and an image may have at most 5,242,880 (5 MB): make it smaller.",
            "a.png heeft 9.000.000 bytes of meer, en een afbeelding mag er hoogstens 5.242.880 (5 MB) hebben",
        ),
        ("Was analysed. Rejected by ann.", "Was geanalyseerd. Teruggestuurd door ann."),
        ("Was in progress. Its validity ended; 1,200 of 3,400 messages did not go out.", "Was onderweg. De geldigheid"),
        ("Left out on @a, 62 in all: are contacts already (60), were invited before (2).", "Overgeslagen op @a"),
    ],
)
def test_errors_and_refusals_are_translated_one_by_one(english: str, dutch: str) -> None:
    assert dutch in wording.gettext("nl", english)
    assert wording.gettext("en", english) == english


def test_every_refusal_of_x_is_translated_with_its_remedy() -> None:
    of_posts = (error_table.FAILURES, error_table.POSTS, error_table.RESOURCES, error_table.READS, error_table.REST)
    of_messages = (error_table.RECIPIENTS, error_table.REPEATED_MESSAGES, error_table.MESSAGES)
    tables = (*of_posts, *of_messages, error_table.BLOCKS, error_table.SIGN_IN)
    texts_of_all = dutch_texts()
    for row in (row for table in tables for row in table):
        facts = {"endpoint": "GET /2/x", "status": 403, "retry_at": "2026-11-26 07:30:00 UTC", "detail": ": Not now"}
        said = f"{row.message.format(**facts)} {row.remedy}".strip()
        for sentence in re.split(r"(?<=\.) (?=[A-Z])", wording.gettext("nl", said)):
            assert any(one.fullmatch(sentence) for one in texts_of_all), sentence


@cache
def dutch_texts() -> list[re.Pattern[str]]:
    found = [str(message.string) for message in texts(catalogue("nl")).values() if not message.pluralizable]
    each = [sentence for text in found for sentence in re.split(r"(?<=\.) (?=[A-Z{])", text)]
    return [re.compile(re.sub(r"\\\{\w+\\\}", ".*", re.escape(one))) for one in each if one[:1] != "{"]


@pytest.mark.parametrize(
    ("english", "own"),
    [
        ("Rejected by ann. no, paused. Draft", "no, paused. Draft"),
        (
            "There is no template 'Saved. Nothing is due.'; `campaign template list` shows them.",
            "'Saved. Nothing is due.'",
        ),
        ("The segment operator exists; take another name.", "operator"),
        ("'1,234' is not a time of the day; write it like 09:30.", "'1,234'"),
        ("X cannot use the file: The text is longer.", "The text is longer"),
    ],
)
def test_what_a_person_wrote_stays_in_a_sentence(english: str, own: str) -> None:
    said = wording.gettext("nl", english)
    assert said != english
    assert own in said


def test_texts_of_a_person_are_no_labels_of_a_report() -> None:
    rows = (("3 contacts are left", "Draft one"), ("1,204 more", None))
    document = Document("Nothing is due.", "", (Section("Waves", ("Wave", "People"), rows),))
    [section] = localised(document, "nl", "UTC").sections
    assert section.rows == (("3 contacts are left", "Draft one"), ("nog 1.204", None))
    assert (section.title, section.columns) == ("Golven", ("Golf", "Mensen"))


def test_figures_follow_the_language() -> None:
    cells = (Rate(0.0325), Decimal("1234.5"), 1_204, None, date(2026, 11, 26), Rate(0.02))
    assert [wording.figure(cell, "nl") for cell in cells] == [
        "3,25%",
        "US$\xa01.234,50",
        "1.204",
        "",
        "2026-11-26",
        "2,00%",
    ]
    assert [wording.figure(cell, "en") for cell in cells] == ["3.25 %", "$1234.50", "1,204", "", "2026-11-26", "2.00 %"]


def test_the_chart_of_a_report_has_dutch_words_and_figures() -> None:
    chart = Chart("Clicks in each hour (UTC)", ("07:00", "08:00"), (("Clicks", (1_204, 2)),))
    [section] = localised(Document("", "", (Section("Clicks", chart=chart),)), "nl", "UTC").sections
    assert section.chart
    assert section.chart.alt_text == "Klikken per uur (UTC), van 07:00 tot 08:00, hoogstens 1.204"
    assert "1.200" in drawn(section.chart).decode()


def test_each_plain_error_of_the_program_is_a_text_for_translators() -> None:
    known = set(texts(extracted()))
    rooms = "audience", "broadcasts", "consent", "contacts", "deliveries", "limits", "posts", "services", "users", "x"
    for file in (file for room in rooms for file in (ROOT / "campaign" / room).glob("*.py")):
        raised = [one.exc for one in ast.walk(ast.parse(file.read_text())) if isinstance(one, ast.Raise)]
        errors = [one for one in raised if isinstance(one, ast.Call) and not re.search("Error$", ast.unparse(one.func))]
        said = [one.args[0].value for one in errors if one.args and isinstance(one.args[0], ast.Constant)]
        assert {one for one in said if isinstance(one, str) and " " in one} <= known, file


def test_the_desk_leaves_the_templates_of_reports_as_they_are() -> None:
    access.page("problem_part.html.jinja", "nl", sentence="")
    post = Post("Acme", "acme", "", 1, 1, (Piece("Hello"),), 5, 280, who_may_reply="Everyone can reply")
    page = as_page(Document("Launch", "", (post,)))
    assert "5 of 280" in page
    assert "Everyone can reply" in page


@pytest.mark.parametrize("language", wording.languages())
def test_a_sentence_from_elsewhere_stays_text(language: str) -> None:
    shown = access.page("problem_part.html.jinja", language, sentence="<b>80 % of it</b>").body
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
