"""What happens is written to the people whose role it concerns, by e-mail, with a link to the page of the desk."""

import logging
import smtplib
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from sqlmodel import Session, col, func, select

from campaign.db.engine import Announcement, read_session
from campaign.settings import load_settings
from campaign.users.store import Person, list_users, roles_of
from models import EVERY_SERVICE, Delivery, DeliveryTarget, Role, Service

#: The least role of those who get an e-mail, by what happened.
_CONCERNS = {
    "campaign.delivery.asked": Role.APPROVER,
    "campaign.delivery.failed": Role.WRITER,
    "campaign.delivery.expired": Role.WRITER,
    "campaign.delivery.paused": Role.WRITER,
    "campaign.consent.unclear": Role.APPROVER,
    "campaign.service.needs-attention": Role.OPERATOR,
    "campaign.service.cap-near": Role.OPERATOR,
    "campaign.service.sync-failed": Role.OPERATOR,
}
_SECONDS = 20
_log = logging.getLogger(__name__)
#: One after the other, beside the work: a slow mail server delays no message on X.
_outbox = ThreadPoolExecutor(1, thread_name_prefix="email")


def send_emails(announced: Sequence[Announcement]) -> None:
    """Sends what was announced in the background, where CAMPAIGN_SMTP_URL is set; what cannot be sent is logged."""
    concerning = [one for one in announced if one.name in _CONCERNS]
    if concerning and load_settings().smtp_url.get_secret_value():
        _outbox.submit(_send, concerning)


def _send(announced: Sequence[Announcement]) -> None:
    try:
        with read_session() as session:
            letters = [letter for one in announced for letter in _emails(session, one)]
        if letters:
            with _connected() as server:
                for letter in letters:
                    try:
                        server.send_message(letter)
                    except smtplib.SMTPException as error:  # the others get theirs
                        _log.warning("An e-mail about %s was refused: %s", announced[0].name, type(error).__name__)
    except Exception as error:  # noqa: BLE001  what happened is in the tables; an error may hold an address
        _log.warning("E-mails about %s were not sent: %s", announced[0].name, type(error).__name__)


def _emails(session: Session, one: Announcement) -> list[EmailMessage]:
    _, kind, name = one.resource.split(".", 2)
    if kind == "delivery":
        delivery_id = select(Delivery.id).where(Delivery.name == name).scalar_subquery()
        services = select(DeliveryTarget.service_id).where(col(DeliveryTarget.delivery_id) == delivery_id)
    else:
        services = select(Service.id).where(func.lower(Service.internal_name) == name.lower())
    service_ids = list(session.exec(services)) or [EVERY_SERVICE]
    people = [Person(user, roles_of(session, user)) for user in list_users(session) if user.email]
    role, settings = _CONCERNS[one.name], load_settings()
    found = []
    for person in people:
        if all(person.may(role, service_id) for service_id in service_ids):
            letter = EmailMessage()
            letter["From"], letter["To"] = settings.smtp_from or "campaign@localhost", person.user.email
            letter["Subject"] = f"campaign: {' '.join(one.says.split())}"
            letter["Auto-Submitted"] = "auto-generated"
            letter.set_content(f"{one.says}\n\n{page_of(one)}\n")
            found.append(letter)
    return found


def page_of(one: Announcement) -> str:
    """Returns the address of the page of the desk that shows what happened."""
    _, kind, name = one.resource.split(".", 2)
    places = {"delivery": f"deliveries/{name}", "service": f"accounts/{name}"}
    path = "people/consents" if one.name.endswith("unclear") else places.get(kind, "people/contacts")
    return f"{load_settings().pages_url}/desk/{path}"


def _connected() -> smtplib.SMTP:
    url = urlsplit(load_settings().smtp_url.get_secret_value())
    host, context = url.hostname or "", ssl.create_default_context()
    if url.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, url.port or 465, timeout=_SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, url.port or 587, timeout=_SECONDS)
        server.ehlo()
        # A password never goes over an open line.
        if server.has_extn("starttls") or url.username:
            server.starttls(context=context)
    if url.username:
        server.login(unquote(url.username), unquote(url.password or ""))
    return server
