"""`campaign doctor`: is everything there that the workflows need, and if not, what to do."""

from dataclasses import asdict
from typing import Annotated

import typer

from campaign.cli import output
from campaign.settings import load_settings


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check database, server, worker, keys, services, clock and disk; exit status 1 if something needs attention."""
    from deployments.environment import adopt

    settings = load_settings()
    adopt(settings)
    from campaign.cli.checks import diagnose

    findings = []
    for finding in diagnose(settings):
        findings.append(finding)
        if not as_json:
            output.console.print("[green]ok             [/]" if finding.ok else "[red]needs attention[/]", end="  ")
            output.say(f"{finding.check}: {finding.says}")
    if as_json:
        output.print_json([asdict(finding) for finding in findings])
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
