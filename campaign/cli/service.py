"""`campaign service` and `campaign sync`: X accounts connected, checked, changed, removed and synchronised."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import pendulum
import typer

from campaign.cli import output
from campaign.cli.output import AsJson, Yes, with_options
from campaign.cli.server import run_flow, server_in_use
from campaign.db.engine import make_ready, read_session, transaction
from campaign.errors import CampaignError, NotPossible, ServiceBlocked, Uncertain, Unsent, WrongUsage
from campaign.formatting import dollars, usd
from campaign.limits import spend_cap as ledgers
from campaign.services import store as services
from campaign.services.store import choose_services, connected_services, find_service
from campaign.settings import load_settings, read_secret_file
from campaign.x.types import check_handle
from models import ApiVersion, MessagePolicy, Service, SyncMode

if TYPE_CHECKING:
    from campaign.audience.sync import SyncReport


Handle = Annotated[str, typer.Argument(metavar="HANDLE", help="The handle of the X account, without the @.")]
KEYS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")


class ServiceSettings(TypedDict, total=False):
    """The options of `create` and `edit`."""

    label: Annotated[str, typer.Option(help="The name shown in lists and reports.")]
    visitor_folder: Annotated[str, typer.Option(help="Visitor folder.")]
    synchronize: Annotated[bool, typer.Option("--synchronize/--no-synchronize", help="Part of the account sync.")]
    proof: Annotated[bool, typer.Option("--proof/--no-proof", help="A private test account for proofs.")]
    api_version: Annotated[ApiVersion, typer.Option(help="Which of X's APIs.")]
    owned: Annotated[bool, typer.Option("--owned/--not-owned", help="This account owns the developer app.")]
    spend_cap: Annotated[float, typer.Option(min=0, help="US dollars in a calendar month.")]
    message_policy: Annotated[MessagePolicy, typer.Option(help="Which people may get direct messages.")]
    wrote_first_counts: Annotated[
        bool,
        typer.Option(
            "--wrote-first-counts/--no-wrote-first-counts", help="Whether writing first counts for consented_only."
        ),
    ]
    opt_out_line: Annotated[str, typer.Option(help="The last line of direct messages; empty for none.")]
    frequency_cap: Annotated[int, typer.Option(min=0, help="Direct messages to one person; 0 for no cap.")]
    frequency_days: Annotated[int, typer.Option(min=1, max=365, help="Days in which that cap counts.")]
    quiet_hours: Annotated[str, typer.Option(help="Hours without messages, as in 22:00-08:00; empty for none.")]
    timezone: Annotated[str, typer.Option(help="Of the quiet hours; empty for CAMPAIGN_TIMEZONE.")]
    daily_limit: Annotated[int, typer.Option(min=0, help="Direct messages in 24 hours; 0 for X's limit.")]
    approval_by_another: Annotated[
        bool,
        typer.Option(
            "--approval-by-another/--approval-by-writer-too", help="Whether writers may not approve their own."
        ),
    ]
    two_approvers_recipients: Annotated[
        int, typer.Option(min=0, help="Two people approve a broadcast to more people; 0 for never.")
    ]
    two_approvers_cost: Annotated[
        float, typer.Option(min=0, help="Two people approve what costs more US dollars; 0 for never.")
    ]
    join_purpose: Annotated[str, typer.Option(help="Why people are asked to share their profile; empty: not asked.")]
    asks_email: Annotated[bool, typer.Option("--asks-email/--no-asks-email", help="Ask for the email address too.")]
    reconciliation: Annotated[
        str, typer.Option(help="How known contacts are found: some of x_user_id, email, username; - for none.")
    ]
    client_id: Annotated[str, typer.Option(envvar="CAMPAIGN_CLIENT_ID", help="Of OAuth 2.0; for sharing profiles.")]


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A service with its cost of this month, in US dollars."""

    service: Service
    spent: Decimal

    def describe(self) -> dict[str, Any]:
        """Returns the service for scripts, without its keys."""
        service = self.service
        return {
            "service": service.internal_name,
            "label": service.label,
            "visitor_folder": service.visitor_folder,
            "synchronize": service.synchronize,
            "proof": service.proof,
            "api_version": service.api_version.value,
            "owned": service.owned,
            "spend_cap_usd": dollars(service.spend_cap),
            "spent_usd": dollars(self.spent),
            "followers": service.followers_count,
            "message_policy": service.message_policy.value,
            "wrote_first_counts": service.wrote_first_counts,
            "opt_out_line": service.opt_out_line,
            "frequency_cap": service.frequency_cap,
            "frequency_days": service.frequency_days,
            "quiet_hours": service.quiet_hours,
            "timezone": service.timezone,
            "daily_limit": service.daily_limit,
            "approval_by_another": service.approval_by_another,
            "two_approvers_recipients": service.two_approvers_recipients,
            "two_approvers_cost_usd": dollars(service.two_approvers_cost),
            "join_purpose": service.join_purpose,
            "asks_email": service.asks_email,
            "oauth2": service.has_oauth2,
            "reconciliation": service.reconciliation,
            **self.check_result(),
        }

    def check_result(self) -> dict[str, Any]:
        """Returns the result of the last check."""
        service = self.service
        return {
            "state": service.state.value,
            "handle": service.x_username or service.internal_name,
            "x_user_id": service.x_user_id,
            "access_level": service.access_level,
            "problems": service.problems.splitlines(),
        }

    def as_row(self) -> dict[str, str]:
        """Returns the row of the service in a list."""
        service = self.service
        return {
            "Service": service.internal_name,
            "Label": service.label,
            "State": service.state.value.replace("_", " "),
            "Followers": f"{service.followers_count:,}" if service.followers_count is not None else "",
            "Synchronized": "yes" if service.synchronize else "no",
            "Proof": "yes" if service.proof else "",
            "Spent": f"{usd(self.spent)} of {usd(service.spend_cap)}",
            "Problems": service.problems,
        }


def save_new(values: dict[str, Any]) -> ServiceRow:
    """Connects an account; raises WrongUsage when there is a service of that name, or with every wrong field."""
    from campaign.services.fields import read_fields

    fields = read_fields(values)
    with transaction() as session:
        service = services.create(session, fields, pendulum.now("UTC"), output.actor())
    return _with_spending(service)


def save_changed(handle: str, changes: dict[str, Any]) -> ServiceRow:
    """Changes some fields of a service."""
    from campaign.services.fields import read_fields

    service = find_service(handle)
    with transaction() as session:
        row = services.get(session, service.id)
        fields = read_fields(services.read_values(session, row) | changes)
        services.change(session, row, fields, pendulum.now("UTC"), output.actor())
    return _with_spending(row)


def _with_spending(service: Service) -> ServiceRow:
    with read_session() as session:
        return ServiceRow(service, ledgers.spent(session, service.id, pendulum.now("UTC")))


def list_services(as_json: AsJson = False) -> None:
    """List the services with their state and cost of this month."""
    make_ready()
    known = connected_services()
    rows, problems = [_with_spending(each) for each in known.services], known.problems
    if as_json:
        output.print_json([row.describe() for row in rows])
    else:
        output.print_table([row.as_row() for row in rows])
    for problem in problems or (
        [] if rows else ["There is no service yet; create one: campaign service create HANDLE"]
    ):
        output.say(problem)


_ASKS_OF_X = (
    "X asks three things of an automated account that no check can see: the Automated label, the operator named in the"
    " bio, and a linked account of a person. See docs/marketing-rules.md."
)


def check(handle: Handle, as_json: AsJson = False) -> None:
    """Check the keys of a service with X. This costs one user read ($0.01)."""
    from campaign.x.http import check_simulator

    check_handle(handle)
    check_simulator(load_settings().x_api_url)
    make_ready()
    try:
        services.check_keys(find_service(handle))
    except (Unsent, Uncertain) as error:
        raise WrongUsage(str(error)) from None
    except ServiceBlocked as error:
        raise NotPossible(error.sentence) from None
    account = find_service(handle)
    if as_json:
        output.print_json(_with_spending(account).check_result())
    else:
        if account.x_username:
            protected = "protected" if account.protected else "public"
            output.say(
                f"@{account.x_username} ({account.x_name}): {account.followers_count:,} followers, {protected},"
                f" permission {account.access_level or 'unknown'}, spend cap {usd(account.spend_cap)} a month."
            )
        for problem in account.problems.splitlines():
            output.say(problem)
        if account.state == "ok":
            output.say("X accepts the keys.")
        output.say(_ASKS_OF_X)
    if account.state != "ok":
        raise NotPossible(f"{handle} needs attention.")


@with_options(ServiceSettings)
def create(handle: Handle, options: dict[str, Any], as_json: AsJson = False) -> None:
    """Connect an X account. Its keys come from CAMPAIGN_CONSUMER_KEY and so on, or are asked for."""
    check_handle(handle)
    keys = _ask_for(KEYS)
    make_ready()
    row = save_new({"label": handle, "internal_name": handle} | _values(options) | keys)
    _show(row.describe(), as_json=as_json)
    output.say(f"Saved. Check its keys with: campaign service check {handle}")


@with_options(ServiceSettings)
def edit(
    handle: Handle,
    options: dict[str, Any],
    internal_name: Annotated[str | None, typer.Option(help="The new handle, after the account was renamed.")] = None,
    keys: Annotated[
        bool, typer.Option("--keys", help="Replace the four keys: from CAMPAIGN_CONSUMER_KEY and so on, or asked for.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change settings of a service and keep the rest."""
    values = _values(options) | ({} if internal_name is None else {"internal_name": internal_name})
    check_handle(internal_name or handle)
    if keys:
        values |= _ask_for(KEYS)
    make_ready()
    _show(save_changed(handle, values).describe(), as_json=as_json)


def _values(options: dict[str, Any]) -> dict[str, Any]:
    secret = {}
    if "client_id" in options:
        secret = _ask_for(["client_secret"]) if options["client_id"] else {"client_secret": ""}
    amounts = (name for name in ("spend_cap", "two_approvers_cost") if name in options)
    return options | {name: Decimal(str(options[name])) for name in amounts} | secret


def _ask_for(names: Sequence[str]) -> dict[str, str]:
    """Reads keys from the environment or the files it names, and asks for those that are missing.

    Other users of the machine can see arguments.
    """
    keys = {}
    for name in names:
        label, variable = name.replace("_", " "), f"CAMPAIGN_{name.upper()}"
        key = read_secret_file(variable) or os.environ.get(variable)
        if not key and not sys.stdin.isatty():
            raise WrongUsage(f"The {label} is missing: set {variable}, or run this in a terminal, which asks for it.")
        keys[name] = key or str(typer.prompt(label.capitalize(), hide_input=True, err=True))
    return keys


def _show(description: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_json(description)
    else:
        output.print_table([{"Service": description["service"], "Label": description["label"]}])


def remove(handle: Handle, yes: Yes = False, as_json: AsJson = False) -> None:
    """Disconnect an X account and delete its keys; its visitors stay."""
    check_handle(handle)
    make_ready()
    row = _with_spending(find_service(handle))
    if not yes and not output.confirm(f"Disconnect {row.service.internal_name}? Its visitors stay."):
        raise NotPossible("Nothing was changed.")
    with transaction() as session:
        services.remove(session, services.get(session, row.service.id), pendulum.now("UTC"), output.actor())
    _show(row.describe() | {"state": "removed"}, as_json=as_json)


def sync(
    handles: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HANDLE]...", help="The services; without one, all that are synchronized."),
    ] = None,
    mode: Annotated[SyncMode, typer.Option(help="How far to read.")] = SyncMode.FULL,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End where X allows no more calls.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read the followers of services into the visitors table. It continues where an earlier run ended."""
    from campaign.x.http import check_simulator

    for handle in handles or []:
        check_handle(handle)
    check_simulator(load_settings().x_api_url)
    make_ready()
    with server_in_use() as has_server:
        run = _run_flow if has_server else _run_here
        reports, message = run(handles or [], mode, no_wait=no_wait)
    if as_json:
        output.print_json([report.as_json() for report in reports])
    else:
        output.print_table([report.as_row() for report in reports])
    if message:
        raise NotPossible(message)


def _run_here(handles: Sequence[str], mode: SyncMode, *, no_wait: bool) -> tuple[list["SyncReport"], str]:
    from campaign.audience.sync import describe_outcome, synchronise_all

    chosen = choose_services(handles)
    with output.progress(chosen.services):
        reports = synchronise_all(chosen.services, mode, "campaign sync", wait=not no_wait)
    is_well, sentence = describe_outcome(reports, chosen.problems)
    return reports, "" if is_well else sentence


def _run_flow(handles: Sequence[str], mode: SyncMode, *, no_wait: bool) -> tuple[list["SyncReport"], str]:
    from flows.account_sync import account_sync
    from tasks.services import take_over

    take_over()
    with output.progress(choose_services(handles).services):
        state = run_flow(account_sync, list(handles), mode, no_wait=no_wait)
    reports = state.result(raise_on_failure=False)
    message = "" if state.is_completed() else state.message or "The sync failed."
    return (reports if isinstance(reports, list) else []), message


def balance(
    handles: Annotated[
        list[str] | None, typer.Argument(metavar="[HANDLE]...", help="The services; without one, all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the credits that X has left for each developer app. X shows them to some apps only."""
    from campaign.x.http import check_simulator

    for handle in handles or []:
        check_handle(handle)
    check_simulator(load_settings().x_api_url)
    make_ready()
    chosen = [find_service(handle) for handle in handles or []] or connected_services().services
    rows, failed = list[dict[str, str | None]](), list[str]()
    for service in chosen:
        amounts: dict[str, str | None] = {"free_usd": None, "prepaid_usd": None, "total_usd": None}
        reason = None
        try:
            found = services.read_balance(service)
        except CampaignError as error:
            failed.append(service.internal_name)
            reason = error.sentence
        else:
            if found:
                parts = {"free_usd": found.free, "prepaid_usd": found.prepaid, "total_usd": found.total}
                amounts = {name: f"{amount:f}" for name, amount in parts.items()}
            else:
                reason = "X does not show the balance to this app; see https://console.x.com"
        rows.append({"service": service.internal_name, **amounts, "reason": reason})
    if as_json:
        output.print_json(rows)
    else:
        columns = {"Free": "free_usd", "Prepaid": "prepaid_usd", "Total": "total_usd"}
        output.print_table(
            [
                {
                    "Service": str(row["service"]),
                    **{title: usd(Decimal(row[name] or 0)) if row[name] else "" for title, name in columns.items()},
                    "Reason": row["reason"] or "",
                }
                for row in rows
            ]
        )
    if not rows:
        output.say("There is no service yet; create one: campaign service create HANDLE")
    if failed:
        raise NotPossible(f"The balance of {', '.join(failed)} could not be read.")
