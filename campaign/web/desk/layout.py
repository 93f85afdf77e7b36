"""The pages of the desk as HTML: templates in the person's language, local times, the style sheet and htmx."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from gettext import GNUTranslations, NullTranslations
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, negotiate_locale
from babel.dates import format_datetime, get_day_names
from babel.lists import format_list
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.units import format_unit
from jinja2 import ChoiceLoader, Environment, PackageLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from campaign.formatting import usd
from campaign.reporting.html import environment
from campaign.web.security import policy
from models import Delivery, DeliveryKind, DeliveryState, Role

SOURCE = "en"
"""The language in which templates are written."""
_FOLDER = files("campaign.web.desk")
#: htmx and what it asks for come from us alone; it adds no style and evaluates no text.
_OWN = "; script-src 'self'; connect-src 'self'; media-src 'self'"
PICTURES = "https://pbs.twimg.com"
"""Where X keeps the pictures of accounts."""
#: How a sentence about a part goes on after its name.
_VERBS = frozenset({"costs", "has", "is", "names", "says", "shows", "weighs"})
_UNIT = re.compile(r"([\d,]+) (day|hour|minute|second)s?")
_PIECE = re.compile(r"[^,;()\s][^,;()]*[^,;()\s]")
_LENGTH = re.compile(f"{_UNIT.pattern}(?: {_UNIT.pattern})?")
_MOMENT = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d)(:\d\d)? UTC\b")
_A_YEAR = "public, max-age=31536000, immutable"
_TYPES = {"css": "text/css", "js": "text/javascript"}


@cache
def languages() -> list[str]:
    """Returns the languages of the pages: the source's, and each for which there is a catalogue."""
    return [SOURCE, *sorted(folder.name for folder in (_FOLDER / "locales").iterdir() if folder.is_dir())]


def choose_language(wanted: str, accepted: str) -> str:
    """Returns the wanted language where there is one of ours, else the first of ours that the browser accepts."""
    if wanted in languages():
        return wanted
    asked = [part.split(";")[0].strip() for part in accepted.split(",")]
    return negotiate_locale([one for one in asked if one], languages(), sep="-") or SOURCE


@cache
def _catalogue(language: str) -> Catalog:
    """Reads the catalogue of a language, a text file that translators edit."""
    with (_FOLDER / "locales" / language / "desk.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def translations(language: str) -> NullTranslations:
    """Returns the texts of a language."""
    if language == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, _catalogue(language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def local_time(moment: datetime, zone: tzinfo | str, language: str = SOURCE) -> str:
    """Writes a moment in a zone, which it names: Thu 26 Nov 2026, 07:30 (Europe/Brussels)."""
    import pendulum

    local = pendulum.instance(moment).in_timezone(str(zone))
    written = format_datetime(local, "EEE d MMM y, HH:mm", locale=Locale.parse(language))
    return f"{written} ({local.timezone_name})"


def with_local_times(text: str, zone: str) -> str:
    """Writes the moments of a sentence of the program in a zone: 2026-11-26 07:30 UTC becomes 2026-11-26 08:30 CET."""

    def local(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        return f"{moment:%Y-%m-%d %H:%M}{found[2] or ''} {moment:%Z}"

    return _MOMENT.sub(local, text)


def _duration(length: timedelta, language: str) -> str:
    """Writes a length of time in its two largest units: 1 day, 3 hours."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    counts = {"day": days, "hour": hours, "minute": minutes, "second": seconds}
    units = [format_unit(count, f"duration-{name}", locale=language) for name, count in counts.items() if count]
    return format_list(units[:2] or [format_unit(0, "duration-second", locale=language)], "unit", locale=language)


@cache
def _environment(language: str) -> Environment:
    loader = ChoiceLoader([PackageLoader("campaign.web.desk"), PackageLoader("campaign.reporting")])
    ours = environment.overlay(loader=loader, extensions=["jinja2.ext.i18n"])
    # An overlay shares these with all others.
    ours.globals, ours.filters = dict(environment.globals), dict(environment.filters)
    catalogue = translations(language)
    ours.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    ours.filters |= {
        "local": lambda moment, zone: local_time(moment, zone, language),
        "usd": usd,
        "state": lambda delivery: catalogue.gettext(label_of(delivery)),
        "translated": lambda text: gettext(language, text),
        "program": lambda text, zone: with_local_times(gettext(language, text), zone),
        "weekday": lambda number: get_day_names("wide", "stand-alone", Locale.parse(language))[number],
        "duration": lambda length: _duration(length, language),
        "number": lambda number: format_decimal(number, locale=language),
    }
    ours.globals |= {
        "static": _address,
        "language": language,
        "languages": languages(),
        "language_name": lambda code: Locale.parse(code).get_display_name(code),
        "Role": Role,
        "DeliveryKind": DeliveryKind,
        "PICTURES": PICTURES,
    }
    return ours


def N_(text: str) -> str:  # noqa: N802  # the name under which Babel finds texts to translate
    """Marks a text for translation."""
    return text


LABELS: dict[DeliveryState, str] = {
    DeliveryState.BEING_EDITED: N_("Draft"),
    DeliveryState.ANALYSED: N_("Waits for approval"),
    DeliveryState.CONFIRMED: N_("Approved"),
    DeliveryState.IN_PROGRESS: N_("Going out"),
    DeliveryState.FINISHED: N_("Finished"),
    DeliveryState.PAUSED: N_("Paused"),
    DeliveryState.STOPPED: N_("Stopped"),
    DeliveryState.FAILED: N_("Failed"),
    DeliveryState.EXPIRED: N_("Expired"),
}
"""What the desk calls the states of a delivery."""


def label_of(delivery: Delivery) -> str:
    """Returns what the desk calls the state of a delivery: it waits for approval once a person has asked for that."""
    if delivery.state is DeliveryState.ANALYSED and delivery.asked_at is None:
        return N_("Ready for approval")
    return LABELS[delivery.state]


ROLES: dict[Role, str] = {
    Role.VIEWER: N_("viewer"),
    Role.WRITER: N_("writer"),
    Role.APPROVER: N_("approver"),
    Role.OPERATOR: N_("operator"),
}
"""What the desk calls the roles."""
FOREIGN_FORM = N_(
    "The form came from another page, or from a session that has ended. Open the page again and repeat it."
)
NO_TEXT = N_("A field holds a character that no text has. Type it again.")
UNKNOWN = N_("There is no such page, or it belongs to an account that you may not see.")
_FORBIDDEN = N_("This needs the role %(role)s; an operator can give it to you under Users.")


def page(
    template: str, language: str, status: int = 200, *, posts_to: Sequence[str] = (), **facts: Any
) -> HTMLResponse:
    """Renders a page, which extends `desk.html.jinja`; its forms may end at the origins `posts_to` too."""
    text = _environment(language).get_template(template).render(**facts)
    headers = {"Content-Security-Policy": policy(posts_to, shows_from=[PICTURES], more=_OWN), "Vary": "HX-Request"}
    return HTMLResponse(text, status, headers)


def gettext(language: str, text: str) -> str:
    """Translates a text that was marked with `N_`; another one stays as it is.

    In a template this is the filter `translated`: `_()` is for its own texts only, which it takes for HTML with fields
    at per cent signs.
    """
    # What belongs to no text is the head of a catalogue.
    found = translations(language).gettext(text) if text else ""
    return found if found != text or " " not in text else _fill_in(language, text)


@cache
def _sentences(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Returns the sentences of a catalogue that the program writes with fields; those with most words come first."""
    if language == SOURCE:
        return []
    found = []
    pairs = [(str(one.id), str(one.string)) for one in _catalogue(language) if one.id and not one.pluralizable]
    texts = [(english.strip(" ,;()"), translation.strip(" ,;()")) for english, translation in pairs]
    for english, translation in texts:
        is_of_part = english.partition(" ")[0] in _VERBS
        if "{1}" in english or is_of_part:
            where = r"(?P<where>(?:The post|Part \d+ of \d+)(?: on .+?)?) " if is_of_part else ""
            fields = re.sub(r"\\\{(\d)\\\}", r"(?P<f\1>.*?)", re.escape(english))
            found.append(
                (len(english), re.compile(f"(?:{where})?{fields}" if where else fields, re.DOTALL), translation)
            )
    return [(pattern, translation) for _, pattern, translation in sorted(found, key=lambda one: -one[0])]


def _in_pieces(language: str, text: str) -> str:
    """Translates a field of a sentence: as a whole, else the pieces of a list."""
    whole = gettext(language, text)
    return whole if whole != text else _PIECE.sub(lambda piece: gettext(language, piece[0]), text)


def _fill_in(language: str, text: str) -> str:
    """Translates a sentence of the program, which has its fields filled in; another text stays as it is."""
    if length := _LENGTH.fullmatch(text):
        units = {f"{unit}s": int(count.replace(",", "")) for count, unit in _UNIT.findall(length[0])}
        return _duration(timedelta(**units), language) if language != SOURCE else text
    for pattern, translation in _sentences(language):
        if found := pattern.fullmatch(text):
            fields = {name: _in_pieces(language, value or "") for name, value in found.groupdict().items()}
            filled = re.sub(r"\{(\d)\}", lambda field: f"%(f{field[1]})s", translation.replace("%", "%%")) % fields
            return f"{fields['where']} {filled}" if "where" in fields else filled
    return text


def forbidden(role: Role, language: str) -> str:
    """Returns the sentence for a person whose role is too low."""
    return gettext(language, _FORBIDDEN) % {"role": gettext(language, ROLES[role])}


@cache
def _static() -> dict[str, bytes]:
    ours = {file.name: file.read_bytes() for file in (_FOLDER / "static").iterdir()}
    templates = files("campaign.reporting") / "templates"
    ours["desk.css"] += (templates / "wide.css").read_bytes()
    # Inside another rule (CSS nesting) the style of previews counts only there: the page around it keeps its own.
    preview = (templates / "preview.css").read_text().replace(":root", "&")
    return ours | {"preview.css": f".preview {{\n{preview}}}\n".encode()}


def _address(name: str) -> str:
    """Returns the address of a file of the desk, which changes with what is in it."""
    return f"/desk/static/{name}?{sha256(_static()[name]).hexdigest()[:12]}"


async def _file(request: Request) -> Response:
    content = _static().get(name := request.path_params["name"])
    if content is None:
        raise HTTPException(404)
    return Response(content, media_type=_TYPES[name.rsplit(".", 1)[1]], headers={"Cache-Control": _A_YEAR})


def routes() -> Sequence[Route]:
    """Returns the route of the style sheet and of htmx, which everybody may read."""
    return [Route("/desk/static/{name}", _file)]
