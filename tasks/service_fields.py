"""Fields of a service's form, as marketers fill them in in either UI.

One UI leaves out what is as it was by default, the other shows the default of what was left out: so it is for both
what a missing field means. A field that was emptied is null in the one and missing in the other.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

from campaign.domain.quiet_hours import parse_quiet_hours
from campaign.errors import WrongUsage
from models import ReconciledBy

DAYS = 7
"""In which the frequency cap counts, unless told otherwise."""
RECONCILIATION = "x_user_id, email"
"""What tells that a profile is a known contact's, unless told otherwise."""


def _text(given: Any) -> Any:
    return given.strip() if isinstance(given, str) else "" if given is None else given


def _line(given: str) -> str:
    return "" if given == "-" else given


# What these two raise is none of the errors that Pydantic collects: it arrives as the sentence that it is.
def _hours(given: str) -> str:
    hours = parse_quiet_hours(given)
    return f"{hours.begins:%H:%M}-{hours.ends:%H:%M}" if hours else ""


def _zone(given: str) -> str:
    try:
        return ZoneInfo(given).key if given else ""
    except (ValueError, OSError, LookupError):
        raise WrongUsage(f"The time zone {given!r} is not known: write it like Europe/Brussels or UTC.") from None


def _keys(given: str) -> str:
    keys = [key.strip().lower() for key in _line(given).split(",") if key.strip()]
    for key in keys:
        if key not in _KEYS:
            known = ", ".join(_KEYS)
            raise WrongUsage(f"A contact cannot be found by {key!r}: write some of {known}, or a dash for none.")
    return ", ".join(dict.fromkeys(keys))


_KEYS = [key.value for key in ReconciledBy if key is not ReconciledBy.NOTHING]
_TEXT = BeforeValidator(_text)
_NUMBER = BeforeValidator(lambda given: 0 if given is None else given)
_DAYS = BeforeValidator(lambda given: DAYS if given is None else given)

# A choice of one: the form would show a constant as a text to edit. A field named `type` cannot be saved there: the
# form sends its values along as if they were the schema.
ServiceType = Annotated[
    Literal["Twitter"], Field(title="Type"), WithJsonSchema({"type": "string", "enum": ["Twitter"]})
]
SpendCap = Annotated[
    Decimal,
    Field(
        title="Spend cap",
        description="US dollars that X may charge for this account in a calendar month.",
        ge=0,
        max_digits=12,
        json_schema_extra={"default": 50},
    ),
    WithJsonSchema({"type": "number", "minimum": 0}),
]
MessagePolicy = Annotated[
    Literal["all_followers", "consented_only"],
    Field(
        title="Direct messages to",
        description="all_followers: whoever a broadcast chooses. consented_only: of those, people who agreed.",
    ),
]
# Emptied it is missing in one UI, so the default: only a sign can say there that no line is wanted.
OptOutLine = Annotated[
    str,
    Field(
        title="Opt-out line",
        description="Ends direct messages that do not say so themselves. A dash (-) for none.",
        max_length=500,
    ),
    AfterValidator(_line),
    _TEXT,
]
FrequencyCap = Annotated[
    int,
    Field(
        title="Frequency cap",
        description="Direct messages that one person gets at most in the days below. 0 for no cap.",
        ge=0,
        le=10_000,
    ),
    _NUMBER,
]
FrequencyDays = Annotated[
    int, Field(title="Days of the frequency cap", description="So many days count for it.", ge=1, le=365), _DAYS
]
QuietHours = Annotated[
    str,
    Field(title="Quiet hours", description="No direct messages then, as in 22:00-08:00. Empty for none."),
    AfterValidator(_hours),
    _TEXT,
]
TimeZone = Annotated[
    str,
    Field(
        title="Time zone",
        description="Of the quiet hours, as in Europe/Brussels. Empty for the one of this installation.",
    ),
    AfterValidator(_zone),
    _TEXT,
]
DailyLimit = Annotated[
    int,
    Field(
        title="Daily limit",
        description="Direct messages of this account in 24 hours. 0 for X's own limit.",
        ge=0,
        le=1_000_000,
    ),
    _NUMBER,
]
# Only for asking people to share their profile.
JoinPurpose = Annotated[
    str,
    Field(
        title="Purpose of sharing",
        description="Why people are asked to share their profile, as the page says it. Empty: nobody is asked.",
        max_length=1000,
    ),
    _TEXT,
]
AsksEmail = Annotated[
    bool,
    Field(title="Ask for the email address", description="Needs the client ID below, and X's permission for the app."),
    BeforeValidator(bool),
]
Reconciliation = Annotated[
    str,
    Field(
        title="Reconciliation",
        description="What tells that a profile is a known contact's, in this order: x_user_id, email, username."
        " A dash (-) for none.",
    ),
    AfterValidator(_keys),
    _TEXT,
]
_NO_SECRET = BeforeValidator(lambda given: "" if given is None else given)
ClientId = Annotated[
    SecretStr,
    Field(title="Client ID", description="Of OAuth 2.0, in the app's settings on X; for sharing profiles only."),
    _NO_SECRET,
]
ClientSecret = Annotated[SecretStr, Field(title="Client secret", description="Of OAuth 2.0 too."), _NO_SECRET]
