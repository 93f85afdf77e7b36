"""The workflows as deployments name them (`campaign.workflows.account_sync`): ours, whatever else is called `flows`.

Also `XAccount`, the form of a service, for workflows of other people and for Prefect's list of collections.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Imports a workflow when a run asks for it; raises AttributeError for another name."""
    if name.startswith("_"):
        raise AttributeError(name)
    if name == "XAccount":
        return import_module("tasks.services").XAccount
    try:
        return getattr(import_module(f"flows.{name}"), name)
    except ModuleNotFoundError as error:
        if error.name != f"flows.{name}":
            raise
        raise AttributeError(name) from None
