"""E-mails to the people of the desk, through a real conversation with a mail server."""

import socketserver
import threading
from collections.abc import Iterator

import pytest

from campaign.db import engine
from campaign.db.engine import Announcement, transaction
from campaign.deliveries import approval
from campaign.deliveries.draft import Content, Draft, Part
from campaign.settings import load_settings
from campaign.users import email
from campaign.users import store as users
from models import EVERY_SERVICE, DeliveryState, Role
from tests.command import here
from tests.databases import Database
from tests.desk_site import open_desk
from tests.engaging import went_out
from tests.factories import NOW
from tests.readings import saved_service


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every letter, as one that asks for no password does."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        self.letters: list[str] = []
        super().__init__(("127.0.0.1", 0), _Conversation)


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            if line.startswith("rcpt TO:<refused"):
                self._say("550 no such address")
                continue
            if line.upper() == "DATA":
                self._say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                self.server.letters.append("".join(lines))
            self._say("221 bye" if line.upper() == "QUIT" else "250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:  # noqa: ARG001
    with MailServer() as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setenv("CAMPAIGN_SMTP_URL", f"smtp://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("CAMPAIGN_PUBLIC_URL", "https://social.example")
        load_settings.cache_clear()
        yield server
        server.shutdown()
    load_settings.cache_clear()


def person(name: str, role: Role, service_id: int = EVERY_SERVICE) -> None:
    with transaction() as session:
        users.add_user(session, name, name, {service_id: role}, NOW, email=f"{name}@example.com")


def announce(name: str, resource: str, says: str) -> None:
    email.send_emails([Announcement(f"campaign.{name}", f"campaign.{resource}", says)])
    email._outbox.submit(lambda: None).result(timeout=20)


def test_only_people_with_the_role_for_the_account_get_it_with_a_link(mail: MailServer) -> None:
    acme = saved_service()
    person("boss", Role.OPERATOR)
    person("ann", Role.APPROVER, acme.id)
    person("ben", Role.WRITER)
    person("other", Role.OPERATOR, acme.id + 1)
    announce("consent.unclear", "service.acme", "A message to acme may be an opt-out.")
    assert sorted(letter.split("To: ")[1].split("\r\n")[0] for letter in mail.letters) == [
        "ann@example.com",
        "boss@example.com",
    ]
    assert "Subject: campaign: A message to acme may be an opt-out." in mail.letters[0]
    assert "https://social.example/desk/people/consents" in mail.letters[0]


def test_each_link_leads_to_a_page(sqlite_database: Database) -> None:
    assert sqlite_database
    saved_service()
    content = Content(parts=[Part(text="Hello")])
    name = approval.compose(Draft(label="Launch", services=["acme"], content=content), actor="wim").name
    with open_desk() as desk:
        boss = desk.person("boss", Role.OPERATOR)
        for happened in (*email._CONCERNS, "campaign.contact.agreed"):
            of = {"delivery": f"delivery.{name}", "contact": "agreement.1"}.get(happened.split(".")[1], "service.acme")
            page = email.page_of(Announcement(happened, f"campaign.{of}", "."))
            assert boss.get(page.removeprefix(load_settings().pages_url)).status_code == 200, page


def test_one_address_that_is_refused_keeps_no_other_from_its_e_mail(mail: MailServer) -> None:
    saved_service()
    person("first", Role.OPERATOR)
    person("refused", Role.OPERATOR)
    person("third", Role.OPERATOR)
    announce("service.sync-failed", "service.acme", "The sync of acme failed.\nTwo lines.")
    assert len(mail.letters) == 2
    assert "Subject: campaign: The sync of acme failed. Two lines." in mail.letters[0]


def test_what_a_command_changes_is_written_too(mail: MailServer) -> None:
    made = went_out(saved_service(), "launch")
    person("boss", Role.OPERATOR)
    with transaction() as session:
        made.state = DeliveryState.IN_PROGRESS
        session.add(made)
    engine.unheard.clear()  # by tests before this one
    assert here("delivery", "pause", "launch").status == 0
    email._outbox.submit(lambda: None).result(timeout=20)
    [letter] = mail.letters
    assert "https://social.example/desk/deliveries/launch" in letter


def test_nothing_is_sent_about_what_concerns_no_role(mail: MailServer) -> None:
    person("boss", Role.OPERATOR)
    announce("delivery.finished", "delivery.launch", "launch is out.")
    assert mail.letters == []


def test_a_mail_server_that_is_away_raises_nothing_and_shows_no_password(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    person("boss", Role.OPERATOR)
    mail.shutdown()
    monkeypatch.setenv("CAMPAIGN_SMTP_URL", "smtp://me:a-secret-word@127.0.0.1:1")
    load_settings.cache_clear()
    announce("service.cap-near", "service.acme", "$1 is left.")
    assert "were not sent" in caplog.text
    assert "a-secret-word" not in caplog.text
