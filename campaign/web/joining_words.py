"""The pages of a sign-in that leads nowhere: each says what happened, that nothing was kept, and what to do."""

import logging

from starlette.responses import Response

from campaign.domain.check import sentence_of
from campaign.errors import CampaignError, NotPossible, Refused, ServiceBlocked, WrongUsage, XError
from campaign.web.pages import told
from campaign.x.sign_in import Declined, NotOurs
from models import Service

_AGAIN = "Open the link that brought you here again, and begin anew."
_NOTHING = "Nothing was kept."
_log = logging.getLogger(__name__)


def unknown_service() -> Response:
    """Nobody of this name asks for anything."""
    return told("Nobody asks here", "Look at the address again: perhaps its end is missing.", status=404)


def closed(service: Service, missing: list[str]) -> Response:
    """The page may not be shown yet; what it says is for whoever set it up."""
    title = f"{service.label} does not ask anybody yet"
    return told(
        title, "If you run this page: before anybody can share a profile, this is to be done.", *missing, status=503
    )


def not_our_form() -> Response:
    """A form from another page, or one that was open for hours."""
    return told(
        "Please try once more", "This form was open for too long, or came from another page.", _AGAIN, status=403
    )


def over() -> Response:
    """Somebody came back to a sign-in that was over."""
    return told("This sign-in is over", "It was used already, or it took more than ten minutes.", _AGAIN, status=400)


def reread() -> Response:
    """What was agreed to is not what is asked now."""
    return told(
        "The text has changed", "While you were on X, what this page asks for changed.", _NOTHING, _AGAIN, status=409
    )


def failed(error: CampaignError, *instead: str) -> Response:
    """A sign-in that an error ended; `instead` says what else a person can do."""
    match error:
        case Declined():
            title = "Nothing was shared"
            return told(title, "You said no on X, and that is fine.", "If it was a slip, open the link again.")
        case NotOurs():
            title = "This is not your sign-in"
            return told(title, "What came back from X does not belong to this browser.", _NOTHING, _AGAIN, status=400)
        case Refused():
            return told("This sign-in is over", str(error), _NOTHING, _AGAIN, status=400)
        case ServiceBlocked() | WrongUsage() | NotPossible():
            _log.warning("Nobody can sign in: %s", sentence_of(error) if isinstance(error, XError) else error)
            mended = "Something has to be put right on our side first. Try again tomorrow."
            return told("Not possible just now", mended, _NOTHING, *instead, status=503)
    return told("X does not answer", "Try again in a few minutes.", _NOTHING, *instead, status=503)
