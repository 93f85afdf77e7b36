"""The text of the page that asks people to share their profile, and its conditions. Pure."""

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
    """The question of the page."""

    label: str
    handle: str
    purpose: str
    shared: tuple[str, ...]
    box: str
    link_box: str
    """The text of the second box; empty where nothing would be linked."""
    terms_url: str
    privacy_url: str

    @property
    def text(self) -> str:
        """Returns the whole question, as it is saved with an agreement."""
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
        """Returns the fingerprint of the text."""
        return sha256(self.text.encode()).hexdigest()


def asked_by(service: Service, terms_url: str, privacy_url: str) -> Asked:
    """Returns the question of a service."""
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
    """Returns whether people are asked for their email address: only OAuth 2 can."""
    return service.asks_email and service.has_oauth2


def missing(service: Service, public_url: str, terms_url: str, privacy_url: str, *, is_simulated: bool) -> list[str]:
    """Returns the settings that are missing for the page, a sentence each; a simulated X needs no terms."""
    settings = {
        "Set CAMPAIGN_PUBLIC_URL to the public address of these pages.": public_url,
        "Set CAMPAIGN_TERMS_URL to the address of your terms.": terms_url or is_simulated,
        "Set CAMPAIGN_PRIVACY_URL to the address of your privacy policy.": privacy_url or is_simulated,
        f"Fill in the field Purpose of sharing of the service {service.internal_name}.": service.join_purpose,
    }
    return [sentence for sentence, is_set in settings.items() if not is_set]
