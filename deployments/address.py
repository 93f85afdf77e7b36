"""The address of a Prefect server and what it asks for: from the environment or a profile of Prefect, and its check."""

import os
import ssl
import tomllib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from campaign.errors import WrongUsage

CLOUD = "https://api.prefect.cloud/api"
_URL, _PASSWORD, _KEY = "PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_API_KEY"
#: How long a server may take to respond.
RESPONSE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Prefect server is, and what it asks for."""

    api_url: str
    """The value of PREFECT_API_URL."""
    password: str = field(repr=False)
    """The value of PREFECT_API_AUTH_STRING: `user:password`; empty for a server without one."""
    key: str = field(default="", repr=False)
    """The value of PREFECT_API_KEY, for Prefect Cloud or a proxy that asks for a bearer; empty for a server."""
    more: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Other settings of the profile, such as the certificate of the server."""

    @property
    def environment(self) -> dict[str, str]:
        """Returns the variables by which a process finds the server and is let in."""
        return {**self.more, _URL: self.api_url, _PASSWORD: self.password, _KEY: self.key}

    @property
    def headers(self) -> dict[str, str]:
        """Returns the header that lets a request in, as Prefect's own client sends it."""
        if self.password:
            return {"Authorization": f"Basic {b64encode(self.password.encode()).decode()}"}
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    @property
    def is_cloud(self) -> bool:
        """Tests whether it is a workspace of Prefect Cloud, which has no version."""
        return self.api_url.startswith(os.environ.get("PREFECT_CLOUD_API_URL", CLOUD))


def address_in_environment() -> Address | None:
    """Reads the address that PREFECT_API_URL names."""
    if not (api_url := os.environ.get(_URL, "").rstrip("/")):
        return None
    return Address(api_url, os.environ.get(_PASSWORD, ""), os.environ.get(_KEY, ""))


def address_in_profile(own_home: Path) -> Address | None:
    """Reads the address in the active profile of Prefect, as `prefect profile use` chose it.

    The profiles are the operator's, not those in the folder that a campaign home has for Prefect. They are read here
    because Prefect takes a second to import; as there, the environment comes first.
    """
    home = Path(os.environ.get("PREFECT_HOME") or own_home)
    home = Path("~/.prefect").expanduser() if home == own_home else home
    file = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    try:
        document: dict[str, Any] = tomllib.loads(file.read_text())
    except OSError:
        return None
    except ValueError:
        raise WrongUsage(f"Prefect's profiles in {file} are not valid TOML; correct the file.") from None
    name = os.environ.get("PREFECT_PROFILE") or document.get("active")
    profile = {key: str(value) for key, value in document.get("profiles", {}).get(name, {}).items()}
    values = profile | {key: value for key, value in os.environ.items() if value and key in {*profile, _PASSWORD, _KEY}}
    if not (api_url := values.pop(_URL, "").rstrip("/")):
        return None
    return Address(api_url, values.pop(_PASSWORD, ""), values.pop(_KEY, ""), values)


def check_version(address: Address) -> None:
    """Raises WrongUsage unless a Prefect server responds that lets us in and has our major and minor version."""
    ours, api_url = version("prefect"), address.api_url
    # Prefect Cloud has no version.
    method, route = ("POST", "flows/count") if address.is_cloud else ("GET", "admin/version")
    try:
        if httpx.URL(api_url).userinfo:
            raise WrongUsage(f"{_URL} contains a password, which logs would show; write it to {_PASSWORD} instead.")
        with httpx.Client(timeout=RESPONSE_SECONDS, verify=certificates_of(address), headers=address.headers) as client:
            theirs = (
                client.request(method, f"{api_url}/{route}", json={} if address.is_cloud else None)
                .raise_for_status()
                .json()
            )
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            if address.is_cloud:
                raise WrongUsage(
                    f"Prefect Cloud at {api_url} requires another API key (status {status}); run `prefect cloud login`,"
                    f" or set {_KEY}."
                ) from None
            raise WrongUsage(
                f"The Prefect server at {api_url} requires {'another' if address.headers else 'a'} password or key"
                f" (status {status}); set {_PASSWORD} to its user:password, which `campaign password` shows for that of"
                f" a home, or {_KEY} where it asks for a key."
            ) from None
        raise WrongUsage(
            f"No Prefect server is at {api_url} (status {status}); correct PREFECT_API_URL, which ends with /api, or"
            " unset it."
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        raise WrongUsage(
            f"No Prefect server answers at {api_url}; start it, or correct or unset PREFECT_API_URL."
        ) from None
    if not address.is_cloud and str(theirs).split(".")[:2] != ours.split(".")[:2]:
        raise WrongUsage(
            f"The Prefect server at {api_url} has version {theirs} and this installation {ours};"
            " install the same version on both sides, up to its last number."
        )


def certificates_of(address: Address) -> ssl.SSLContext | bool:
    """Returns how the certificate of a server is verified, as Prefect's client does it; raises WrongUsage."""
    settings = {**address.more, **os.environ}
    if settings.get("PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "").lower() in {"1", "true", "yes", "on"}:
        return False
    if not (file := settings.get("PREFECT_API_SSL_CERT_FILE")):
        return True
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        raise WrongUsage(
            f"PREFECT_API_SSL_CERT_FILE names {file}, which holds no certificates that can be read"
            f" ({error.strerror or error}); correct or unset it."
        ) from None
