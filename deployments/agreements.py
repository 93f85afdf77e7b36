"""The automation that recovers a profile when somebody agrees, soon and not once for each of many."""

from datetime import timedelta

from prefect.automations import EventTrigger, Posture, ResourceSpecification, RunDeployment
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound

from deployments import automations
from tasks.contact_acquisition import AGREED

NAME = "Recover profiles when somebody agrees"
WORKFLOW = "contact-acquisition/contact-acquisition"
#: After the first yes others are not told for so long; the run that begins after it finds them all.
TOGETHER = timedelta(seconds=10)
#: Longer by what two clocks may differ.
_BEGINS_AFTER = TOGETHER + timedelta(seconds=5)


def recover_on_agreement(client: SyncPrefectClient) -> None:
    """Make or update the automation, once the workflow is deployed."""
    try:
        deployment = client.read_deployment_by_name(WORKFLOW)
    except ObjectNotFound:
        return
    automations.keep(
        client,
        AutomationCore(
            name=NAME,
            description="Starts contact-acquisition when somebody agreed to share a profile.",
            trigger=EventTrigger(
                posture=Posture.Reactive,
                expect={AGREED},
                match=ResourceSpecification.model_validate({"prefect.resource.id": "campaign.agreement.*"}),
                threshold=1,
                within=TOGETHER,
            ),
            actions=[
                RunDeployment(
                    source="selected",
                    deployment_id=deployment.id,
                    # Not what somebody set as the defaults of the workflow: an event never sends an invitation.
                    parameters={"message": None, "post": None},
                    schedule_after=_BEGINS_AFTER,
                )
            ],
        ),
    )
