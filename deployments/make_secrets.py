"""Makes the secrets of compose.yaml: `python3 make_secrets.py` writes those that are missing into the folder secrets/.

It needs nothing but Python. Files that are there stay as they are, so it may run again after each update.
"""

import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from os import urandom
from pathlib import Path
from secrets import token_hex


def _fernet_key() -> str:
    return urlsafe_b64encode(urandom(32)).decode()


#: By file; a password within a URL has letters and digits only, for databases.sql to find it.
SECRETS: dict[str, Callable[[], str]] = {
    "postgres_password": token_hex,
    "campaign_database_url": lambda: f"postgresql://campaign:{token_hex()}@database/campaign",
    "prefect_database_url": lambda: f"postgresql+asyncpg://prefect:{token_hex()}@database/prefect",
    "redis_url": lambda: f"redis://:{token_hex()}@redis:6379/0",
    "prefect_password": lambda: f"campaign:{token_hex(16)}",
    "prefect_encryption_key": _fernet_key,
    "encryption_key": _fernet_key,
    "signing_key": token_hex,
    "reports_key": token_hex,
    "metrics_key": token_hex,
    # Of other people's servers: empty until the operator writes them.
    "smtp_url": str,
    "oidc_client_secret": str,
}


def make_secrets(folder: Path) -> list[str]:
    """Writes the secrets that are missing; returns their names.

    No other user of this machine can enter the folder. Within a container, where a file appears apart from its folder,
    the user of that container can read it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    made = [name for name in SECRETS if not (folder / name).exists()]
    for name in made:
        (folder / name).write_text(SECRETS[name]())
        (folder / name).chmod(0o444)
    return made


if __name__ == "__main__":
    place = Path(__file__).resolve().parent / "secrets"
    names = make_secrets(place)
    sys.stdout.write(f"Made in {place}: {', '.join(names)}.\n" if names else f"All secrets are in {place}.\n")
