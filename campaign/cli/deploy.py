"""`campaign deploy`: the workflows on a server."""

from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import output
from campaign.cli.connection import connected_to_prefect
from campaign.settings import load_settings

if TYPE_CHECKING:
    from deployments.deploying import Deployed


def deploy_command(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Register the workflows, or their new versions: new ones are stopped, known ones stay as people left them.

    They go to the server that PREFECT_API_URL names, or else to that of this home; when that one is not running,
    they are written to its data all the same and are there at the next `campaign up`.
    """
    with connected_to_prefect():
        from deployments.deploying import deploy

        with output.console.status("Deploying the workflows…"):
            workflows = deploy(load_settings())
    if as_json:
        output.print_json([_described(workflow) for workflow in workflows])
        return
    for workflow in workflows:
        print(_line(workflow))  # noqa: T201


def _described(workflow: "Deployed") -> dict[str, str | None]:
    state = "enabled" if workflow.is_enabled else "stopped"
    next_run = workflow.next_run.isoformat() if workflow.next_run else None
    return {"workflow": workflow.name, "state": state, "next_run": next_run}


def _line(workflow: "Deployed") -> str:
    if not workflow.is_enabled:
        return f"{workflow.name}: stopped; enable its schedule in the UI"
    if workflow.next_run is None:
        return f"{workflow.name}: enabled; its next run is planned within a minute while the server runs"
    return f"{workflow.name}: enabled; next run {workflow.next_run:%A %Y-%m-%d %H:%M %Z}"
