"""`campaign deploy`, `worker` and `notify`: the workflows on a Prefect server of any kind, and what runs them."""

import os
import sys
from typing import Annotated, Any

import typer

from campaign.cli import output
from campaign.cli.output import AsJson
from campaign.cli.server import server_in_use
from campaign.errors import NotPossible, WrongUsage
from campaign.settings import Settings, load_settings


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
    from campaign.db.engine import make_ready

    variables = _job_variables(image, env)
    make_ready()
    with server_in_use() as has_server:
        if not has_server:
            raise NotPossible(
                "No Prefect server runs for this home; start it with `campaign up`, which deploys the workflows too, or"
                " name another one with PREFECT_API_URL or `prefect profile use`."
            )
        from deployments.deploying import deploy, deployed_workflows
        from tasks.continuation import schedule_deliveries
        from tasks.services import take_over

        with output.working("Deploying the workflows…"):
            deploy(load_settings(), pool, variables)
            workflows = deployed_workflows()
        take_over()
        schedule_deliveries()
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
        state = "stopped; enable its schedule in the UI"
        if workflow.is_enabled and workflow.next_run is None:
            state = "enabled; its next run is planned within a minute while the server runs"
        elif workflow.is_enabled:
            state = f"enabled; next run {workflow.next_run:%A %Y-%m-%d %H:%M %Z}"
        print(f"{workflow.name}: {state}")  # noqa: T201


#: What people without access to our database must not read on the Prefect server.
_SECRETS = ("CAMPAIGN_DATABASE_URL", "CAMPAIGN_ENCRYPTION_KEY", "CAMPAIGN_SIGNING_KEY", "CAMPAIGN_REPORTS_KEY")


def _job_variables(image: str, env: list[str]) -> dict[str, Any]:
    """Builds the job variables of the options; raises WrongUsage for a secret that others could read there."""
    values = {}
    for one in env:
        name, is_given, value = one.partition("=")
        if not is_given or not name.isidentifier():
            raise WrongUsage(f"Invalid environment variable {name!r}. Write it like --env NAME=VALUE.")
        if name in _SECRETS and "{{" not in value:
            block = name.lower().replace("_", "-")
            raise WrongUsage(
                f"The Prefect server would show {name} to all its users. Save it as a block of type Secret, such as"
                f" {block}, and write: --env '{name}={{{{ prefect.blocks.secret.{block} }}}}'"
            )
        values[name] = value
    return ({"image": image} if image else {}) | ({"env": values} if values else {})


def notify(
    block: Annotated[str, typer.Argument(help="Type and name of a block that writes to people: slack-webhook/NAME.")],
) -> None:
    """Have people told when something waits for them, a run was refused, or a spend cap is near.

    Creates or updates three automations on the Prefect server in use, which write by this block.
    """
    with server_in_use() as has_server:
        if not has_server:
            raise NotPossible("No Prefect server runs for this home; start it with `campaign up`, or name one.")
        from deployments import deploying

        for name in deploying.notify(block):
            output.say(f"{name}: {block} is told.")


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
    from deployments.address import check_version
    from deployments.processes import adopt, child_environment, make_home
    from deployments.server import server_of, used_by_prefect

    settings = load_settings()
    make_home(settings)
    _check_keys(settings)
    address = server_of(settings)
    if address is None:
        raise NotPossible(
            "No Prefect server runs for this home; name one with PREFECT_API_URL or `prefect profile use`, or start"
            " `campaign up`, which has a worker of its own."
        )
    check_version(address)
    # Its runs inherit them: the folder of our packages, and every setting as it is here.
    os.environ.update(child_environment(settings))
    adopt(settings)
    with used_by_prefect(address):
        from prefect.client.orchestration import get_client

        from deployments.launch import load_app
        from deployments.worker import check_worker_type, find_pool

        app = load_app("worker")
        with get_client(sync_client=True) as client:
            found = find_pool(client, pool)
        check_worker_type(found)
        options = [*(["--name", name] if name else []), *(["--limit", str(limit)] if limit else [])]
        options += ["--with-healthcheck"] if with_healthcheck else []
        sys.argv[1:] = ["worker", "start", "--pool", pool, "--type", found.type, *options]
        app()


def _check_keys(settings: Settings) -> None:
    """Raises WrongUsage unless the tables are those of this version and the keys those of the other machines."""
    from campaign.db import engine, vault

    engine.make_ready()
    with engine.read_session() as session:
        vault.check_key(session)
    has_key = settings.signing_key.get_secret_value() or (settings.home / "signing.key").exists()
    if not has_key and not settings.database_url.startswith("sqlite"):
        raise WrongUsage(
            "CAMPAIGN_SIGNING_KEY is not set, and all machines sign links with the same key; set it to that of the"
            f" others, or put their signing.key into {settings.home}."
        )
