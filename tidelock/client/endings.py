"""Why a command ends that got no answer: whether it may have been executed decides what the caller is told."""

from tidelock.client.errors import ClientClosed, OutcomeUnknown, Overloaded, TidelockError, Unavailable
from tidelock.client.pending import SENT, Pending


def too_late(pending: Pending) -> TidelockError:
    """Return why a command ends whose deadline has passed."""
    if pending.uncertain or pending.answered or pending.phase is SENT:
        return unknown("its deadline passed without an answer")
    refused = pending.refusal
    if refused is None:
        return Unavailable(
            "No worker could be reached before the deadline; nothing was sent. Is the cluster up?"
        )
    cls = Overloaded if refused.code == "OVERLOADED" else Unavailable
    return cls(f"Refused until the deadline, nothing was decided: {refused.message}", code=refused.code)


def client_closed(pending: Pending) -> TidelockError:
    """Return why a command ends whose client is closed."""
    if pending.uncertain or pending.phase is SENT:
        return unknown("the client was closed before the answer came")
    return ClientClosed("The client was closed before this command was answered.")


def unknown(why: str) -> OutcomeUnknown:
    """Return the error for a command that may have been executed or not."""
    return OutcomeUnknown(
        f"The command may have been executed or not: {why}. Look at the resource, then decide."
    )
