"""The tables. Importing this package fills `SQLModel.metadata`."""

from models.calendar import WEEKDAYS, Every, Series, SeriesOccurrence, Slot
from models.consent import (
    EVERY_SERVICE,
    Consent,
    ConsentSource,
    Inbox,
    SuppressedHandle,
    Suppression,
    SuppressionReason,
    UnclearMessage,
    Unreachable,
)
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
    Approval,
    ApprovalMode,
    AuditEntry,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
    DeliveryTemplate,
    Priority,
)
from models.media import MediaBlob, MediaChunk
from models.message import (
    MAIN,
    NO_VISITOR,
    Exclusion,
    ExclusionReason,
    Message,
    MessageState,
    UploadedFile,
    Wave,
)
from models.service import (
    OPT_OUT_LINE,
    PLAIN_OPT_OUT_LINE,
    ApiVersion,
    Budget,
    Charge,
    FormProblem,
    MessagePolicy,
    Secret,
    SecretKind,
    Service,
    ServiceState,
    WindowName,
)
from models.statistics import AudienceDay, Click, Link, PastClicks, PostMetrics, ShortLink
from models.sync_run import SyncMode, SyncPage, SyncRun, SyncState
from models.user import Role, User, UserRole, UserSession
from models.visitor import ORIGIN, VISITOR_FOLDER, PastSubscription, Segment, Subscription, Visitor
