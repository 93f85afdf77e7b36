"""`campaign backup` and `restore`: a home with its databases and keys as one file, and back."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from campaign.cli import output
from campaign.errors import WrongUsage
from campaign.settings import load_settings, read_secret_file

PASSPHRASE = "CAMPAIGN_BACKUP_PASSPHRASE"  # noqa: S105  the name of a variable
_LEAST_LENGTH = 12
File = Annotated[Path, typer.Argument(help="The file of the backup.")]


def back_up(file: File) -> None:
    """Write a backup of the home, its databases and keys into a new file; everything may go on meanwhile.

    The keys in it are encrypted with the passphrase that CAMPAIGN_BACKUP_PASSPHRASE holds, or that is asked for.
    """
    from deployments import backup

    passphrase = _passphrase(confirm=True)
    with output.working("Writing the backup…"):
        taken_at = backup.back_up(load_settings(), file, passphrase)
    size = file.stat().st_size
    output.say(
        f"{file} has everything as of {taken_at:%Y-%m-%d %H:%M:%S} UTC ({size / 1e6:,.1f} MB). Names and texts in it"
        " are not encrypted, the keys are: without the passphrase they are lost."
    )


def restore(
    file: File,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a home or a database that has data.")] = False,
) -> None:
    """Make the home, its databases and keys from a backup; stop `campaign up`, workers and pages first.

    Nothing is sent blindly afterwards: whatever may have gone out since the backup is looked up on X.
    """
    from deployments import backup

    passphrase = _passphrase(confirm=False)
    with output.working("Restoring…"):
        taken_at, doubts = backup.restore(load_settings(), file, passphrase, datetime.now(UTC), overwrite=overwrite)
    output.say(f"Restored as of {taken_at:%Y-%m-%d %H:%M:%S} UTC.")
    if doubts.unknown:
        output.say(
            f"{doubts.unknown:,} posts and messages may be out since; they are looked up on X before they go on."
        )
    if doubts.for_a_person:
        output.say(
            f"{doubts.for_a_person:,} messages may be out since, and the backup is too old to look them up: decide with"
            " `campaign delivery settle NAME`."
        )
    if doubts.returned:
        output.say(
            f"{doubts.returned:,} deliveries are in editing and may be out since: look on X, then analyse or stop them."
        )
    output.say("What else was done since is lost; docs/operating.md lists it under `Backup and restore`.")


def _passphrase(*, confirm: bool) -> str:
    passphrase = read_secret_file(PASSPHRASE) or os.environ.get(PASSPHRASE, "")
    if not passphrase and not sys.stdin.isatty():
        raise WrongUsage(f"There is no passphrase for the keys: set {PASSPHRASE}, or run this in a terminal.")
    if not passphrase:
        passphrase = typer.prompt("Passphrase for the keys", hide_input=True, confirmation_prompt=confirm, err=True)
    if confirm and len(passphrase) < _LEAST_LENGTH:
        raise WrongUsage(
            f"The passphrase has fewer than {_LEAST_LENGTH} characters and could be guessed; use a longer one."
        )
    return passphrase
