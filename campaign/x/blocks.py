"""The rows of X's error table that stop one account until somebody acts."""

from campaign.errors import ServiceBlocked
from campaign.x.rows import Row, Sign

_NEW_KEYS = "The operator makes new keys in the developer console and saves all four in the service."
_PERMISSION = (
    "The operator sets the app's permission to Read, Write and Direct Messages in the developer console, "
    "regenerates the access token (the old one keeps the old permission) and saves it in the service."
)
_LOG_IN = "The owner of the account logs in at x.com and follows what X asks there."


def _blocked(reason: str, message: str, remedy: str, *signs: Sign) -> Row:
    return Row(ServiceBlocked, reason, message, signs, remedy)


BLOCKS = (
    _blocked(
        "credits",
        "The X account's API credits are used up.",
        "The operator tops up the credits in the developer console.",
        Sign(status=402),
        Sign(kind="credits"),
    ),
    _blocked(
        "usage_cap",
        "The X account's usage cap for this billing period is reached.",
        "The operator raises the cap in the developer console or waits for the next billing period.",
        Sign(kind="usage-capped"),
        Sign(says="usagecapexceeded"),
    ),
    _blocked(
        "clock",
        "X rejects the time at which the request was signed: this computer's clock is wrong.",
        "The operator sets the clock of the machine that runs the worker.",
        Sign(code=135),
        Sign(status=401, says="timestamp out of bounds"),
    ),
    _blocked(
        "not_enrolled",
        "The developer app is not attached to a project that may use X's API v2.",
        "The operator attaches the app to a project in the developer console.",
        Sign(kind="client-forbidden"),
        Sign(kind="client-not-enrolled"),
    ),
    _blocked(
        "legacy_access",
        "X does not offer this v1.1 endpoint to the developer app.",
        "The operator sets the service's API version to 2.",
        Sign(code=453),
    ),
    _blocked(
        "permission_missing",
        "The developer app or its access token lacks the permission for this request.",
        _PERMISSION,
        Sign(kind="oauth1-permissions"),
        Sign(code=261),
        Sign(code=93),
        Sign(status=403, says="oauth1 app permissions"),
    ),
    _blocked(
        "authentication_unsupported",
        "X wants this request signed with the keys of an account, not of an app alone.",
        "The operator saves the access token and its secret of the account in the service.",
        Sign(kind="unsupported-authentication"),
        Sign(status=403, says="oauth 2.0 application-only is forbidden"),
    ),
    _blocked(
        "scope_missing",
        "The account has not granted what this request needs.",
        _PERMISSION,
        Sign(status=403, says="not permitted to use oauth2"),
        Sign(status=403, detail="forbidden"),
    ),
    _blocked(
        "account_locked",
        "X has locked the account for now.",
        _LOG_IN,
        Sign(code=326),
        Sign(status=403, says="account is temporarily locked"),
    ),
    _blocked(
        "account_suspended",
        "X has suspended the account.",
        "The owner of the account appeals at x.com; nothing works before X lifts the suspension.",
        Sign(code=64),
        Sign(status=403, says="not permitted to access this feature"),
    ),
    _blocked(
        "automation_suspected",
        "X holds the account's requests back because they look automated.",
        f"Nothing is sent for some hours. {_LOG_IN}",
        Sign(code=226),
        Sign(status=403, says="might be automated"),
    ),
    _blocked(
        "sender_restricted",
        "X does not let this account send at present.",
        f"Nothing is sent for some hours. {_LOG_IN}",
        Sign(status=403, says="this operation is not permitted"),
    ),
    _blocked(
        "keys_wrong",
        "X does not accept the keys of the account.",
        _NEW_KEYS,
        Sign(status=401),
        Sign(code=32),
        Sign(code=89),
        Sign(code=215),
    ),
)
