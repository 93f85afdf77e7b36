"""The key that encrypts the services' keys: a file of the home, so that no copy of Prefect's database holds it.

`python -m deployments.encryption` prints it, for a server that is not started by `campaign up`.
"""

import hashlib
import os
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from campaign.db.signing import write_once
from campaign.errors import WrongUsage
from campaign.settings import Settings, load_settings
from deployments.environment import make_home

VARIABLE = "PREFECT_SERVER_ENCRYPTION_KEY"


def key_file(settings: Settings) -> Path:
    """Where the key of this home is kept; belongs into every backup."""
    return settings.home / "encryption.key"


def fingerprint_file(settings: Settings) -> Path:
    """Which key Prefect's database of this home was begun with."""
    return settings.prefect_home / "encryption-key.sha256"


def server_key(settings: Settings) -> str:
    """Give the key for the server: the operator's own, or the home's, made at the first start.

    Raises WrongUsage when it is not the key that the services of this home were saved with.
    """
    given = os.environ.get(VARIABLE)
    key = given or _home_key(settings)
    source = VARIABLE if given else str(key_file(settings))
    if not _is_key(key):
        raise WrongUsage(f"{source} is no encryption key any more. {_remedy(settings)}")
    fingerprint = hashlib.sha256(key.encode()).hexdigest()
    if write_once(fingerprint_file(settings), fingerprint) != fingerprint:
        raise WrongUsage(f"{source} is not the key that the services were saved with. {_remedy(settings)}")
    return key


def _home_key(settings: Settings) -> str:
    # The key is always written before its fingerprint, so another process cannot make this look like a loss.
    if fingerprint_file(settings).exists() and not key_file(settings).exists():
        raise WrongUsage(
            f"{key_file(settings)} is missing: without it no saved service can be read. {_remedy(settings)}"
        )
    return write_once(key_file(settings), Fernet.generate_key().decode())


def _remedy(settings: Settings) -> str:
    # What was encrypted with a lost key can be neither read nor replaced: only the whole type can be deleted.
    return (
        "Put the right one back from your backup. If there is none, the keys of all services are lost: delete"
        f" {fingerprint_file(settings)} and {key_file(settings)}, start again, run `prefect block type delete"
        " twitter-service` with PREFECT_API_URL set to the server's address, then `campaign deploy`, and enter the keys"
        " of the services anew. Visitors and history are not affected."
    )


def _is_key(text: str) -> bool:
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    try:
        make_home(load_settings())
        sys.stdout.write(server_key(load_settings()))
    except WrongUsage as error:
        sys.exit(str(error))
