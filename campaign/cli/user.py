"""`campaign user` and `campaign audit`: the people who work at the desk, what they may do there, and what they did."""

from typing import Annotated

import pendulum
import typer
from sqlmodel import Session

from campaign.cli import output
from campaign.cli.output import AsJson, Limit, Yes
from campaign.db.engine import make_ready, read_session, transaction
from campaign.deliveries.approval import current_user
from campaign.errors import NotPossible, WrongUsage
from campaign.services import store as services
from campaign.settings import load_settings
from campaign.users import store as users
from models import EVERY_SERVICE, Role, User

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the person signs in with: a name or an email address.")]
Roles = Annotated[
    list[str],
    typer.Option(
        "--role",
        metavar="[SERVICE:]ROLE",
        help="viewer, writer, approver or operator; for one service, as in acme:writer, or for all of them.",
    ),
]


def add(
    name: Name,
    roles: Roles,
    full_name: Annotated[str, typer.Option(help="As it is shown; the name when left out.")] = "",
    email: Annotated[str, typer.Option(help="Where notifications go.")] = "",
    as_json: AsJson = False,
) -> None:
    """Give a person access to the desk. Send the person the link that is printed: it works once."""
    make_ready()
    now = pendulum.now("UTC")
    with transaction() as session:
        user = users.add_user(session, name, full_name, _read_roles(session, roles), now, email=email)
        users.record_audit(session, current_user(), f"user {user.name}", "added", now, f"Roles: {', '.join(roles)}.")
        _show_link(user, as_json=as_json)


def list_users(as_json: AsJson = False) -> None:
    """List the people with access to the desk, and their roles."""
    make_ready()
    with read_session() as session:
        names = {one.id: one.internal_name for one in services.list_known(session)}
        found = []
        for user in users.list_users(session):
            given = users.roles_of(session, user).items()
            shown = ((names.get(one), role.value) for one, role in given if not one or one in names)
            found.append((user, [f"{name}:{role}" if name else role for name, role in shown]))
    if as_json:
        output.print_json(
            [{"name": one.name, "full_name": one.full_name, "email": one.email, "roles": roles} for one, roles in found]
        )
    else:
        output.print_table(
            [
                {"Name": one.name, "Full name": one.full_name, "Email": one.email, "Roles": ", ".join(roles)}
                for one, roles in found
            ]
        )


def change_roles(name: Name, roles: Roles, as_json: AsJson = False) -> None:
    """Change the roles of a person: those named here replace all earlier ones."""
    make_ready()
    with transaction() as session:
        user = users.find_user(session, name)
        users.set_roles(session, user, _read_roles(session, roles))
        detail = f"Roles: {', '.join(roles)}."
        users.record_audit(session, current_user(), f"user {user.name}", "roles changed", pendulum.now("UTC"), detail)
    _show_state(user, "changed", as_json=as_json)


def edit(
    name: Name,
    full_name: Annotated[str | None, typer.Option(help="As it is shown.")] = None,
    email: Annotated[str | None, typer.Option(help="Where notifications go; empty for none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change the full name or the email address of a person."""
    make_ready()
    with transaction() as session:
        user = users.find_user(session, name)
        users.describe(user, user.full_name if full_name is None else full_name, user.email if email is None else email)
        session.add(user)
        users.record_audit(session, current_user(), f"user {user.name}", "changed", pendulum.now("UTC"))
    _show_state(user, "changed", as_json=as_json)


def reset(name: Name, as_json: AsJson = False) -> None:
    """Make a new one-time link, with which a person chooses a password. Until then the present one works."""
    make_ready()
    with transaction() as session:
        user = users.find_user(session, name)
        users.record_audit(session, current_user(), f"user {user.name}", "link made", pendulum.now("UTC"))
        _show_link(user, as_json=as_json)


def remove(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take away a person's access to the desk; what the person did stays in the audit."""
    make_ready()
    with transaction() as session:
        user = users.find_user(session, name)
        if not yes and not output.confirm(f"Take away the access of {user.name}?"):
            raise NotPossible("Nothing was changed.")
        users.remove_user(session, user, now := pendulum.now("UTC"))
        users.record_audit(session, current_user(), f"user {user.name}", "removed", now)
    _show_state(user, "removed", as_json=as_json)


def list_audit(
    who: Annotated[str, typer.Option(help="Only what this person or run did.")] = "",
    search: Annotated[str, typer.Option(help="Only entries with this text.")] = "",
    limit: Limit = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all of them, comma separated.")] = False,
    as_json: AsJson = False,
) -> None:
    """List who did what and when, the newest first: deliveries, services, templates, consents, exports, sign-ins."""
    if as_csv and as_json:
        raise WrongUsage("Choose --csv or --json; both do not fit into one output.")
    make_ready()
    if as_csv or as_json:
        output.record_export("audit")
    some = limit if as_csv or as_json else limit or output.SHOWN
    with read_session() as session:
        rows = (row.as_cells() for row in users.list_audit(session, actor=who, search=search, limit=some))
        if as_csv:
            output.print_csv(users.AUDIT_COLUMNS, rows)
        elif as_json:
            output.print_json_list(dict(zip(users.AUDIT_COLUMNS, row, strict=True)) for row in rows)
        else:
            headings = [name.capitalize() for name in users.AUDIT_COLUMNS]
            output.print_table([dict(zip(headings, row, strict=True)) for row in rows])


def _read_roles(session: Session, given: list[str]) -> dict[int, Role]:
    roles, problems = {}, []
    for one in given:
        service_name, _, role = one.rpartition(":")
        service = services.find(session, service_name) if service_name else None
        if role not in list(Role):
            problems.append(f"Invalid role {role!r}. Use one of {', '.join(Role)}.")
        elif service_name and service is None:
            problems.append(f"There is no service {service_name!r}; `campaign service list` shows them.")
        else:
            roles[service.id if service else EVERY_SERVICE] = Role(role)
    if problems:
        raise WrongUsage(" ".join(problems))
    return roles


def _show_link(user: User, *, as_json: bool) -> None:
    link = load_settings().pages_url + users.one_time_link(user)
    if as_json:
        output.print_json({"name": user.name, "link": link})
    else:
        output.print_table([{"Name": user.name}])
        output.say(f"Send {user.name} this link, which works once within two days: {link}")


def _show_state(user: User, state: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"name": user.name, "state": state})
    else:
        output.print_table([{"Name": user.name, "State": state}])
