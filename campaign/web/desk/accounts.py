"""The accounts: connected with keys or by signing in with X, checked, changed; and the schedules of the workflows."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO, get_args

from pydantic import SecretStr
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from campaign.db import vault
from campaign.db.engine import read_session, transaction
from campaign.errors import CampaignError, NotPossible, WrongUsage
from campaign.limits import rate_limits, spend_cap
from campaign.services import store
from campaign.services.fields import SECRETS, ServiceFields, read_fields
from campaign.services.store import app_keys_of, check_keys, gateway_of
from campaign.settings import load_settings
from campaign.users import store as users
from campaign.web.desk.access import DeskRequest, desk_route, own_address
from campaign.web.desk.documents import find_sentences
from campaign.web.desk.wording import N_
from campaign.web.sign_in import x_origins
from campaign.x.oauth import AppKeys, SignIn, sign_in_of_brand
from campaign.x.v1 import GatewayV1
from campaign.x.v2 import GatewayV2
from models import Role, SecretKind, Service, WindowName

_HOME, _CALLBACK = "/desk/accounts", "/desk/accounts/callback"
_KEYS = SECRETS[:4]
_WINDOWS = {
    WindowName.QUARTER_HOUR: N_("15 minutes"),
    WindowName.USER_DAY: N_("24 hours of the account"),
    WindowName.APP_DAY: N_("24 hours of the app"),
}
_PUBLISHING, _WRITING = N_("Publishing posts"), N_("Sending messages")
#: How a marketer calls what X's endpoints do, by how they begin.
_WORK = {
    "DELETE /2/tweets/": N_("Deleting posts"),
    "POST /1.1/statuses/destroy": N_("Deleting posts"),
    "POST /2/media/": N_("Uploading files"),
    "POST /1.1/media/": N_("Uploading files"),
    "GET /2/users/me": N_("Checking the keys"),
    "GET /1.1/account/": N_("Checking the keys"),
}
for _gateway in (GatewayV2, GatewayV1):
    _WORK |= {
        _gateway.post_endpoint: _PUBLISHING,
        _gateway.message_endpoint: _WRITING,
        _gateway.events_endpoint: N_("Reading messages"),
        _gateway.lookup_endpoint: N_("Counting reactions"),
        _gateway.timeline_endpoint: N_("Looking up posts"),
        **dict.fromkeys(_gateway.follower_endpoints, N_("Reading followers")),
    }
_LEFT = {_PUBLISHING: N_("Posts left"), _WRITING: N_("Messages left")}
WORKS = {
    "account-sync": N_("Reads who follows the accounts"),
    "contact-acquisition": N_("Invites people, reads answers and the profiles of those who agreed"),
    "dm-broadcast": N_("Sends broadcasts that are approved and due"),
    "engagement-statistics": N_("Counts reactions and clicks"),
    "post-publication": N_("Publishes posts that are approved and due"),
}
"""What the workflows do."""
#: Set with the keys, or by the check; the other fields of a service are its policy.
_NOT_POLICY = {*SECRETS, "service_type", "internal_name"}


def routes() -> list[Route]:
    """Returns the routes of the pages."""
    one = f"{_HOME}/{{service}}"
    return [
        desk_route(_HOME, show_accounts, Role.VIEWER),
        # Before the pages of a service, whose addresses they would match.
        desk_route(f"{_HOME}/new", show_new_account, Role.OPERATOR, everywhere=True),
        desk_route(f"{_HOME}/new", connect_account, Role.OPERATOR, method="POST", everywhere=True),
        desk_route(f"{_HOME}/sign-in", begin_sign_in, Role.OPERATOR, method="POST", everywhere=True),
        desk_route(_CALLBACK, finish_sign_in, Role.OPERATOR, everywhere=True),
        desk_route("/desk/workflows/{workflow}", switch_workflow, Role.OPERATOR, method="POST", everywhere=True),
        desk_route(one, show_account, Role.VIEWER),
        desk_route(one, change_policy, Role.OPERATOR, method="POST"),
        desk_route(f"{one}/keys", replace_keys, Role.OPERATOR, method="POST"),
        desk_route(f"{one}/check", check_account, Role.OPERATOR, method="POST"),
        desk_route(f"{one}/sync", sync_followers, Role.OPERATOR, method="POST"),
        desk_route(f"{one}/remove", disconnect_account, Role.OPERATOR, method="POST"),
    ]


@dataclass(frozen=True, slots=True)
class Card:
    """An account as the desk shows it: what it spent this month, and the windows that X reported last."""

    service: Service
    spent: Decimal
    windows: list[tuple[str, str, int, int]]
    """What the calls do, window, calls left, calls allowed; the one with the smallest share left comes first."""

    @property
    def share(self) -> int:
        """Returns the share of the month's cap that is spent, in per cent."""
        return min(100, int(100 * self.spent / self.service.spend_cap)) if self.service.spend_cap else 100

    @property
    def narrowest(self) -> dict[str, tuple[str, str, int, int]]:
        """Returns for posts and for messages the window with the smallest share left."""
        return {_LEFT[window[0]]: window for window in reversed(self.windows) if window[0] in _LEFT}


def card_of(desk: DeskRequest, service: Service) -> Card:
    """Reads what the account spent this month, and the windows of its messages and posts."""
    with read_session() as session:
        spent, windows = spend_cap.spent(session, service.id, desk.now), list[tuple[str, str, int, int]]()
        for endpoint in rate_limits.known_endpoints(session, service.id):
            work = next((words for start, words in _WORK.items() if endpoint.startswith(start)), endpoint)
            for window in rate_limits.windows_of(session, service, endpoint):
                left = window.limit if window.reset_at <= desk.now else window.remaining
                windows.append((work, _WINDOWS[window.name], left, window.limit))
    windows.sort(key=lambda one: one[2] / one[3] if one[3] else 0)
    # Several endpoints serve one piece of work, such as an upload.
    narrowest = {one[:2]: one for one in reversed(windows)}
    return Card(service, spent, [one for one in windows if narrowest[one[:2]] is one])


def show_accounts(desk: DeskRequest) -> Response:
    """Lists the accounts, and for an operator the five workflows."""
    problem, workflows, workers = "", [], 0
    if desk.person.may(Role.OPERATOR):
        try:
            workflows, workers = list(desk.runs.workflows()), desk.runs.workers_online()
        except NotPossible as error:
            problem = str(error)
    cards = [card_of(desk, service) for service in desk.services()]
    facts = {"workflows": workflows, "workers": workers, "problem": problem, "zone": load_settings().timezone}
    facts["works"] = WORKS
    return desk.page("accounts.html.jinja", 200, cards=cards, **facts)


def show_new_account(desk: DeskRequest, status: int = 200, problem: str = "") -> Response:
    """Shows the form that connects an account."""
    typed = {name: desk.text(name) for name in ("internal_name", "label", "owned")}
    return desk.page(
        "account_new.html.jinja",
        status,
        # Signing in leads from the form to X.
        posts_to=x_origins(),
        problem=problem,
        typed=typed,
        keys=[_Field.of(name) for name in _KEYS],
        services=desk.services(),
        callback=_callback_of(desk),
    )


def connect_account(desk: DeskRequest) -> Response:
    """Connects an account with its four keys, and asks X about them at once."""
    values = {name: desk.text(name) for name in _KEYS}
    try:
        service = _create(desk, desk.text("internal_name").removeprefix("@"), values)
    except WrongUsage as error:
        return show_new_account(desk, 400, str(error))
    return _checked(desk, service)


def _create(desk: DeskRequest, handle: str, keys: dict[str, str]) -> Service:
    values = {"internal_name": handle, "label": desk.text("label") or handle, "owned": desk.text("owned") != "no"}
    with transaction() as session:
        return store.create(session, read_fields(values | keys), desk.now, desk.actor)


def _checked(desk: DeskRequest, service: Service) -> Response:
    """Asks X about the keys; the page of the account shows what it answered."""
    page, notice = f"{_HOME}/{service.internal_name}", ""
    try:
        if not check_keys(service):
            notice = N_("X accepts the keys.")
    except CampaignError as error:
        notice = str(error)
    return desk.redirect(page, notice)


def begin_sign_in(desk: DeskRequest) -> Response:
    """Sends the operator to X's consent screen, with the keys of the app; they wait in the vault."""
    other = desk.text("app_of")
    try:
        if other:
            app = app_keys_of(store.find_service(other))
        else:
            app = AppKeys(SecretStr(desk.text("consumer_key")), SecretStr(desk.text("consumer_secret")))
        begun = _sign_in(app).begin(_callback_of(desk))
    except CampaignError as error:
        return show_new_account(desk, 400, str(error))
    kept = {"consumer_key": app.consumer_key, "consumer_secret": app.consumer_secret}
    secrets = {name: key.get_secret_value() for name, key in kept.items()} | begun.kept
    with transaction() as session:
        vault.save(session, SecretKind.PENDING_SIGN_IN, desk.person.user.id, secrets, desk.now)
    return RedirectResponse(begun.url, 303)


def _sign_in(app: AppKeys) -> SignIn:
    return sign_in_of_brand(app, load_settings().x_api_url)


def finish_sign_in(desk: DeskRequest) -> Response:
    """Connects the account that agreed on X's consent screen; a known one gets the new keys."""
    owner = desk.person.user.id
    with transaction() as session:
        kept = vault.read(session, SecretKind.PENDING_SIGN_IN, owner)
        vault.delete(session, SecretKind.PENDING_SIGN_IN, owner)
    if not kept:
        raise NotPossible(N_("This sign-in was not begun here, or is finished already. Begin again."))
    app = AppKeys(SecretStr(kept["consumer_key"]), SecretStr(kept["consumer_secret"]))
    grant = _sign_in(app).complete(kept, dict(desk.request.query_params), _callback_of(desk))
    if grant.person is None:
        raise NotPossible(N_("X did not say which account agreed. Begin again, or enter the four keys."))
    keys = {"consumer_key": kept["consumer_key"], "consumer_secret": kept["consumer_secret"]}
    keys |= {"access_token": grant.access_token, "access_token_secret": grant.access_token_secret}
    with read_session() as session:
        known = store.find(session, grant.person.username)
    if known and known.is_connected:
        return _checked(desk, _change(desk, known, keys))
    return _checked(desk, _create(desk, grant.person.username, keys))


def _callback_of(desk: DeskRequest) -> str:
    return own_address(desk.request, _CALLBACK)


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a service as a form asks for it."""

    name: str
    title: str
    help: str
    kind: str
    """`tick`, `choice`, `number`, `long` or `text`."""
    choices: tuple[str, ...] = ()
    value: Any = ""

    @classmethod
    def of(cls, name: str, value: Any = "") -> "_Field":
        field = ServiceFields.model_fields[name]
        choices = tuple(str(one) for one in get_args(field.annotation) if isinstance(one, str))
        kinds: dict[Any, str] = {bool: "tick", int: "number", Decimal: "number"}
        kind = kinds.get(field.annotation, "text")
        if choices or name in {"opt_out_line", "join_purpose"}:
            kind = "choice" if choices else "long"
        return cls(name, field.title or name, field.description or "", kind, choices, value)


#: How Pydantic, and the check of the settings, refuse a value.
_REFUSALS = (
    N_("input should be a valid integer, unable to parse string as an integer"),
    N_("input should be a valid decimal"),
    N_("input should be greater than or equal to {1}"),
    N_("input should be less than or equal to {1}"),
    N_("decimal input should have no more than {1} decimal places"),
    N_("string should have at most {1} characters"),
    N_("input should be {1}"),
    N_("Unknown time zone {1!r}. Write it like Europe/Brussels or UTC."),
)


def find_texts(file: BinaryIO, *_: object, **__: object) -> Iterator[tuple[int, str, str, list[str]]]:
    """Yields the titles, helps and choices of the fields, which are marked nowhere, for Babel (`make languages`)."""
    yield from find_sentences(file)
    for name in ServiceFields.model_fields:
        field = _Field.of(name)
        texts = filter(None, [field.title, field.help, *(one.replace("_", " ") for one in field.choices if "_" in one)])
        yield from ((0, "_", text, []) for text in texts)


def _policy() -> Iterator[str]:
    return (name for name in ServiceFields.model_fields if name not in _NOT_POLICY)


def _service_in(desk: DeskRequest) -> Service:
    if desk.service is None or not desk.service.is_connected:
        raise NotPossible(N_("This account was disconnected. Connect it again under Accounts."))
    return desk.service


def show_account(desk: DeskRequest, status: int = 200, problem: str = "") -> Response:
    """Shows an account with its policy, its keys and its health."""
    service = _service_in(desk)
    typed = {name: _read(desk, name) for name in _policy()} if problem else None
    fields = [_Field.of(name, typed[name] if typed else _stored(service, name)) for name in _policy()]
    return desk.page(
        "account.html.jinja",
        status,
        card=card_of(desk, service),
        service=service,
        problems=service.problems.splitlines(),
        fields=fields,
        keys=[_Field.of(name) for name in SECRETS],
        problem=problem,
        zone=store.zone_of(service),
        may_change=desk.person.may(Role.OPERATOR, service.id),
    )


def _stored(service: Service, name: str) -> Any:
    value = getattr(service, name)
    return f"{value:f}" if isinstance(value, Decimal) else value or "-" if name == "opt_out_line" else value


def _read(desk: DeskRequest, name: str) -> Any:
    given, kind = desk.text(name), _Field.of(name).kind
    if kind == "tick":
        return given == "yes"
    return given or None if kind == "number" else given


def change_policy(desk: DeskRequest) -> Response:
    """Saves caps, quiet hours and the other settings of an account."""
    service = _service_in(desk)
    try:
        _change(desk, service, {name: _read(desk, name) for name in _policy()})
    except WrongUsage as error:
        return show_account(desk, 400, str(error))
    return desk.redirect(f"{_HOME}/{service.internal_name}", N_("Saved."))


def _change(desk: DeskRequest, service: Service, values: dict[str, Any]) -> Service:
    with transaction() as session:
        row = store.get(session, service.id)
        return store.change(session, row, read_fields(store.read_values(session, row) | values), desk.now, desk.actor)


def replace_keys(desk: DeskRequest) -> Response:
    """Replaces the keys that were typed, and asks X about them at once."""
    service = _service_in(desk)
    try:
        # What is left empty stays as it is.
        changed = _change(desk, service, {name: key for name in SECRETS if (key := desk.text(name))})
    except WrongUsage as error:
        return show_account(desk, 400, str(error))
    return _checked(desk, changed)


def check_account(desk: DeskRequest) -> Response:
    """Asks X about the account now."""
    return _checked(desk, _service_in(desk))


def sync_followers(desk: DeskRequest) -> Response:
    """Starts a run that reads the followers of the account."""
    service = _service_in(desk)
    gateway_of(service)
    url = desk.runs.start(
        "account-sync", f"followers of {service.internal_name}", {"services": [service.internal_name]}
    )
    with transaction() as session:
        users.record_audit(session, desk.actor, f"service {service.internal_name}", "sync started", desk.now, url)
    return desk.redirect(f"{_HOME}/{service.internal_name}", N_("The sync has started. Prefect shows how far it is."))


def disconnect_account(desk: DeskRequest) -> Response:
    """Disconnects an account, after a tick."""
    service = _service_in(desk)
    if desk.text("sure") != "yes":
        raise WrongUsage(N_("Tick that the account is to be disconnected; nothing was changed."))
    with transaction() as session:
        store.remove(session, store.get(session, service.id), desk.now, desk.actor)
    return desk.redirect(_HOME, N_("The account is disconnected and its keys are deleted; its visitors stay."))


def switch_workflow(desk: DeskRequest) -> Response:
    """Starts or stops the schedule of a workflow."""
    name, is_on = desk.request.path_params["workflow"], desk.text("do") == "start"
    desk.runs.switch(name, enabled=is_on)
    with transaction() as session:
        users.record_audit(session, desk.actor, f"workflow {name}", "enabled" if is_on else "stopped", desk.now)
    return desk.redirect(_HOME, N_("Saved."))
