"""What the page that asks people to share their profile says, and when it may be shown at all. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from models import ReconciledBy, Service

_SHARED = (
    "Your name and handle on X, and the number of your account",
    "What your profile says: description, location, website and picture",
    "Since when you are on X, your language if X knows it, and whether your account is verified",
    "How many people follow you, and how many posts you wrote",
)
_EMAIL = "The email address that you confirmed on X"
_OUTSIDE_X = frozenset({ReconciledBy.EMAIL.value, ReconciledBy.USERNAME.value})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person is asked, as the page shows it."""

    label: str
    handle: str
    purpose: str
    shared: tuple[str, ...]
    """What is shared, an item each."""
    box: str
    link_box: str
    """What the second box says; empty where nothing would be linked."""
    terms_url: str
    privacy_url: str

    @property
    def text(self) -> str:
        """All of it, as it is kept with an agreement."""
        lines = [
            f"{self.label} (@{self.handle}) asks you to share your X profile.",
            "What is shared:",
            *(f"- {item}." for item in self.shared),
            f"What it is for: {self.purpose}",
            f"[ ] {self.box}",
            *([f"[ ] {self.link_box}"] if self.link_box else []),
            f"Terms: {self.terms_url or 'none'}",
            f"Privacy policy: {self.privacy_url or 'none'}",
        ]
        return "\n".join(lines)

    @property
    def version(self) -> str:
        """Changes with every letter of the text."""
        return sha256(self.text.encode()).hexdigest()


def asked_by(service: Service, terms_url: str, privacy_url: str) -> Asked:
    """What a service asks people."""
    known_by = {key.strip() for key in service.reconciliation.split(",")}
    return Asked(
        label=service.label,
        handle=service.x_username or service.internal_name,
        purpose=service.join_purpose,
        shared=(*_SHARED, _EMAIL) if asks_email(service) else _SHARED,
        box=f"I agree that {service.label} gets this from X and uses it for what is written above.",
        link_box=(
            f"{service.label} may also link my X profile to what it knows about me from elsewhere."
            if known_by & _OUTSIDE_X
            else ""
        ),
        terms_url=terms_url,
        privacy_url=privacy_url,
    )


def asks_email(service: Service) -> bool:
    """Whether people are asked for their address: only OAuth 2 can."""
    return service.asks_email and service.has_oauth2


def missing(service: Service, public_url: str, terms_url: str, privacy_url: str, *, is_simulated: bool) -> list[str]:
    """What an operator has to do before the page may be shown, a sentence each; a simulated X needs no terms."""
    return list(_missing(service, public_url, terms_url, privacy_url, is_simulated=is_simulated))


def _missing(
    service: Service, public_url: str, terms_url: str, privacy_url: str, *, is_simulated: bool
) -> Iterator[str]:
    if not public_url:
        yield "Set CAMPAIGN_PUBLIC_URL to the address at which the world sees these pages."
    if not terms_url and not is_simulated:
        yield "Set CAMPAIGN_TERMS_URL to the address of your terms."
    if not privacy_url and not is_simulated:
        yield "Set CAMPAIGN_PRIVACY_URL to the address of your privacy policy."
    if not service.join_purpose:
        yield f"Fill in the field Purpose of sharing of the service {service.internal_name}: why people shall share."
