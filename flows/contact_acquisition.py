"""Contact acquisition: people are invited to share their profile, and whoever agrees becomes a contact."""

from collections.abc import Sequence

import pendulum
from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from campaign.contacts.recovery import Recovered
from campaign.contacts.report import Acquisition
from campaign.errors import NotPossible, WrongUsage
from campaign.settings import load_settings
from tasks.contact_acquisition import hand_over, invite, recover, report
from tasks.continuation import configure_run_logs, go_on_later
from tasks.forms import MessageInvitationForm, PostInvitationForm
from tasks.post_publication import make_ready

_ONE_AT_A_TIME = "Fill in one invitation: by direct message or by post. Run it twice for both."


def _name_run() -> str:
    """The name until it is known who is invited."""
    given = runtime.flow_run.parameters
    if given.get("message") or given.get("post"):
        return "a new invitation"
    return f"profiles · {pendulum.now(load_settings().timezone).to_date_string()}"


@flow(name="contact-acquisition", flow_run_name=_name_run)
def contact_acquisition(message: MessageInvitationForm | None = None, post: PostInvitationForm | None = None) -> State:
    """Win contacts: recover the profiles of those who agreed to share them, or invite people to agree.

    Leave everything empty to recover the profiles of all who agreed; that also happens by itself whenever somebody
    does. Fill in one invitation to see first who gets it: the run then waits, and nothing goes out before your yes.

    Args:
        message: A new invitation by direct message, to followers who are no contacts yet.
        post: A new invitation by post, for everybody who reads it.
    """
    configure_run_logs()
    try:
        make_ready()
        form = _only(message, post)
        return _invite(form) if form else _recover()
    except (NotPossible, WrongUsage) as error:
        return Failed(message=str(error))


def _only(
    message: MessageInvitationForm | None, post: PostInvitationForm | None
) -> MessageInvitationForm | PostInvitationForm | None:
    if message and post:
        raise WrongUsage(_ONE_AT_A_TIME)
    return message or post


def _invite(form: MessageInvitationForm | PostInvitationForm) -> State:
    """Compose and confirm, then leave the sending to the workflow that is made for it."""
    delivery = invite(form)
    workflow = hand_over(delivery)
    return Completed(message=f"{delivery.name} goes out with a run of {workflow}.", data=report())


def _recover() -> State:
    recovered = recover()
    if recovered.again_at:
        go_on_later("contact-acquisition", recovered.again_at, {})
    return _outcome(recovered, report())


def _outcome(recovered: Recovered, reports: Sequence[Acquisition]) -> State:
    """Failed where a person has to act: what X has to do first goes on by itself."""
    problems = " ".join(recovered.problems)
    if problems and not recovered.again_at:
        return Failed(message=problems, data=list(reports))
    if recovered.again_at:
        return Completed(
            message=f"{problems} Continues at {recovered.again_at:%Y-%m-%d %H:%M:%S %Z}.", data=list(reports)
        )
    return Completed(message=_in_words(recovered), data=list(reports))


def _in_words(recovered: Recovered) -> str:
    known = f", {recovered.reconciled:,} of people who were known" if recovered.reconciled else ""
    return f"{recovered.recovered:,} profiles were recovered{known}." if recovered.recovered else "Nobody was waiting."
