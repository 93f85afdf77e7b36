"""The tables. Importing this package fills `SQLModel.metadata`."""

from models.ledgers import Budget, Charge, WindowName
from models.service import ApiVersion, Service, ServiceState
from models.subscription import PastSubscription, Subscription
from models.sync_run import SyncMode, SyncPage, SyncRun, SyncState
from models.visitor import ORIGIN, Visitor

__all__ = [
    "ORIGIN",
    "ApiVersion",
    "Budget",
    "Charge",
    "PastSubscription",
    "Service",
    "ServiceState",
    "Subscription",
    "SyncMode",
    "SyncPage",
    "SyncRun",
    "SyncState",
    "Visitor",
    "WindowName",
]
