"""The form of a service in the Prefect UI, and the templates of deliveries there."""

import ssl
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, WithJsonSchema

from campaign.db.engine import reading, writing
from campaign.deliveries import store as deliveries
from campaign.deliveries import templates
from campaign.deliveries.draft import Draft
from campaign.errors import NotPossible, WrongUsage
from campaign.limits.quiet_hours import parse_quiet_hours
from campaign.services.store import SavedService
from campaign.x.keys import Keys, problem_of
from campaign.x.oauth import AppKeys
from campaign.x.types import check_handle
from models import OPT_OUT_LINE, ApiVersion, DeliveryKind, DeliveryTemplate, MessagePolicy, ReconciledBy

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
MessagePolicyChoice = Annotated[
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


SLUG = "twitter-service"


class TwitterService(Block):
    """One connected X account. Saving this form is enough: the next run finds it."""

    _block_type_name: ClassVar[str] = "Twitter service"
    _block_type_slug: ClassVar[str] = SLUG
    _description: ClassVar[str] = "One connected X account: its followers, its posts and its direct messages."

    label: str = Field(title="Label", description="The name you read in lists and reports.", min_length=1)
    internal_name: str = Field(
        title="Internal name",
        description="Exactly the handle of the X account, without the @.",
        pattern=r"^[A-Za-z0-9_]{1,15}$",
    )
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
    opt_out_line: OptOutLine = OPT_OUT_LINE
    frequency_cap: FrequencyCap = 0
    frequency_days: FrequencyDays = DAYS
    quiet_hours: QuietHours = ""
    timezone: TimeZone = ""
    daily_limit: DailyLimit = 0
    join_purpose: JoinPurpose = ""
    asks_email: AsksEmail = False
    reconciliation: Reconciliation = RECONCILIATION
    consumer_key: SecretStr = Field(title="Consumer key", description="Also called API key.")
    consumer_secret: SecretStr = Field(title="Consumer secret", description="Also called API key secret.")
    access_token: SecretStr = Field(title="Access token", description="Made after the app's permission was set.")
    access_token_secret: SecretStr = Field(title="Access token secret")
    client_id: ClientId = SecretStr("")
    client_secret: ClientSecret = SecretStr("")

    # Not `keys`: a thing that has it is taken for a dictionary, by Prefect too.
    def four_keys(self) -> Keys:
        """The four keys, to connect with."""
        return Keys(self.consumer_key, self.consumer_secret, self.access_token, self.access_token_secret)

    @property
    def has_oauth2(self) -> bool:
        """Whether people can sign in with OAuth 2.0, which is what lets them share their email address."""
        return bool(self.client_id.get_secret_value() and self.client_secret.get_secret_value())


def block_name(internal_name: str) -> str:
    """The name a service's form is saved under: Prefect allows only lowercase letters, digits and dashes."""
    return internal_name.lower().replace("_", "-")


def read_form(document: BlockDocument) -> TwitterService:
    """Check a saved form; raises WrongUsage in one sentence that names the field."""
    try:
        form = TwitterService.model_validate(document.data)
        check_handle(form.internal_name)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][-1])
        title = TwitterService.model_fields[field].title if field in TwitterService.model_fields else field
        raise WrongUsage(
            f"The service saved as {document.name!r} cannot be used: {title} is missing or not allowed."
        ) from None
    except WrongUsage as error:
        raise WrongUsage(f"The service saved as {document.name!r} cannot be used: {error}") from None
    if problem := problem_of(form.four_keys()):
        raise WrongUsage(f"The service {form.internal_name} cannot be used: {problem}")
    return form


def describe(document: BlockDocument, form: TwitterService) -> SavedService:
    """What of a saved form may be kept in a table: everything but the keys."""
    return SavedService(
        block_id=str(document.id),
        saved_at=document.updated,  # type: ignore[arg-type]
        label=form.label,
        internal_name=form.internal_name,
        visitor_folder=form.visitor_folder,
        synchronize=form.synchronize,
        proof=form.proof,
        api_version=ApiVersion(form.api_version),
        owned=form.owned,
        spend_cap=form.spend_cap,
        # The services of one developer app share its consumer key, and so this mark of it. Nobody gets the key from it:
        # that is long and random, its hash is one-way and cut short.
        app=sha256(form.consumer_key.get_secret_value().encode()).hexdigest()[:16],
        message_policy=MessagePolicy(form.message_policy),
        opt_out_line=form.opt_out_line,
        frequency_cap=form.frequency_cap,
        frequency_days=form.frequency_days,
        quiet_hours=form.quiet_hours,
        timezone=form.timezone,
        daily_limit=form.daily_limit,
        join_purpose=form.join_purpose,
        asks_email=form.asks_email,
        has_oauth2=form.has_oauth2,
        reconciliation=form.reconciliation,
    )


def saved_documents() -> list[BlockDocument]:
    """Read all saved forms, keys included; raises NotPossible when the server cannot decrypt them."""
    with get_client(sync_client=True) as client:
        try:
            return client.read_block_documents_by_type(SLUG, include_secrets=True)
        except PrefectHTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return []  # no form was ever saved, so not even the block type is there
            if error.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
                raise
            raise NotPossible(
                "The Prefect server cannot read the saved services: its encryption key was lost or changed. Put the"
                " file encryption.key of the campaign home back from your backup and start the server again;"
                " without it, run `prefect block type delete twitter-service` and `campaign deploy`, and enter the keys"
                " of every service anew."
            ) from None


def keys_of(block_id: str) -> Keys:
    """Read the keys of one service, only for as long as they are needed."""
    return _form_of(block_id).four_keys()


def app_keys_of(block_id: str) -> AppKeys:
    """Read the keys of the developer app that people sign in with, in the same way."""
    form = _form_of(block_id)
    return AppKeys(form.consumer_key, form.consumer_secret, form.client_id, form.client_secret)


def _form_of(block_id: str) -> TwitterService:
    with get_client(sync_client=True, httpx_settings=_without_certificates()) as client:
        return read_form(client.read_block_document(UUID(block_id), include_secrets=True))


def _without_certificates() -> dict[str, Any]:
    """Reading the machine's certificates takes longer than the question, and over plain HTTP nobody shows one."""
    is_plain = (PREFECT_API_URL.value() or "").startswith("http://")
    return {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)} if is_plain else {}


def template_for(kind: DeliveryKind | None, name: str | None) -> DeliveryTemplate:
    """The template that a new delivery starts from; raises WrongUsage when it is one for another kind."""
    with reading() as session:
        template = templates.named(session, name or templates.DEFAULTS[kind or DeliveryKind.POST])
    if kind not in {None, template.kind}:
        raise WrongUsage(f"The template {template.name} is for deliveries of the kind {template.kind.value}.")
    return template


def save_template(delivery_name: str, name: str, *, with_content: bool) -> DeliveryTemplate:
    """Make the settings of a delivery a template, or the new content of one; raises WrongUsage, NotPossible."""
    with writing() as session:
        delivery = deliveries.named(session, delivery_name)
        draft: Draft = deliveries.draft_of(session, delivery)
        return templates.save(session, name, delivery.label or name, draft, with_content=with_content)


def duplicate_template(name: str, new_name: str, label: str | None) -> DeliveryTemplate:
    """Copy a template to a name that is not taken; raises WrongUsage, NotPossible."""
    with writing() as session:
        return templates.duplicate(session, name, new_name, label)


def delete_template(name: str) -> None:
    """Forget a template; raises WrongUsage when there is none, NotPossible when it is built in."""
    with writing() as session:
        templates.delete(session, name)
