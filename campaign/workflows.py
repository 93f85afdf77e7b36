"""The workflows as deployments name them (`campaign.workflows.account_sync`): ours, whatever else is called `flows`."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Imports a workflow when a run asks for it; raises AttributeError for another name."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return getattr(import_module(f"flows.{name}"), name)
    except ModuleNotFoundError as error:
        if error.name != f"flows.{name}":
            raise
        raise AttributeError(name) from None
