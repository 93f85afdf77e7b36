"""GET application/rate_limit_status of v1.1: what is left of the limits of everything that v1.1 reads."""

import orjson

from campaign.simulator.endpoint import Asked, Endpoint, Reply
from campaign.simulator.limits import Family, Holders
from campaign.simulator.routes import legacy, legacy_media, legacy_messages, legacy_posts


def rate_limit_status(asked: Asked) -> Reply:
    """Answers with what v1.1 still allows this account."""
    caller = Holders(asked.world.people.user(asked.account.number).id, asked.account.keys.consumer_key)
    resources: dict[str, dict[str, dict[str, int]]] = {}
    for endpoint in (one for one in LISTED if "GET" in one.methods):
        limit = asked.world.limits.caps(endpoint.name, endpoint.caps)[Family.WINDOW]
        window = asked.world.limits.window(caller, endpoint.name, Family.WINDOW, limit)
        path = endpoint.path.removeprefix("/1.1").removesuffix(".json")
        status = {"limit": window.limit, "remaining": window.remaining, "reset": window.reset}
        resources.setdefault(path.split("/")[1], {})[path] = status
    context = {"access_token": asked.account.keys.access_token}
    return Reply(orjson.dumps({"rate_limit_context": context, "resources": resources}))


ENDPOINTS = (Endpoint("rate_limit_status", "/1.1/application/rate_limit_status.json", 180, rate_limit_status),)
LISTED = (*legacy.ENDPOINTS, *ENDPOINTS, *legacy_posts.ENDPOINTS, *legacy_media.ENDPOINTS, *legacy_messages.ENDPOINTS)
