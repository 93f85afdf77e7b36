"""The tables. Importing this package fills `SQLModel.metadata`."""

from models.consent import EVERY_SERVICE, Consent, ConsentSource, Inbox, Suppression, SuppressionReason, Unreachable
from models.contact import (
    NO_INVITATION,
    Agreement,
    AgreementState,
    Contact,
    ErasedPerson,
    InvitationOpening,
    ReconciledBy,
)
from models.delivery import (
    OVER,
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
from models.link import Click, Link, ShortLink
from models.message import MAIN, NO_VISITOR, Message, MessageState, UploadedFile
from models.secret import Secret, SecretKind
from models.service import OPT_OUT_LINE, ApiVersion, FormProblem, MessagePolicy, Service, ServiceState
from models.statistics import AudienceDay, PostMetrics
from models.subscription import PastSubscription, Subscription
from models.sync_run import SyncMode, SyncPage, SyncRun, SyncState
from models.visitor import ORIGIN, Visitor
from models.wave import Exclusion, ExclusionReason, Wave

__all__ = [
    "EVERY_SERVICE",
    "MAIN",
    "NO_INVITATION",
    "NO_VISITOR",
    "OPT_OUT_LINE",
    "ORIGIN",
    "OVER",
    "Agreement",
    "AgreementState",
    "ApiVersion",
    "ApprovalMode",
    "AudienceDay",
    "AuditEntry",
    "Budget",
    "Charge",
    "Click",
    "Consent",
    "ConsentSource",
    "Contact",
    "Delivery",
    "DeliveryKind",
    "DeliveryState",
    "DeliveryTarget",
    "DeliveryTemplate",
    "ErasedPerson",
    "Exclusion",
    "ExclusionReason",
    "FormProblem",
    "Inbox",
    "InvitationOpening",
    "Link",
    "Message",
    "MessagePolicy",
    "MessageState",
    "PastSubscription",
    "PostMetrics",
    "Priority",
    "ReconciledBy",
    "Secret",
    "SecretKind",
    "Service",
    "ServiceState",
    "ShortLink",
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
