"""`campaign doctor`, `db`, `keys`, `backup` and `restore`: the state of an installation, and what keeps it.

A backup is a home with its databases and keys as one file.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from campaign.cli import output
from campaign.cli.output import AsJson, Yes
from campaign.cli.server import server_in_use
from campaign.db import engine as schema
from campaign.db.engine import engine, read_session
from campaign.errors import CampaignError, NotPossible, WrongUsage, XError
from campaign.formatting import usd
from campaign.settings import Settings, load_settings, read_secret_file

#: X refuses signed calls when the clocks differ by more than five minutes; a finding is made much earlier.
_CLOCK_SECONDS = 60
_DISK_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    check: str
    ok: bool
    says: str


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Checks what a workflow needs, from the home to the services."""
    checks = {
        "home": _home,
        "disk": _disk,
        "database": _database,
        "encryption key": _encryption,
        "clock": _clock,
        "prices": _prices,
        "server": _server,
    }
    finding = None
    for name, check in checks.items():
        finding = _finding(name, check, settings)
        yield finding
    if finding and finding.ok:
        with server_in_use():
            yield _finding("worker", _worker, settings)
    yield from _services()


def _finding(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, ok=True, says=check(settings))
    except CampaignError as error:
        return Finding(name, ok=False, says=str(error))


#: Databases with what SQLite writes beside them, keys and the password of the server.
_PRIVATE = {".db", ".db-wal", ".db-shm", ".key", ".password"}


def _home(settings: Settings) -> str:
    from deployments.processes import make_home

    make_home(settings)
    database = engine().url.database if engine().dialect.name == "sqlite" else None
    beside = [Path(f"{database}{end}") for end in ("", "-wal", "-shm")] if database else []
    in_home = [one for one in settings.home.iterdir() if one.suffix in _PRIVATE]
    private = [settings.home, *dict.fromkeys([*in_home, *(one for one in beside if one.exists())])]
    if readable := [str(one) for one in private if one.stat().st_mode & 0o077]:
        raise NotPossible(f"Other users can read {', '.join(readable)}; run: chmod -R go= {' '.join(readable)}")
    return f"{settings.home} can be written to, and only its owner can read it."


def _disk(settings: Settings) -> str:
    place = next(folder for folder in (settings.home, *settings.home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    says = f"{free / 1e9:.1f} GB are free at {place}"
    if free < _DISK_BYTES:
        raise NotPossible(f"{says}; make room for at least 1 GB, or a sync may stop in the middle.")
    return f"{says}."


def _database(_settings: Settings) -> str:
    schema.make_ready()
    shown = engine().url.render_as_string(hide_password=True)
    return f"{shown} is at revision {schema.newest_revision()}."


def _encryption(settings: Settings) -> str:
    from deployments.server import ENCRYPTION_VARIABLE, key_file, server_key, server_of, server_of_home

    address = server_of(settings)
    if address and address != server_of_home(settings):
        return f"It is with the server at {address.api_url}."
    server_key(settings)
    if os.environ.get(ENCRYPTION_VARIABLE):
        return f"{ENCRYPTION_VARIABLE} is set; keep a copy of it with your backups."
    return f"{key_file(settings)} is the one the services were saved with; keep a copy of it with your backups."


def _clock(settings: Settings) -> str:
    from email.utils import parsedate_to_datetime

    import httpx

    try:
        date = httpx.get(settings.x_api_url, timeout=10).headers["Date"]
    except (httpx.HTTPError, KeyError):
        raise NotPossible(
            f"{settings.x_api_url} cannot be reached; check the network and CAMPAIGN_X_API_URL."
        ) from None
    seconds = abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    if seconds > _CLOCK_SECONDS:
        raise NotPossible(
            f"This machine's clock and X's differ by {seconds:.0f} s; X refuses calls beyond 300 s: set it."
        )
    return f"This machine's clock and X's differ by {seconds:.0f} s."


def _prices(settings: Settings) -> str:
    from campaign.x.gateway import price_list, price_warning

    listed = price_list(settings, datetime.now(UTC))
    if warning := price_warning(listed):
        raise NotPossible(warning)
    if any(one.live is not None for one in listed):
        return "X's live list has the prices of this version."
    return f"X's live list cannot be read at {settings.prices_url}; the prices of this version are used."


def _server(settings: Settings) -> str:
    from deployments.server import needed_server

    address = needed_server(settings)
    return f"{address.api_url} answers and has the right version."


def _worker(_settings: Settings) -> str:
    from deployments.worker import unattended_pools

    if unattended := unattended_pools():
        pools, commands = ", ".join(unattended), "` and `".join(unattended.values())
        raise NotPossible(
            f"No worker is online for {pools}, so no workflow can run; start `campaign up`, or `{commands}`."
        )
    return "Each work pool of the workflows has a worker."


def _services() -> Iterator[Finding]:
    from campaign.db import vault
    from campaign.services.store import connected_services
    from models import ServiceState

    try:
        saved = connected_services()
        with read_session() as session:
            vault.check_key(session)
    except CampaignError as error:
        yield Finding("services", ok=False, says=str(error))
        return
    yield from (Finding("services", ok=False, says=problem) for problem in saved.problems)
    for service in saved.services:
        name, state = f"service {service.internal_name}", service.state
        if state is ServiceState.OK:
            yield Finding(name, ok=True, says=f"X accepted its keys on {service.checked_at:%Y-%m-%d %H:%M} UTC.")
        elif state is ServiceState.UNCHECKED:
            advice = f"campaign service check {service.internal_name}"
            yield Finding(name, ok=False, says=f"Its keys have not been checked yet; run `{advice}`.")
        else:
            yield Finding(name, ok=False, says=service.problems.replace("\n", " "))
    if not saved.services and not saved.problems:
        yield Finding(
            "services", ok=False, says="There is no service yet; create one with `campaign service create HANDLE`."
        )


def doctor(as_json: AsJson = False) -> None:
    """Check the installation, and say what to do. Exit status 1 if something needs attention.

    The checks are: home, disk, database, encryption key, clock, prices, server, worker, services.
    """
    from deployments.processes import adopt

    settings = load_settings()
    adopt(settings)

    findings = []
    for finding in diagnose(settings):
        findings.append(finding)
        if not as_json:
            state, style = ("ok             ", "green") if finding.ok else ("needs attention", "red")
            output.console().print(state, style=style, end="  ")
            output.say(f"{finding.check}: {finding.says}")
    if as_json:
        output.print_json([asdict(finding) for finding in findings])
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def prices(as_json: AsJson = False) -> None:
    """Compare the built-in prices with X's live list. Exit status 1 if they differ."""
    from campaign.x.gateway import price_list, price_warning

    try:
        listed = price_list(load_settings(), datetime.now(UTC), fresh=True)
    except XError as error:
        raise NotPossible(f"X's live list of prices cannot be read. {error.sentence}") from None
    if as_json:
        output.print_json(
            [
                {
                    "item": one.price.item,
                    "usd": f"{one.price.usd:f}",
                    "live_usd": None if one.live is None else f"{one.live:f}",
                    "differs": one.differs,
                }
                for one in listed
            ]
        )
    else:
        output.print_table(
            [
                {
                    "Item": one.price.item,
                    "Price": usd(one.price.usd),
                    "X's live list": "" if one.live is None else usd(one.live),
                    "": "differs" if one.differs else "",
                }
                for one in listed
            ]
        )
    if warning := price_warning(listed):
        raise NotPossible(warning)


def upgrade() -> None:
    """Migrate the database to the schema of this version; safe to run twice."""
    from deployments.server import server_of, take_over_resting_forms

    schema.check_reachable()
    schema.upgrade()
    output.say(f"The database is at revision {schema.newest_revision()}.")
    # An earlier version saved keys in Prefect's forms: they are read whether its server runs or not.
    settings = load_settings()
    if server_of(settings) is None:
        count = take_over_resting_forms(settings)
        if count:
            output.say(f"The keys of {count} services were taken over from their forms into the database.")
        return
    from tasks.services import take_over

    with server_in_use():
        take_over()


def rotate() -> None:
    """Encrypt all secrets with a new key. Where CAMPAIGN_ENCRYPTION_KEY is set, its first key is the new one."""
    from campaign.db.vault import rotate_key
    from campaign.users import store as users

    schema.make_ready()
    count = rotate_key(now := datetime.now(UTC))
    with schema.transaction() as session:
        users.record_audit(session, output.actor(), "all services", "encryption key replaced", now)
    output.say(f"{count:,} secrets are encrypted with the new key. Make a backup of it now.")


def discard(yes: Yes = False) -> None:
    """Delete all secrets after the key was lost for good. The keys of services are then entered again."""
    from campaign.db.vault import discard_all
    from campaign.users import store as users

    schema.make_ready()
    if not yes and not output.confirm("Delete the keys of all services and the tokens of all agreements?"):
        raise NotPossible("Nothing was changed.")
    with schema.transaction() as session:
        count = discard_all(session)
        users.record_audit(session, output.actor(), "all services", "keys and tokens deleted", datetime.now(UTC))
    output.say(f"{count:,} secrets are deleted. Enter the keys again: campaign service edit HANDLE --keys")


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
