"""One endpoint of X, and the way of every call through it: keys, limits, objections, answer.

A new part of X (posts, media, direct messages) is a module in `routes` with a tuple of these.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.simulator import bodies
from campaign.simulator.accounts import AccessLevel, Account, Condition, Expanded, Priced
from campaign.simulator.bodies import Body
from campaign.simulator.calls import Call
from campaign.simulator.faults import FaultKind
from campaign.simulator.limits import Caps, Family, Holders, Spent
from campaign.simulator.oauth import Caller, Signed, authenticate
from campaign.simulator.odd_answers import WITHOUT_ROWS, spoil
from campaign.simulator.problems import (
    LOCKED,
    SUBSET,
    Refusal,
    client_forbidden,
    coded,
    credits_depleted,
    no_messages,
    plain,
    problem,
    read_only,
    spend_cap_reached,
)
from campaign.simulator.sign_ins import READING, Grant
from campaign.simulator.world import World

ON_V1 = {
    Condition.SUSPENDED: (403, 64, "Your account is suspended and is not permitted to access this feature."),
    Condition.LOCKED: (403, 326, LOCKED),
    Condition.NOT_ENROLLED: (403, 453, SUBSET),
    Condition.LEGACY_REFUSED: (403, 453, SUBSET),
}


REASONS = {
    Condition.NOT_ENROLLED: "client-not-enrolled",
    Condition.USER_NOT_ENROLLED: "user-not-enrolled",
    Condition.CREDITS_BLOCKED: "credits-blocked",
}
"""Why v2 forbids a client its calls."""
OF_THE_APP = {*REASONS, Condition.CREDITS_DEPLETED, Condition.LEGACY_REFUSED}
"""What is held against every user of the account's app."""


def objection(account: Account, user_id: str, *, legacy: bool, own: bool = True) -> Refusal | None:
    """Returns X's answer to any call of this account on v1.1 (`legacy`) or v2; None when there is nothing to object to.

    Without `own` it is a call of a user who signed in with the account's app.
    """
    condition = account.condition
    if not own and condition not in OF_THE_APP:
        return None
    if condition is Condition.CREDITS_DEPLETED:
        return credits_depleted(user_id)
    if condition is Condition.LOCKED or legacy:  # v2 has no body of its own for a locked account
        return coded(*ON_V1[condition]) if condition in ON_V1 else None
    if condition in REASONS:
        return client_forbidden(account.keys.consumer_key, REASONS[condition])
    if condition is Condition.SUSPENDED:
        return plain(403, "Forbidden", "Your account is not permitted to access this feature.")
    return None


JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Asked:
    """An authenticated call: `given` holds the parameters of query, form, parts and path.

    With `grant`, a user who signed in with the account's app calls.
    """

    world: World
    account: Account
    given: dict[str, str]
    body: Body = field(default_factory=Body)
    grant: Grant | None = None

    @property
    def number(self) -> int:
        """Returns the user in whose name the call is made."""
        return self.grant.number if self.grant else self.account.number


@dataclass(frozen=True, slots=True)
class Reply:
    """What X answers when it does not refuse; so many `resources` are returned or made, and billed as `priced`."""

    body: bytes
    resources: int = 0
    priced: Priced = Priced.USERS_NOT_OWNED
    status: int = 200
    expanded: Expanded = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path of X; `limit` calls are allowed in 15 minutes per user (docs.x.com/x-api/fundamentals/rate-limits)."""

    name: str
    path: str
    limit: int
    handle: Callable[[Asked], Reply]
    methods: tuple[str, ...] = ("GET",)
    writes: bool = False
    """Whether the app needs the permission to write."""
    messages: bool = False
    """Whether the app needs the permission to read and write direct messages."""
    people: bool = False
    """Whether those may call it who signed in with an app."""
    for_everybody: bool = False
    """Whether X answers it whatever it holds against the account."""
    day_limits: Mapping[Family, int] = field(default_factory=dict)
    """Calls allowed in 24 hours, per user and per app."""

    @property
    def caps(self) -> Caps:
        """Returns all its documented limits."""
        return {Family.WINDOW: self.limit, **self.day_limits}

    @property
    def legacy(self) -> bool:
        """Returns whether it belongs to v1.1."""
        return self.path.startswith("/1.1/")

    def route(self, world: World) -> Route:
        """Returns where the server finds it."""

        async def answer(request: Request) -> Response:
            return await self._answer(world, request)

        return Route(self.path, answer, methods=list(self.methods), name=self.name)

    async def _answer(self, world: World, request: Request) -> Response:
        body = await bodies.read(request)
        headers: dict[str, str] = {}
        call, fault = request.state.call, request.state.fault
        try:
            caller = authenticate(world, signed(request, body.form), legacy=self.legacy)
            account = caller.account
            spent = self._admit(world, caller, call, headers)
            if fault and fault.kind is FaultKind.SPEND_CAP_REACHED:
                raise spend_cap_reached(world.owner_id(account), fault.reset_date)
            if fault and fault.kind is FaultKind.PROBLEM:
                raise problem(fault.problem, fault.status)
            given = world.odd_tokens.restore(body.fields | dict(request.query_params)) | request.path_params
            reply = self.handle(Asked(world, account, given, body, caller.grant))
            if fault:
                reply = replace(reply, body=spoil(fault, reply.body, given, world.odd_tokens))
            if fault and fault.kind in WITHOUT_ROWS:
                reply = replace(reply, resources=0, expanded={})
            spent.done()
        except Refusal as no:
            return refuse(no, headers)
        call.resources = reply.resources
        if not self.legacy:  # v1.1 is in no price list and costs nothing
            account.charge(reply.priced, reply.resources)
            account.charge_expanded(reply.expanded, datetime.now(UTC).date())
        return Response(reply.body, reply.status, headers, media_type=JSON)

    def _admit(self, world: World, caller: Caller, call: Call, headers: dict[str, str]) -> Spent:
        """Counts the call, fills in the headers, and refuses what limits or X's view of the account do not allow."""
        account, user = caller.account, world.people.user(caller.number)
        call.account = user.username
        account.calls[self.name] += 1
        headers["x-access-level"] = account.access_level
        spent = world.limits.spend(Holders(user.id, account.keys.consumer_key), self.name, self.caps)
        headers |= spent.headers
        if not spent.allowed:
            raise coded(429, 88, "Rate limit exceeded") if self.legacy else plain(429, "Too Many Requests")
        cap = account.app.spend_cap
        if cap and cap.is_reached(datetime.now(UTC).date()):
            raise spend_cap_reached(world.owner_id(account), str(cap.reset_date))
        if account.app.credits and account.app.credits.left <= 0:
            raise credits_depleted(world.owner_id(account))
        owner = world.people.user(account.number)
        refusal = objection(account, owner.id, legacy=self.legacy, own=caller.grant is None)
        if refusal is not None and not self.for_everybody:
            raise refusal
        self._check_permission(account, caller.grant)
        return spent

    def _check_permission(self, account: Account, grant: Grant | None) -> None:
        if grant and not self.people:
            raise plain(403, "Forbidden", "You are not permitted to use OAuth2 on this endpoint")
        if grant and grant.is_oauth2 and not READING.issubset(grant.question.scopes):
            raise plain(403, "Forbidden")
        if self.messages and account.access_level is not AccessLevel.READ_WRITE_MESSAGES:
            raise no_messages(legacy=self.legacy)
        if self.writes and account.access_level is AccessLevel.READ:
            raise read_only(legacy=self.legacy)


def refuse(no: Refusal, headers: dict[str, str] | None = None) -> Response:
    """Returns X's no as an answer."""
    body = b"" if no.body is None else orjson.dumps(no.body)
    return Response(body, no.status, headers, media_type=JSON)


def signed(request: Request, form: str) -> Signed:
    """Returns what of this request is signed."""
    url, headers = request.url, request.headers
    return Signed(request.method, str(url), url.query, form, headers.get("authorization", ""))
