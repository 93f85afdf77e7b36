"""`campaign deploy`, `workflow`, `worker`, `move` and `notify`: the workflows on a Prefect server of any kind."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import pendulum
import typer

from campaign.cli import output
from campaign.cli.output import AsJson
from campaign.cli.server import prepare_prefect, server_needed
from campaign.db.engine import make_ready, transaction
from campaign.users import audit

if TYPE_CHECKING:
    from deployments.deploying import Deployed


def deploy_command(
    pool: Annotated[
        str | None, typer.Option(help="Work pool of any type for the runs.", show_default="as it is, at first campaign")
    ] = None,
    image: Annotated[str, typer.Option(help="Image of the runs, for a pool whose type takes one.")] = "",
    env: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE", help="Environment variable of the runs; may be repeated.")
    ] = [],  # noqa: B006  Typer never changes it
    as_json: AsJson = False,
) -> None:
    """Register the workflows, or their new versions. New ones are stopped, known ones keep their state.

    They go to the server that PREFECT_API_URL names, to that of this home while it runs, or to that of the profile of
    Prefect.
    """
    with server_needed() as settings:
        from deployments.deploying import deploy_and_begin, deployed_workflows, job_variables_of

        variables = job_variables_of(image, env)
        with output.working("Deploying the workflows…"):
            deploy_and_begin(settings, pool, variables)
            workflows = deployed_workflows()
    _show_workflows(workflows, as_json=as_json)


def list_workflows(as_json: AsJson = False) -> None:
    """List the workflows: whether their schedules are enabled, and their next runs."""
    with server_needed():
        from deployments.deploying import deployed_workflows

        _show_workflows(deployed_workflows(), as_json=as_json)


WorkflowName = Annotated[str, typer.Argument(metavar="WORKFLOW", help="Its name, such as account-sync.")]


def start_workflow(name: WorkflowName) -> None:
    """Start the schedule of a workflow."""
    _switch(name, enabled=True)


def stop_workflow(name: WorkflowName) -> None:
    """Stop the schedule of a workflow; its runs by hand still work."""
    _switch(name, enabled=False)


def _switch(name: str, *, enabled: bool) -> None:
    with server_needed():
        from deployments.runs import PrefectRuns

        PrefectRuns().switch(name.partition("/")[0], enabled=enabled)
    action = "enabled" if enabled else "stopped"
    make_ready()
    with transaction() as session:
        audit.record(session, output.actor(), f"workflow {name}", action, pendulum.now("UTC"))
    output.say(f"The schedule of {name} is {action}.")


def _show_workflows(workflows: "Sequence[Deployed]", *, as_json: bool) -> None:
    if as_json:
        output.print_json(
            [
                {
                    "workflow": workflow.name,
                    "state": "enabled" if workflow.is_enabled else "stopped",
                    "next_run": workflow.next_run.isoformat() if workflow.next_run else None,
                }
                for workflow in workflows
            ]
        )
        return
    for workflow in workflows:
        state = f"stopped; start its schedule with: campaign workflow start {workflow.name}"
        if workflow.is_enabled and workflow.next_run is None:
            state = "enabled; its next run is planned within a minute while the server runs"
        elif workflow.is_enabled:
            state = f"enabled; next run {workflow.next_run:%A %Y-%m-%d %H:%M %Z}"
        print(f"{workflow.name}: {state}")  # noqa: T201


def notify(
    block: Annotated[str, typer.Argument(help="Type and name of a block that writes to people: slack-webhook/NAME.")],
) -> None:
    """Notify people when something waits for them, or a spend cap is near; or when a run was refused.

    Creates or updates three automations on the Prefect server in use, which write by this block.
    """
    with server_needed():
        from deployments.deploying import notify_by

        for name in notify_by(block):
            output.say(f"{name}: written to {block}.")


def move() -> None:
    """Move the workflows to the Prefect server that PREFECT_API_URL names, from that of `campaign up`.

    Schedules arrive as people set them, scheduled runs at their times; here they stop. Services, deliveries and all
    else are in the database, which both use. Run it while `campaign up` runs, and end that afterwards.
    """
    settings = prepare_prefect()
    from deployments.deploying import move

    with output.working("Moving the workflows…"):
        moved = move(settings)
    output.say(f"The workflows are at {moved.api_url}. Enabled: {', '.join(moved.enabled) or 'none'}.")
    output.say(f"Runs scheduled there: {', '.join(moved.runs) or 'none'}.")
    for name in moved.unanswered:
        output.say(f"{name} waited for a yes or a no: answer with `campaign delivery confirm` or `reject`.")
    output.say("End `campaign up`, then start `campaign worker` and `campaign web` with the same settings.")


def worker(
    pool: Annotated[str, typer.Option(help="Work pool whose runs it starts.")] = "campaign",
    name: Annotated[str, typer.Option(help="Name of the worker in the UI.", show_default="a random one")] = "",
    limit: Annotated[int, typer.Option(min=0, help="Most runs at a time; 0 for any number.")] = 0,
    with_healthcheck: Annotated[
        bool, typer.Option("--with-healthcheck", help="Answer health checks at port 8080.")
    ] = False,
) -> None:
    """Run a worker, which starts the runs of workflows, until Ctrl-C. Any number of them share the work of a pool.

    It uses the server that PREFECT_API_URL names, that of this home while it runs, or that of the profile of Prefect.
    """
    settings = prepare_prefect()
    from deployments.worker import become_worker

    options = [*(["--name", name] if name else []), *(["--limit", str(limit)] if limit else [])]
    become_worker(settings, pool, [*options, *(["--with-healthcheck"] if with_healthcheck else [])])
