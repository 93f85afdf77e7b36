"""How X says no: the literal bodies, v2 as problems (RFC 7807), v1.1 as a list of codes."""

from typing import Any

TYPES = "https://api.twitter.com/2/problems/"
SUBSET = (
    "You currently have access to a subset of X API V2 endpoints and limited v1.1 endpoints (e.g. media post, oauth) "
    "only. If you need access to this endpoint, you may need a different access level. You can learn more here: "
    "https://developer.x.com/en/portal/product"
)
LOCKED = (
    "To protect our users from spam and other malicious activity, this account is temporarily locked. "
    "Please log in to https://twitter.com to unlock your account."
)
NOT_ENROLLED = (
    "When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens from a Twitter "
    "developer App that is attached to a Project. You can create a project via the developer portal."
)


READ_ONLY = "Your client app is not configured with the appropriate oauth1 app permissions for this endpoint."


class Refusal(Exception):
    """X's no: the HTTP status and the body, None for nothing."""

    def __init__(self, status: int, body: dict[str, Any] | None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def plain(status: int, title: str, detail: str | None = None) -> Refusal:
    """Returns a v2 problem without a type of its own."""
    return Refusal(status, {"title": title, "type": "about:blank", "status": status, "detail": detail or title})


def coded(status: int, code: int, message: str) -> Refusal:
    """Returns a v1.1 answer with one error code."""
    return Refusal(status, {"errors": [{"code": code, "message": message}]})


def invalid(parameter: str, value: str, complaint: str) -> Refusal:
    """Returns the v2 answer to a parameter with a wrong value."""
    message = f"The `{parameter}` query parameter value [{value}] {complaint}"
    body = {
        "errors": [{"parameters": {parameter: [value]}, "message": message}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{TYPES}invalid-request",
    }
    return Refusal(400, body)


def invalid_body(field: str, value: object, complaint: str) -> Refusal:
    """Returns the v2 answer to a JSON body with a wrong field."""
    body = {
        "errors": [{"parameters": {field: [str(value)]}, "message": f"$.{field}: {complaint}"}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{TYPES}invalid-request",
    }
    return Refusal(400, body)


def read_only(*, legacy: bool) -> Refusal:
    """Returns the answer to a call that writes, with the keys of an app that may only read."""
    if legacy:
        return coded(403, 261, "Application cannot perform write actions.")
    problem_type = "https://api.x.com/2/problems/oauth1-permissions"
    return Refusal(403, {"title": "Forbidden", "type": problem_type, "status": 403, "detail": READ_ONLY})


def no_messages(*, legacy: bool) -> Refusal:
    """Returns the answer to a call about direct messages, with the keys of an app that may not see them."""
    if legacy:
        return coded(403, 93, "This application is not allowed to access or delete your direct messages.")
    return read_only(legacy=False)


def partial(
    parameter: str, value: str, title: str, detail: str, problem: str, resource: str = "user"
) -> dict[str, str]:
    """Returns one entry of `errors` beside the `data` of a v2 answer, for a user or post that cannot be shown."""
    return {
        "value": value,
        "detail": detail,
        "title": title,
        "resource_type": resource,
        "parameter": parameter,
        "resource_id": value,
        "type": f"{TYPES}{problem}",
    }


def not_found(parameter: str, value: str, resource: str = "user") -> dict[str, str]:
    """Returns the entry for a user or post that does not exist."""
    detail = f"Could not find {resource} with {parameter}: [{value}]."
    return partial(parameter, value, "Not Found Error", detail, "resource-not-found", resource)


def no_such_user(parameter: str, value: str) -> Refusal:
    """Returns the v2 answer to a call about an unknown user, in words of X's; its exact body is not documented."""
    return Refusal(404, {**not_found(parameter, value), "status": 404})


def unauthorized(parameter: str, value: str, resource: str = "user") -> dict[str, str]:
    """Returns the entry for a user or post that this account may not see."""
    detail = f"Sorry, you are not authorized to see the {resource} with {parameter}: [{value}]."
    return partial(parameter, value, "Authorization Error", detail, "not-authorized-for-resource", resource)


def field_unauthorized(field: str, value: str, resource: str) -> dict[str, str]:
    """Returns the entry for a post that is not shown for the sake of a field that X keeps from this account."""
    detail = f"Sorry, you are not authorized to access '{field}' on the {resource.capitalize()} with ids : [{value}]."
    entry = partial("ids", value, "Field Authorization Error", detail, "not-authorized-for-field", resource)
    return entry | {"field": field, "section": "data"}


def suspended(parameter: str, value: str) -> dict[str, str]:
    """Returns the entry for a user whom X has suspended."""
    detail = f"User has been suspended: [{value}]."
    return partial(parameter, value, "Forbidden", detail, "resource-not-found")


def credits_depleted(user_id: str) -> Refusal:
    """Returns the answer to an account that has no credits left; X's own table of statuses does not know it."""
    detail = f"Your enrolled account [{user_id}] does not have any credits to fulfill this request."
    return Refusal(402, {"title": "CreditsDepleted", "detail": detail, "type": f"{TYPES}credits"})


def spend_cap_reached(user_id: str, reset_date: str) -> Refusal:
    """Returns the answer to an account that has reached the spending limit of the console."""
    detail = (
        f"Your enrolled account [{user_id}] has reached its billing cycle spend cap. API requests will be blocked "
        f"until the next cycle begins on {reset_date}."
    )
    body = {"title": "SpendCapReached", "detail": detail, "reset_date": reset_date, "type": f"{TYPES}credits"}
    return Refusal(403, body)


def problem(kind: str, status: int) -> Refusal:
    """Returns the answer with a problem of this type, like internal-error, whose other words are not known."""
    title = kind.replace("-", " ").title()
    return Refusal(status, {"title": title, "detail": title, "type": f"{TYPES}{kind}", "status": status})


def client_forbidden(client_id: str, reason: str) -> Refusal:
    """Returns the v2 answer to keys of an app or user that X does not serve."""
    body = {
        "client_id": client_id,
        "detail": NOT_ENROLLED,
        "registration_url": "https://developer.twitter.com/en/docs/projects/overview",
        "title": "Client Forbidden",
        "required_enrollment": "Appropriate Level of API Access",
        "reason": reason,
        "type": f"{TYPES}client-forbidden",
    }
    return Refusal(403, body)
