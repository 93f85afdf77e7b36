"""The fields of a service, as a person fills them in: in the Prefect UI, in a command, on a page. Pure.

The problems of a service are found by comparing it with its account on X.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails

from campaign.errors import WrongUsage
from campaign.limits.quiet_hours import parse_quiet_hours
from campaign.settings import check_timezone
from campaign.x.types import Account, Keys, check_handle, problems_of_keys
from models import OPT_OUT_LINE, ApiVersion, MessagePolicy, ReconciledBy, Service

DAYS = 7
"""The days of the frequency cap by default."""
RECONCILIATION = "x_user_id, email"
"""The fields by which a profile is matched with a known contact by default."""


def _line(text: str) -> str:
    return "" if text == "-" else text


def _handle(text: str) -> str:
    with _collected():
        return check_handle(text)


def _hours(text: str) -> str:
    with _collected():
        hours = parse_quiet_hours(text)
    return f"{hours.begins:%H:%M}-{hours.ends:%H:%M}" if hours else ""


def _keys(text: str) -> str:
    keys = [key.strip().lower() for key in _line(text).split(",") if key.strip()]
    for key in keys:
        if key not in _KEYS:
            msg = f"Invalid reconciliation key {key!r}. Use {', '.join(_KEYS)}, or a dash for none."
            raise ValueError(msg)
    return ", ".join(dict.fromkeys(keys))


@contextmanager
def _collected() -> Iterator[None]:
    """Raises ValueError instead of WrongUsage: Pydantic collects those of all fields."""
    try:
        yield
    except WrongUsage as error:
        raise ValueError(str(error)) from None


_KEYS = [key.value for key in ReconciledBy if key is not ReconciledBy.NOTHING]
_TEXT = BeforeValidator(lambda value: value.strip() if isinstance(value, str) else "" if value is None else value)
_NUMBER = BeforeValidator(lambda value: 0 if value is None else value)
_DAYS = BeforeValidator(lambda value: DAYS if value is None else value)

InternalName = Annotated[
    str,
    Field(title="Internal name", description="Exactly the handle of the X account, without the @."),
    AfterValidator(_handle),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_]{1,15}$"}),
]
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
MessagePolicyChoice = Annotated[
    Literal["all_followers", "consented_only"],
    Field(
        title="Direct messages to",
        description="all_followers: everybody a broadcast selects. consented_only: only those of them who agreed.",
    ),
]
WroteFirstCounts = Annotated[
    bool,
    Field(
        title="Writing first counts as consent",
        description="For consented_only. Off: an answer or a question to the account is no consent to marketing, which"
        " is the law in the EU and the UK.",
    ),
    BeforeValidator(bool),
]
# Emptied it is missing in one UI, so the default: only a sign can say there that no line is wanted.
OptOutLine = Annotated[
    str,
    Field(
        title="Opt-out line",
        description="Ends direct messages that do not say so themselves; {{ leave_link }} becomes the recipient's own"
        " link. A dash (-) for none.",
        max_length=500,
    ),
    AfterValidator(_line),
    _TEXT,
]
FrequencyCap = Annotated[
    int,
    Field(
        title="Frequency cap",
        description="The most direct messages for one person in the days below. 0 for no cap.",
        ge=0,
        le=10_000,
    ),
    _NUMBER,
]
FrequencyDays = Annotated[
    int,
    Field(title="Days of the frequency cap", description="The days that the cap covers.", ge=1, le=365),
    _DAYS,
]
QuietHours = Annotated[
    str,
    Field(title="Quiet hours", description="Hours without direct messages, such as 22:00-08:00. Empty for none."),
    AfterValidator(_hours),
    _TEXT,
]
TimeZone = Annotated[
    str,
    Field(
        title="Time zone",
        description="Time zone of the quiet hours, such as Europe/Brussels. Empty for that of this installation.",
    ),
    AfterValidator(lambda text: check_timezone(text) if text else ""),
    _TEXT,
]
DailyLimit = Annotated[
    int,
    Field(
        title="Daily limit",
        description="The most direct messages of this account in 24 hours. 0 for X's own limit.",
        ge=0,
        le=1_000_000,
    ),
    _NUMBER,
]
ApprovalByAnother = Annotated[
    bool,
    Field(
        title="Approval by another person",
        description="Whether the writer of a post or a broadcast may not approve it. Approvers need an account at the"
        " desk.",
    ),
    BeforeValidator(bool),
]
TwoApproversRecipients = Annotated[
    int,
    Field(
        title="Two approvers above … recipients",
        description="A broadcast to more recipients needs the approval of two people. 0 for never.",
        ge=0,
        le=1_000_000_000,
    ),
    _NUMBER,
]
TwoApproversCost = Annotated[
    Decimal,
    Field(
        title="Two approvers above … dollars",
        description="A post or a broadcast that costs more US dollars needs the approval of two people. 0 for never.",
        ge=0,
        max_digits=12,
        json_schema_extra={"default": 0},
    ),
    WithJsonSchema({"type": "number", "minimum": 0}),
    _NUMBER,
]
# Only for asking people to share their profile.
JoinPurpose = Annotated[
    str,
    Field(
        title="Purpose of sharing",
        description="Why people are asked to share their profile, as the page shows it. Empty: no page for it.",
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
        description="The fields that match a profile with a known contact, in this order: x_user_id, email, username."
        " A dash (-) for none.",
    ),
    AfterValidator(_keys),
    _TEXT,
]
_NO_SECRET = BeforeValidator(lambda value: "" if value is None else value)
ClientId = Annotated[
    SecretStr,
    Field(title="Client ID", description="Of OAuth 2.0, in the app's settings on X; for sharing profiles only."),
    _NO_SECRET,
]
ClientSecret = Annotated[SecretStr, Field(title="Client secret", description="Of OAuth 2.0 too."), _NO_SECRET]

SECRETS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret", "client_id", "client_secret")
"""The fields stored in the vault; the last two are for signing people in, and may be empty."""
_LONGEST_SHOWN = 60


class ServiceFields(BaseModel):
    """One connected X account: its settings and its keys."""

    label: str = Field(title="Label", description="The name you read in lists and reports.", min_length=1)
    internal_name: InternalName
    service_type: ServiceType = "Twitter"
    visitor_folder: str = Field(
        "Visitors", title="Visitor folder", description="Subscribers are synchronized in this folder.", min_length=1
    )
    synchronize: bool = Field(
        True,
        title="Synchronize subscriptions",
        description="Switch it off to leave this account out of the account sync.",
    )
    proof: bool = Field(
        False, title="Proof service", description="Switch it on for a private test account that only receives proofs."
    )
    api_version: Literal["2", "1.1"] = Field(
        "2", title="API version", description="2, unless X still offers this app its old API."
    )
    owned: bool = Field(
        True,
        title="App owned by this account",
        description="Whether this account owns the developer app: X then charges $0.001 for a follower, else $0.010.",
    )
    spend_cap: SpendCap = Decimal(50)
    message_policy: MessagePolicyChoice = "all_followers"
    wrote_first_counts: WroteFirstCounts = False
    opt_out_line: OptOutLine = OPT_OUT_LINE
    frequency_cap: FrequencyCap = 0
    frequency_days: FrequencyDays = DAYS
    quiet_hours: QuietHours = ""
    timezone: TimeZone = ""
    daily_limit: DailyLimit = 0
    approval_by_another: ApprovalByAnother = False
    two_approvers_recipients: TwoApproversRecipients = 0
    two_approvers_cost: TwoApproversCost = Decimal(0)
    join_purpose: JoinPurpose = ""
    asks_email: AsksEmail = False
    reconciliation: Reconciliation = RECONCILIATION
    consumer_key: SecretStr = Field(title="Consumer key", description="Also called API key.")
    consumer_secret: SecretStr = Field(title="Consumer secret", description="Also called API key secret.")
    access_token: SecretStr = Field(title="Access token", description="Made after the app's permission was set.")
    access_token_secret: SecretStr = Field(title="Access token secret")
    client_id: ClientId = SecretStr("")
    client_secret: ClientSecret = SecretStr("")

    def secrets(self) -> dict[str, str]:
        """Returns the values for the vault by field name."""
        return {name: getattr(self, name).get_secret_value() for name in SECRETS}

    def columns(self) -> dict[str, Any]:
        """Returns the values for the table of services by column."""
        values = self.model_dump(include=set(ServiceFields.model_fields) - {*SECRETS, "service_type"})
        return values | {
            "api_version": ApiVersion(self.api_version),
            "message_policy": MessagePolicy(self.message_policy),
            "has_oauth2": bool(self.client_id.get_secret_value() and self.client_secret.get_secret_value()),
            # The services of one developer app share its consumer key, and so this fingerprint of it. The key is long
            # and random, and cannot be derived from a hash that is cut short.
            "app": sha256(self.consumer_key.get_secret_value().encode()).hexdigest()[:16],
        }


def read_fields(values: Mapping[str, Any]) -> ServiceFields:
    """Checks all fields of a service; raises WrongUsage with every problem, by the labels of the form."""
    fields, problems = None, list[str]()
    try:
        fields = ServiceFields.model_validate(dict(values))
    except ValidationError as error:
        problems = list(_sentences(error.errors()))
    keys = [values.get(name) for name in SECRETS[:4]]
    if all(isinstance(key, str | SecretStr) for key in keys):
        problems += problems_of_keys(
            Keys(*(key if isinstance(key, SecretStr) else SecretStr(str(key)) for key in keys))
        )
    if fields is None or problems:
        raise WrongUsage(" ".join(problems))
    return fields


def _sentences(errors: list[ErrorDetails]) -> Iterator[str]:
    for error in errors:
        name = str(error["loc"][0])
        field = ServiceFields.model_fields[name]
        if error["type"] == "missing" or (name in SECRETS and not error["input"]):
            yield f"{field.title} is missing."
            if field.description:
                yield field.description
        elif error["type"] == "value_error":
            yield error["msg"].removeprefix("Value error, ")
        elif name in SECRETS:
            yield f"{field.title} is not a text: copy it from the developer console."
        else:
            value = str(error["input"])
            shown = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}…"
            why = error["msg"][:1].lower() + error["msg"][1:]
            yield f"{field.title} cannot be {shown!r}: {why}."


def block_name(internal_name: str) -> str:
    """Returns a name for a form or an artifact: Prefect allows only lowercase letters, digits and dashes."""
    return internal_name.lower().replace("_", "-")


#: The permission that direct messages need, as the `x-access-level` header names it.
FULL_ACCESS = "read-write-directmessages"


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence with its remedy; `blocks` stops the service, `is_warning` alone leaves it ok."""

    sentence: str
    blocks: bool = False
    is_warning: bool = False


def problems_of(service: Service, account: Account, owner_of_account: str | None) -> list[Problem]:
    """Compares a service with the account its keys belong to.

    `owner_of_account` is the internal name of another service that is connected to the same account, if there is one.
    """
    problems = list[Problem]()
    handle, name = account.username, service.internal_name
    if owner_of_account:
        sentence = (
            f"The keys belong to @{handle}, which the service {owner_of_account} is connected to already;"
            " remove one of the two."
        )
        problems.append(Problem(sentence, blocks=True))
    if name != handle and (service.x_user_id == account.user_id or name.lower() == handle.lower()):
        problems.append(
            Problem(f"X writes this handle {handle}; change the internal name of the service to exactly that.")
        )
    elif name != handle:
        sentence = (
            f"The keys belong to @{handle}, not to @{name}; save the keys of @{name}, or change the internal name to"
            f" {handle}."
        )
        problems.append(Problem(sentence, blocks=True))
    if account.access_level not in {None, FULL_ACCESS}:
        sentence = (
            f"The app's permission is {account.access_level}; set it to Read, Write and Direct Messages in the"
            " developer console, then regenerate the access token and its secret, because the old ones keep the old"
            " permission, and save them in the service."
        )
        problems.append(Problem(sentence))
    if service.proof and not account.protected:
        sentence = (
            f"Proofs sent to @{handle} are public; protect its posts on X (Privacy and safety, Audience and tagging)."
        )
        problems.append(Problem(sentence, is_warning=True))
    return problems


def is_ok(problems: Iterable[Problem]) -> bool:
    """Returns whether there are only warnings."""
    return all(problem.is_warning for problem in problems)
