"""Tasks of contact acquisition: invitations, the profiles of people who agreed, the report."""

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from campaign.contacts import acquisition as acquisitions
from campaign.contacts.acquisition import Acquisition, Recovered, document_of, recover_profiles
from campaign.db.engine import read_session
from campaign.deliveries import store as deliveries
from campaign.reporting.text import as_markdown
from campaign.services import store as services
from models import Agreement, Delivery
from tasks.continuation import schedule_delivery
from tasks.deliveries import IN_A_RUN, ask_where_needed, compose_from, name_run_after
from tasks.forms import MessageInvitationForm, PostInvitationForm

AGREED = "campaign.contact.agreed"
"""The event that starts the workflow."""


def announce_agreement(agreement: Agreement) -> None:
    """Sends the event of an agreement to Prefect's server, which starts the workflow."""
    emit_event(AGREED, resource={"prefect.resource.id": f"campaign.agreement.{agreement.id}"})


@task(name="recover profiles")
def recover() -> Recovered:
    """Reads and saves the profiles of all people who agreed, and revokes their tokens."""
    return recover_profiles()


def invite(form: MessageInvitationForm | PostInvitationForm) -> Delivery:
    """Composes an invitation from its form; the run is suspended until a person confirms it."""
    name = compose_from(form)
    name_run_after([name])
    ask_where_needed(name, IN_A_RUN)
    with read_session() as session:
        return deliveries.named(session, name)


@task(name="hand over", task_run_name="hand over {delivery.name}")
def hand_over(delivery: Delivery) -> str:
    """Schedules the run that sends a confirmed delivery; returns the name of its workflow."""
    schedule_delivery(delivery)
    return IN_A_RUN[delivery.kind].workflow.partition("/")[0]


@task(name="report")
def report() -> list[Acquisition]:
    """Shows how many contacts each service won, and how far people came with each invitation."""
    with read_session() as session:
        acquired = [acquisitions.acquisition_of(session, service) for service in services.list_known(session)]
    found = [one for one in acquired if one.contacts or one.invitations]
    create_markdown_artifact(
        markdown=as_markdown(document_of(found)),
        key="contact-acquisition",
        description="Contacts won, and what invitations brought.",
    )
    return found
