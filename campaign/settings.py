"""The settings of an operator, each an environment variable `CAMPAIGN_...`."""

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from campaign import opt_out_words
from campaign.errors import WrongUsage

X_API_URL = "https://api.x.com"
X_CONSOLE_URL = "https://console.x.com"

#: The folder of the packages; in a checkout it is the repository, with migrations and prefect.yaml.
ROOT = Path(__file__).resolve().parent.parent


def shipped(name: str, folder: str) -> Path:
    """Returns where a file or folder of the repository is: in `folder` of an installed wheel, else in the checkout."""
    inside = ROOT / folder / name
    return inside if inside.exists() else ROOT / name


#: 32 bytes in URL-safe base64, as Fernet requires; importing it for the check would cost every command 10 ms.
_FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")


def check_timezone(name: str) -> str:
    """Returns the name of a time zone; raises ValueError when it is unknown."""
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, LookupError):
        msg = f"Unknown time zone {name!r}. Write it like Europe/Brussels or UTC."
        raise ValueError(msg) from None


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        msg = f"{str(path)!r} names a user whose home is unknown on this machine"
        raise ValueError(msg) from None


def _absolute(path: Path) -> Path:
    return _expanded(path).absolute()


def _web_address(url: str) -> str:
    if not url.startswith(("http://", "https://")) or not urlsplit(url).hostname:
        msg = f"{url!r} is not an http:// or https:// URL; write it like {X_API_URL}"
        raise ValueError(msg)
    return url.rstrip("/")


def _no_or_web_address(url: str) -> str:
    return _web_address(url) if url else url


def _same_file_everywhere(url: str) -> str:
    # Runs work in folders of their own: a relative path would be another file there.
    before, scheme, path = url.partition("sqlite:///")
    is_relative = scheme and not before and path and path[0] not in "/:"
    return f"{scheme}{Path(path).absolute()}" if is_relative else url


def _read_json(lists: Any) -> Any:
    # By itself pydantic-settings raises something else than ValidationError for invalid JSON.
    try:
        return json.loads(lists) if isinstance(lists, str) else lists
    except ValueError:
        msg = 'it is not JSON; write it like {"en": ["stop", "unsubscribe"]}'
        raise ValueError(msg) from None


def split_keys(text: str) -> list[str]:
    """Splits encryption keys at commas and line breaks; raises ValueError, which shows none of them."""
    keys = re.split(r"[\s,]+", text.strip())
    if not all(_FERNET_KEY.fullmatch(key) for key in keys):
        msg = (
            "it is not a Fernet key, or several with commas between; make one with"
            ' `python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"`'
        )
        raise ValueError(msg)
    return keys


def _encryption_keys(keys: SecretStr) -> SecretStr:
    if keys.get_secret_value():
        split_keys(keys.get_secret_value())
    return keys


WordLists = Annotated[
    dict[str, list[str]], NoDecode, BeforeValidator(_read_json), AfterValidator(opt_out_words.completed)
]


LEAST_LENGTH, _YEAR = 16, 12


def _long_enough(key: SecretStr) -> SecretStr:
    if 0 < len(key.get_secret_value()) < LEAST_LENGTH:
        msg = f"it is shorter than {LEAST_LENGTH} characters and could be guessed; use a longer one, best a random one"
        raise ValueError(msg)
    return key


def read_secret_file(variable: str) -> str:
    """Reads the file that `VARIABLE_FILE` names, as containers are given secrets; empty if it names none.

    Raises WrongUsage if the variable itself is set too, or if the file has no text.
    """
    place = os.environ.get(f"{variable}_FILE", "")
    if not place:
        return ""
    if os.environ.get(variable):
        raise WrongUsage(f"{variable} and {variable}_FILE are both set; unset one of them.")
    try:
        text = Path(place).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise WrongUsage(f"{variable}_FILE names {place!r}, which cannot be read ({reason}); correct it.") from None
    if not text:
        raise WrongUsage(f"{variable}_FILE names {place!r}, which is empty; write the secret into it.")
    return text


class _SecretFiles(PydanticBaseSettingsSource):
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str, str, bool]:
        # The address of a database has a password in it.
        is_secret = field.annotation is SecretStr or field_name == "database_url"
        return read_secret_file(f"CAMPAIGN_{field_name.upper()}") if is_secret else "", field_name, False

    def __call__(self) -> dict[str, str]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: text for name, text in found.items() if text}


def _none_or_a_year(months: int) -> int:
    # Short links work for a year: later no click is added to those that were counted.
    if months != 0 and months < _YEAR:
        msg = f"{months} is less than 12, the months in which short links work; name 12 or more, or 0 to keep all"
        raise ValueError(msg)
    return months


def _mail_server(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        is_usable = not url.get_secret_value() or (parts.scheme in {"smtp", "smtps"} and parts.hostname)
        _ = parts.port
    except ValueError:
        is_usable = False
    if not is_usable:
        msg = "it is not the URL of a mail server; write it like smtp://user:password@mail.example.com:587"
        raise ValueError(msg)
    return url


class Settings(BaseSettings):
    """The settings of this process; see docs/operating.md."""

    model_config = SettingsConfigDict(
        env_prefix="CAMPAIGN_",
        env_ignore_empty=True,
        # Some are secrets.
        hide_input_in_errors=True,
    )

    home: Annotated[Path, AfterValidator(_absolute), Field(validate_default=True)] = Path("~/.campaign")
    """Database, Prefect's data and the encryption key live here."""
    database_url: Annotated[str, AfterValidator(_same_file_everywhere)] = ""
    x_api_url: Annotated[str, AfterValidator(_web_address)] = X_API_URL
    """The address of both of X's APIs, or of a simulator."""
    prices_url: Annotated[str, AfterValidator(_no_or_web_address)] = ""
    """X's live list of prices; empty: that of X's console, or of the simulator."""
    timezone: Annotated[str, AfterValidator(check_timezone)] = "UTC"
    """Time zone of the Thursday schedule and of the dates in run names."""
    server_port: int = Field(default=4200, ge=1, le=65535)
    """Port of the Prefect server that `campaign up` starts."""
    media_folder: Annotated[Path, AfterValidator(_expanded)] = Path("media")
    """The only folder whose files may go out by their path; a relative one is in the home."""
    library_folder: Annotated[Path, AfterValidator(_expanded)] | None = None
    """Where the media library keeps its files, reachable by every worker; None: in the database."""

    public_url: Annotated[str, AfterValidator(_no_or_web_address)] = ""
    """The public address of `campaign web`, such as https://social.example.com; empty: no links of our own."""
    web_port: int = Field(default=4280, ge=1, le=65535)
    """Port of the pages for the public and of the reports."""
    terms_url: Annotated[str, AfterValidator(_no_or_web_address)] = ""
    privacy_url: Annotated[str, AfterValidator(_no_or_web_address)] = ""
    """Without both, people are not asked to share a profile."""
    signing_key: Annotated[SecretStr, AfterValidator(_long_enough)] = SecretStr("")
    """Signs personal links; empty: the file `signing.key` of the home, made when it is first needed."""
    encryption_key: Annotated[SecretStr, AfterValidator(_encryption_keys)] = SecretStr("")
    """Encrypts the secrets in the database; empty: the file `vault.key` of the home, made when it is first needed.

    Several with commas between: the first one encrypts, each of them decrypts.
    """
    reports_key: Annotated[SecretStr, AfterValidator(_long_enough)] = SecretStr("")
    """Opens the pages of the reports; empty: they stay closed."""

    metrics_key: Annotated[SecretStr, AfterValidator(_long_enough)] = SecretStr("")
    """Opens the metrics for a monitoring system; empty: there are none."""
    oidc_issuer: Annotated[str, AfterValidator(_no_or_web_address)] = ""
    """The OpenID provider with which people sign in at the desk, such as https://login.example.com; empty: none."""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    """As the provider registered the desk, whose callback is /desk/sign-in/oidc/callback."""
    smtp_url: Annotated[SecretStr, AfterValidator(_mail_server)] = SecretStr("")
    """The mail server for notifications, such as smtp://user:password@mail.example.com:587; empty: none are sent."""
    smtp_from: str = ""
    """Who they come from, as in `Campaign <campaign@example.com>`."""

    keep_texts_months: int = Field(default=0, ge=0)
    """Months after the end of a broadcast in which the texts of its messages are kept; 0 keeps them."""
    keep_clicks_months: Annotated[int, AfterValidator(_none_or_a_year)] = 0
    """Months after which the clicks on a broadcast are replaced by their counts; 0 keeps them."""
    keep_audit_months: int = Field(default=0, ge=0)
    """Months after which entries of the audit are deleted; 0 keeps them."""

    csv_bom: bool = True
    """Whether files of comma separated values begin with a byte order mark, by which spreadsheets know UTF-8."""
    log_format: Literal["text", "json"] = "text"
    """How server, worker, runs and pages write their logs: lines for people, or one JSON object a line."""

    settle_seconds: int = Field(default=60, ge=0)
    """How long X may take to show a post or a message: after that, its absence proves that it was not sent."""
    inbox_seconds: int = Field(default=900, ge=0)
    """The least time between two reads of a service's message events."""
    opt_out_words: Annotated[WordLists, Field(validate_default=True)] = {}
    """By language, the words that end a person's consent; a named language replaces the default list."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Reads arguments, then the environment, then the files of secrets that it names."""
        return init_settings, env_settings, _SecretFiles(settings_cls)

    def model_post_init(self, _context: Any) -> None:
        """Fills in the settings that follow from the home."""
        self.media_folder = self.home / self.media_folder
        self.library_folder = self.library_folder and self.home / self.library_folder
        self.database_url = self.database_url or f"sqlite:///{self.home / 'campaign.db'}"
        is_own = self.x_api_url == X_API_URL
        self.prices_url = self.prices_url or f"{X_CONSOLE_URL if is_own else self.x_api_url}/api/credits/pricing"

    @property
    def pages_url(self) -> str:
        """Returns the address of the web pages: the public one, or that on this machine."""
        return self.public_url or f"http://127.0.0.1:{self.web_port}"

    @property
    def prefect_home(self) -> Path:
        """Returns the folder of the database of this home's Prefect server."""
        return self.home / "prefect"


@lru_cache
def load_settings() -> Settings:
    """Reads the settings from the environment, once per process; raises WrongUsage in one sentence."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable, why = f"CAMPAIGN_{first['loc'][0]}".upper(), first["msg"].removeprefix("Value error, ").rstrip(".")
        raise WrongUsage(f"{variable} cannot be used: {why}.") from None
