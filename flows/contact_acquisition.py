"""Contact acquisition: people are invited to share their profile, and those who agree become contacts."""

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from campaign.errors import NotPossible, WrongUsage
from tasks.contact_acquisition import hand_over, invite, recover, report
from tasks.continuation import configure_run_logs, dated, end_run, go_on_later, is_continuation
from tasks.deliveries import make_ready
from tasks.forms import MessageInvitationForm, PostInvitationForm


def _name_run() -> str:
    parameters = runtime.flow_run.parameters
    return "a new invitation" if parameters.get("message") or parameters.get("post") else dated("profiles")


@flow(name="contact-acquisition", flow_run_name=_name_run)
def contact_acquisition(message: MessageInvitationForm | None = None, post: PostInvitationForm | None = None) -> State:
    """Win contacts: recover the profiles of people who agreed to share them, or invite people to agree.

    Leave everything empty to recover the profiles of all who agreed; that also happens by itself after each agreement.
    Fill in one invitation to see first who gets it: the run then waits, and nothing goes out before you confirm.

    Args:
        message: A new invitation by direct message, to followers who are not contacts yet.
        post: A new invitation by post, for all readers.
    """
    configure_run_logs()
    try:
        make_ready()
        if message and post:
            return Failed(message="Fill in one invitation: by direct message or by post. Run it twice for both.")
        form = None if is_continuation() else message or post
        if not form:
            return _recover()
        delivery = invite(form)
        return Completed(message=f"{delivery.name} goes out with a run of {hand_over(delivery)}.", data=report())
    except (NotPossible, WrongUsage) as error:
        return Failed(message=str(error))


def _recover() -> State:
    recovered = recover()
    problems = " ".join(recovered.problems)
    if recovered.again_at:
        go_on_later("contact-acquisition", recovered.again_at, {})
        sentence = f"{problems} Continues at {recovered.again_at:%Y-%m-%d %H:%M:%S %Z}."
        return end_run(sentence, report(), until=recovered.again_at)
    if problems:
        return Failed(message=problems, data=report())
    known = f", {recovered.reconciled:,} of known people" if recovered.reconciled else ""
    sentence = f"Profiles recovered: {recovered.recovered:,}{known}." if recovered.recovered else "Nothing is due."
    return Completed(message=sentence, data=report())
