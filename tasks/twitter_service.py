"""The form of a service: a Prefect block, the only place where the keys of an X account are kept."""

import ssl
from decimal import Decimal
from hashlib import sha256
from typing import Any, ClassVar, Literal
from uuid import UUID

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL
from pydantic import Field, SecretStr, ValidationError

from campaign.domain.handles import check_handle
from campaign.errors import NotPossible, WrongUsage
from campaign.store.services import SavedService
from campaign.x.keys import Keys, problem_of
from campaign.x.sign_in import AppKeys
from models import OPT_OUT_LINE, ApiVersion, MessagePolicy
from tasks import service_fields

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
    service_type: service_fields.ServiceType = "Twitter"
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
    spend_cap: service_fields.SpendCap = Decimal(50)
    message_policy: service_fields.MessagePolicy = "all_followers"
    opt_out_line: service_fields.OptOutLine = OPT_OUT_LINE
    frequency_cap: service_fields.FrequencyCap = 0
    frequency_days: service_fields.FrequencyDays = service_fields.DAYS
    quiet_hours: service_fields.QuietHours = ""
    timezone: service_fields.TimeZone = ""
    daily_limit: service_fields.DailyLimit = 0
    join_purpose: service_fields.JoinPurpose = ""
    asks_email: service_fields.AsksEmail = False
    reconciliation: service_fields.Reconciliation = service_fields.RECONCILIATION
    consumer_key: SecretStr = Field(title="Consumer key", description="Also called API key.")
    consumer_secret: SecretStr = Field(title="Consumer secret", description="Also called API key secret.")
    access_token: SecretStr = Field(title="Access token", description="Made after the app's permission was set.")
    access_token_secret: SecretStr = Field(title="Access token secret")
    client_id: service_fields.ClientId = SecretStr("")
    client_secret: service_fields.ClientSecret = SecretStr("")

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
