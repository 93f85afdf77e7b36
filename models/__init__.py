"""The tables. Importing this package fills `SQLModel.metadata`."""

from models.consent import (
    EVERY_SERVICE,
    Consent,
    ConsentSource,
    Inbox,
    Suppression,
    SuppressionReason,
    Unreachable,
)
from models.delivery import (
    ApprovalMode,
    AuditEntry,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
    DeliveryTemplate,
    Priority,
)
from models.ledgers import Budget, Charge, WindowName
from models.message import MAIN, NOBODY, Message, MessageState, UploadedFile
from models.service import OPT_OUT_LINE, ApiVersion, MessagePolicy, Service, ServiceState
from models.subscription import PastSubscription, Subscription
from models.sync_run import SyncMode, SyncPage, SyncRun, SyncState
from models.visitor import ORIGIN, Visitor
from models.wave import Exclusion, ExclusionReason, Wave

__all__ = [
    "EVERY_SERVICE",
    "MAIN",
    "NOBODY",
    "OPT_OUT_LINE",
    "ORIGIN",
    "ApiVersion",
    "ApprovalMode",
    "AuditEntry",
    "Budget",
    "Charge",
    "Consent",
    "ConsentSource",
    "Delivery",
    "DeliveryKind",
    "DeliveryState",
    "DeliveryTarget",
    "DeliveryTemplate",
    "Exclusion",
    "ExclusionReason",
    "Inbox",
    "Message",
    "MessagePolicy",
    "MessageState",
    "PastSubscription",
    "Priority",
    "Service",
    "ServiceState",
    "Subscription",
    "Suppression",
    "SuppressionReason",
    "SyncMode",
    "SyncPage",
    "SyncRun",
    "SyncState",
    "Unreachable",
    "UploadedFile",
    "Visitor",
    "Wave",
    "WindowName",
]
