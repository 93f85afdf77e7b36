"""Accounts on the simulated X and their saved services: what X knows, what the tables say, what it cost."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import pendulum
import requests
from sqlmodel import col, select

from campaign.db.engine import read_session, transaction
from campaign.services import store as services
from campaign.services.fields import read_fields
from campaign.x.types import OWNED_USER_READ, USER_READ
from models import Charge, Service, Subscription, SyncRun, Visitor

#: Followers on a page of X's API v2.
PAGE = 1_000
KEYS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
#: Username, full name, number of friends, checked.
Profile = tuple[str | None, str | None, int | None, bool | None]


@dataclass(frozen=True)
class SimulatedX:
    url: str

    def command(self, method: str, path: str, /, **body: Any) -> dict[str, Any]:
        reply = requests.request(method, f"{self.url}/control/{path}", json=body, timeout=10)
        assert reply.ok, reply.text
        return dict(reply.json() or {})

    def make(self, username: str, followers: int = 0, **more: Any) -> "Brand":
        return Brand(self, self.command("POST", "accounts", username=username, followers=followers, **more))

    def calls(self) -> list[dict[str, Any]]:
        """Every call so far, the oldest first."""
        return list(self.command("GET", "calls")["calls"])

    def fault(self, path: str, kind: str, **more: Any) -> None:
        self.command("POST", "faults", path=path, kind=kind, **more)

    def be_well(self) -> None:
        self.command("DELETE", "faults")

    def agree(self, screen: str, username: str) -> str:
        """Where X sends somebody who says yes on this consent screen."""
        return self._answer(screen, answer="authorize", username=username)

    def decline(self, screen: str) -> str:
        """Where X sends somebody who says no."""
        return self._answer(screen, answer="cancel")

    def sign_ins(self) -> list[dict[str, Any]]:
        """Every yes that anybody said, the oldest first, and what became of its token."""
        return list(self.command("GET", "sign_ins")["sign_ins"])

    def _answer(self, screen: str, **form: str) -> str:
        reply = requests.post(screen, data=form, allow_redirects=False, timeout=10)
        assert reply.status_code == 302, reply.text
        return reply.headers["location"]

    def limit(self, seconds: float, **limits: int) -> None:
        """Allow so many calls in windows of so many seconds."""
        self.command("PUT", "limits", window_seconds=seconds, limits=limits)


class Connect(Protocol):
    """Makes an account on the simulated X and connects its service."""

    def __call__(self, username: str, followers: int = 0, **form: Any) -> "Brand": ...


@dataclass
class Brand:
    """An account on the simulated X."""

    x: SimulatedX
    made: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return str(self.made["username"])

    @property
    def keys(self) -> dict[str, str]:
        return {name: str(self.made[name]) for name in KEYS}

    @property
    def client(self) -> dict[str, str]:
        """The OAuth 2.0 keys of its app."""
        return {name: str(self.made[name]) for name in ("client_id", "client_secret")}

    @property
    def pages_path(self) -> str:
        """Where its followers are read with the API v2."""
        return f"/2/users/{self.made['user_id']}/followers"

    def form(self, **changes: Any) -> dict[str, Any]:
        """The fields of its service, as a person fills them in."""
        return {"label": self.name, "internal_name": self.name} | self.keys | changes

    def connect(self, **changes: Any) -> None:
        """Connect its service, or change it."""
        fields, now = read_fields(self.form(**changes)), pendulum.now("UTC")
        with transaction() as session:
            known = services.find(session, fields.internal_name)
            if known and known.is_connected:
                services.change(session, known, fields, now, "a test")
            else:
                services.create(session, fields, now, "a test")

    # What X knows.

    def users(self) -> list[dict[str, Any]]:
        return list(self.x.command("GET", f"accounts/{self.name}/followers?limit=100000")["users"])

    def truth(self) -> dict[str, Profile]:
        """Who really follows, by id; whom X has suspended is shown by no page."""
        return {user["id"]: _profile(user) for user in self.users() if not user.get("suspended")}

    def pages_asked(self) -> list[dict[str, Any]]:
        return [call for call in self.x.calls() if call["path"] == self.pages_path]

    def billed(self) -> Decimal:
        """What X charges with its API v2."""
        returned = self.x.command("GET", f"accounts/{self.name}")["users_returned"]
        return OWNED_USER_READ.usd * int(returned["owned"]) + USER_READ.usd * int(returned["not_owned"])

    def become(self, **changes: Any) -> None:
        self.x.command("PATCH", f"accounts/{self.name}", **changes)

    def gain(self, **whom: Any) -> list[str]:
        return list(self.x.command("POST", f"accounts/{self.name}/followers", **whom)["user_ids"])

    def lose(self, **whom: Any) -> list[str]:
        return list(self.x.command("DELETE", f"accounts/{self.name}/followers", **whom)["user_ids"])

    def rename(self, count: int) -> list[str]:
        return list(self.x.command("POST", f"accounts/{self.name}/renames", count=count)["user_ids"])

    # What the tables say.

    @property
    def service(self) -> Service:
        with read_session() as session:
            return session.exec(select(Service).where(Service.internal_name == self.name)).one()

    def table(self) -> dict[str, Profile]:
        """Who follows by the tables; fails when somebody is there twice."""
        profile = (Visitor.external_id, Visitor.username, Visitor.full_name, Visitor.followers_count, Visitor.verified)
        query = select(*profile).join(Subscription, col(Subscription.visitor_id) == col(Visitor.id))  # type: ignore[call-overload]
        follows = col(Subscription.service_id) == self.service.id, col(Subscription.ended_at).is_(None)
        with read_session() as session:
            rows = session.execute(query.where(*follows)).all()
        found: dict[str, Profile] = {row[0]: tuple(row[1:]) for row in rows}
        assert len(found) == len(rows)
        return found

    def readings(self) -> list[SyncRun]:
        """All readings of its followers, the oldest first."""
        query = select(SyncRun).where(SyncRun.service_id == self.service.id).order_by(col(SyncRun.id))
        with read_session() as session:
            return list(session.exec(query))

    def booked(self) -> Decimal:
        """All money in the charge ledger, set aside or spent."""
        with read_session() as session:
            charges = session.exec(select(Charge).where(Charge.service_id == self.service.id)).all()
        return sum((charge.amount for charge in charges), Decimal(0))


def _profile(user: dict[str, Any]) -> Profile:
    count = user.get("public_metrics", {}).get("followers_count")
    return user.get("username"), user.get("name"), count, user.get("verified")
