"""Tokens of agreements that are over: made worthless at X and forgotten here, whatever ended the agreement."""

from collections.abc import Mapping
from uuid import UUID

from campaign.errors import Refused, ServiceBlocked, WrongUsage, XError
from campaign.settings import load_settings
from campaign.store import agreements, services
from campaign.store.engine import reading
from campaign.x.sign_in import SignIn, sign_in_of
from models import Service
from tasks import grants
from tasks.grants import KeptGrant
from tasks.twitter_service import app_keys_of

_NO_SERVICE = "The service was removed before the profile was read."


def sign_in_with(service: Service, scopes: str) -> SignIn:
    """The way to use a token that was granted these scopes; raises WrongUsage when its service was removed."""
    if service.block_id is None:
        raise WrongUsage(_NO_SERVICE)
    return sign_in_of(app_keys_of(service.block_id), load_settings().x_api_url, asks_email="users.email" in scopes)


def end_tokens(kept: Mapping[int, UUID]) -> None:
    """End those of the kept tokens, by agreement, that nothing is read with any more; X away: the next time."""
    with reading() as session:
        needed = agreements.still_waiting(session, list(kept))
    for agreement_id, document_id in kept.items():
        if agreement_id not in needed:
            _end(document_id)


def _end(document_id: UUID) -> None:
    token = grants.read(document_id)
    if token is None or _is_revoked(token):
        grants.forget(document_id)


def _is_revoked(token: KeptGrant) -> bool:
    """Whether the token opens nothing any more, or nobody can make that so."""
    try:
        with reading() as session:
            service = services.get(session, token.service_id)
        sign_in_with(service, token.grant.scopes).revoke(token.grant)
    except (Refused, ServiceBlocked, WrongUsage):
        return True
    except XError:
        return False
    return True
