"""Who signed in with which app: the truth of it, and people who take it back at X."""

from datetime import UTC, datetime
from typing import Any

from campaign.simulator.control.command import Command, Order, Shape
from campaign.simulator.control.messages import named_user
from campaign.simulator.control.posts import check_seconds
from campaign.simulator.sign_ins import CODE_SECONDS, TOKEN_SECONDS, Grant
from campaign.simulator.world import World

LASTING: Shape = {"code_seconds": int | float, "token_seconds": int | float}


def list_sign_ins(order: Order) -> dict[str, Any]:
    """Answers every grant there ever was, the oldest first."""
    return {"sign_ins": [_truth(order.world, grant) for grant in order.world.sign_ins.grants]}


def take_back(order: Order) -> dict[str, Any]:
    """Lets a user take back, in the settings at X, what apps were granted; answers how many tokens that ended."""
    number = named_user(order.world, order.body.get("user", "")).number
    alive = [grant for grant in order.world.sign_ins.grants if grant.number == number and not grant.revoked]
    for grant in alive:
        grant.revoked = True
    return {"revoked": len(alive)}


def set_treatment(order: Order) -> dict[str, Any]:
    """Sets how long codes and tokens are good from now on; what is not named is as X documents it."""
    check_seconds(order.body)
    sign_ins = order.world.sign_ins
    sign_ins.code_seconds = order.body.get("code_seconds", CODE_SECONDS)
    sign_ins.token_seconds = order.body.get("token_seconds", TOKEN_SECONDS)
    return {"code_seconds": sign_ins.code_seconds, "token_seconds": sign_ins.token_seconds}


def _truth(world: World, grant: Grant) -> dict[str, Any]:
    user = world.people.user(grant.number)
    return {
        "user_id": user.id,
        "username": user.username,
        "account": world.people.user(grant.question.owner.number).username,
        "oauth": "2.0" if grant.is_oauth2 else "1.0a",
        "scopes": list(grant.question.scopes),
        "callback": grant.question.callback,
        "at": datetime.fromtimestamp(grant.made, UTC).isoformat(),
        "stage": grant.stage,
    }


COMMANDS = (
    Command("GET", "/sign_ins", list_sign_ins),
    Command("PUT", "/sign_ins", set_treatment, LASTING),
    Command("POST", "/sign_ins/revoke", take_back, {"user": str}),
)
