"""The tables. Importing this package fills `SQLModel.metadata`."""

from models.delivery import (
    ApprovalMode,
    AuditEntry,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
    DeliveryTemplate,
)
from models.ledgers import Budget, Charge, WindowName
from models.message import MAIN, NOBODY, Message, MessageState, UploadedFile
from models.service import ApiVersion, Service, ServiceState
from models.subscription import PastSubscription, Subscription
from models.sync_run import SyncMode, SyncPage, SyncRun, SyncState
from models.visitor import ORIGIN, Visitor

__all__ = [
    "MAIN",
    "NOBODY",
    "ORIGIN",
    "ApiVersion",
    "ApprovalMode",
    "AuditEntry",
    "Budget",
    "Charge",
    "Delivery",
    "DeliveryKind",
    "DeliveryState",
    "DeliveryTarget",
    "DeliveryTemplate",
    "Message",
    "MessageState",
    "PastSubscription",
    "Service",
    "ServiceState",
    "Subscription",
    "SyncMode",
    "SyncPage",
    "SyncRun",
    "SyncState",
    "UploadedFile",
    "Visitor",
    "WindowName",
]
