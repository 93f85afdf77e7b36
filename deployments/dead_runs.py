"""The automation that marks runs as crashed whose process died, so that the next run of the workflow may begin."""

from datetime import timedelta

from prefect.automations import ChangeFlowRunState, EventTrigger, Posture, ResourceSpecification
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.schemas.automations import AutomationCore

from deployments import automations
from deployments.environment import HEARTBEAT_SECONDS

NAME = "Mark dead runs as crashed"
#: On every deployment in prefect.yaml: runs of others on the same server may give signs of life more rarely.
TAG = "campaign"
#: One sign of life may be lost and one late before a run counts as dead.
SILENCE = timedelta(seconds=4 * HEARTBEAT_SECONDS)


def mark_dead_runs(client: SyncPrefectClient) -> None:
    """Make or update the automation; there is one of it however often and by how many this is called.

    A run that suspends itself within a second of its start would be taken for dead: its sign of life arrives last.
    """
    automations.keep(client, _automation())


def _automation() -> AutomationCore:
    return AutomationCore(
        name=NAME,
        description="Frees the place of a run whose machine or process died, so that the next one can begin.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match=ResourceSpecification.model_validate({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification.model_validate({"prefect.resource.id": f"prefect.tag.{TAG}"}),
            for_each={"prefect.resource.id"},
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"No sign of life for {SILENCE.seconds} s: its process or machine died. Run it again.",
            )
        ],
    )
