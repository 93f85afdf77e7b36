"""The rows of X's error table about people who sign in with an app."""

from campaign.errors import ServiceBlocked
from campaign.x.rows import Row, Sign, refused

SIGNING_IN = frozenset(
    {
        "POST /2/oauth2/token",
        "POST /2/oauth2/revoke",
        "POST /oauth/request_token",
        "POST /oauth/access_token",
        "POST /1.1/oauth/invalidate_token",
    }
)
SIGN_IN_OVER = "sign_in_over"
OVER = "X takes this sign-in no more: it came too late, was used already, or the person took it back."

SIGN_IN = (
    Row(
        ServiceBlocked,
        "callback_unknown",
        "X does not send people back to this address: the app does not name it.",
        (Sign(code=415), Sign(says="callback url not approved")),
        "The operator adds the address of `campaign web` to the app's callback URLs in the developer console.",
    ),
    Row(
        ServiceBlocked,
        "client_wrong",
        "X does not accept the client id and the client secret of the app.",
        (Sign(says="unauthorized_client"), Sign(says="invalid_client")),
        "The operator copies both from the developer console, or makes new ones there, and saves them in the service.",
    ),
    refused(
        SIGN_IN_OVER,
        OVER,
        Sign(status=400, says="invalid_request"),
        Sign(status=400, says="invalid_grant"),
        Sign(code=89),
        # OAuth 1.0a says so in plain words, without JSON.
        Sign(status=401, is_page=True),
    ),
)
