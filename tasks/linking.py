"""Links whose clicks are counted: short ones take their place in what is about to go out."""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from campaign.domain.content import NamedLink
from campaign.domain.drafts import Draft
from campaign.domain.links import SHORT_LINKS_LAST, countable, shortened
from campaign.domain.message_text import LONGEST_WITH_FILE
from campaign.domain.rendered import RenderedPart
from campaign.domain.weight import ORDINARY_POST, weigh
from campaign.settings import load_settings
from campaign.store import links, messages
from campaign.store.links import Tokens
from models import MAIN, Delivery, MessageState, Service
from tasks.marking import fields_of

Named = Mapping[str, NamedLink]
"""Links by their address as it is written."""


@dataclass(frozen=True, slots=True)
class Shortened:
    """Texts with short links in them, by message, and the tokens that are new."""

    texts: dict[int, str]
    tokens: dict[tuple[int, str], str]

    def tokens_of(self, message_ids: Container[int]) -> dict[tuple[int, str], str]:
        """The new tokens of some of the messages."""
        return {pair: token for pair, token in self.tokens.items() if pair[0] in message_ids}


def links_in(draft: Draft, service: Service) -> dict[str, NamedLink]:
    """The links of a broadcast that are replaced; none when nothing is tracked, or the world has no way here."""
    public_url = load_settings().public_url
    if not draft.tracking or not public_url:
        return {}
    return countable(draft.content.parts[0].text, draft.content.links, public_url, fields_of(service))


def shorten_messages(texts: Mapping[int, str], named: Named) -> Shortened:
    """Direct messages with short links; one that would be longer than X takes keeps its own."""
    return _shorten(texts, named, {}, lambda _written, short: len(short) <= LONGEST_WITH_FILE)


def keep(session: Session, delivery: Delivery, named: Named, tokens: Tokens, now: datetime) -> None:
    """Write what new tokens stand for."""
    links.write(session, delivery.id, named, tokens, (delivery.started_at or now) + SHORT_LINKS_LAST)


def shorten_posts(
    session: Session, delivery: Delivery, parts: Iterable[RenderedPart], now: datetime, proof_number: int = MAIN
) -> None:
    """Put short links into the log of what is not out, where each post keeps those that it had."""
    by_place = {(part.service_id, part.part): {one.url: one for one in part.links} for part in parts}
    if not delivery.tracking or not load_settings().public_url or not any(by_place.values()):
        return
    log = messages.of_delivery(session, delivery, proof_number)
    waiting = [(one, by_place.get((one.service_id, one.part), {})) for one in log if one.state is MessageState.PENDING]
    known = links.tokens_of(session, [one.id for one, _ in waiting])
    for message, named in waiting:
        short = _shorten({message.id: message.text}, named, known, _is_no_heavier)
        message.text = short.texts[message.id]
        keep(session, delivery, named, short.tokens, now)


def _is_no_heavier(written: str, short: str) -> bool:
    """X counts every link alike; what a machine's own name leads to, as in a demonstration, is none to it."""
    return weigh(short) <= max(weigh(written), ORDINARY_POST)


def _shorten(texts: Mapping[int, str], named: Named, known: Tokens, fits: Callable[[str, str], bool]) -> Shortened:
    made = Shortened(dict(texts), {})
    for message_id, text in texts.items():
        tokens = {url: known.get((message_id, url)) or links.new_token() for url in named if url in text}
        short = shortened(text, {url: _address(token) for url, token in tokens.items()})
        if short != text and fits(text, short):
            made.texts[message_id] = short
            made.tokens.update(_new(message_id, tokens, known, short))
    return made


def _new(message_id: int, tokens: Mapping[str, str], known: Tokens, text: str) -> dict[tuple[int, str], str]:
    """What stands in the text and is not written yet."""
    pairs = {(message_id, url): token for url, token in tokens.items() if token in text}
    return {pair: token for pair, token in pairs.items() if pair not in known}


def _address(token: str) -> str:
    return f"{load_settings().public_url}/r/{token}"
