"""Why a node, a service or the brake refuses. `code` is stable; the message says what happened, and the cure.

    BAD_ARGUMENT        an argument is out of bounds; `field` says which
    NODE_UNKNOWN        no such node has registered, or it is forgotten
    NODE_ALIVE          another client has the node's live session
    NODE_FLAPPING       the node died too often; it may register again after a while
    SESSIONS_UNSWEPT    too many ended sessions of the node still own something somewhere
    SESSION_ENDED       the session has ended, or never was
    NO_SESSION          the command acts for a session and names none
    SESSION_ALIVE       the session that is said to be swept is live
    NOT_YOURS           the session or instance is another client's, principal's or session's
    INSTANCE_TAKEN      another node's or principal's instance is called like that
    INSTANCE_UNKNOWN    the service has no such instance
    VERSION_CONFLICT    the instance is not, or no longer, of the version that was named
    SERVICE_FULL        the service has no room for more
    TOO_MANY_WATCHING   too many wait for the service to change
    WATCH_WITHDRAWN     the wait is over: its client withdrew it
    BELOW_FRACTION      so few deaths are no mass failure by the brake's settings

Standard library only.
"""

from streams.domain.arguments import SHOWN
from streams.domain.decider import Rejected
from streams.domain.nodes.commands import BrakeSettings


def node_unknown(name: str) -> Rejected:
    """Nobody registered it, or it is forgotten."""
    given = name[:SHOWN]
    return Rejected(
        "NODE_UNKNOWN", f"there is no node {given!r}; register it (RegisterNode)", (("node", given),)
    )


def node_alive(name: str, session: str, principal: str, client: str, silent_ms: int) -> Rejected:
    """Somebody else is that node."""
    message = (
        f"node {name!r} is alive: client {client!r} of {principal!r} has session {session!r}, last heard {silent_ms} "
        "ms ago; choose another name, wait until it has left or died, or, if this is its restart, register with "
        "replaces set to that session"
    )
    details = (("node", name), ("session", session), ("principal", principal), ("client", client))
    return Rejected("NODE_ALIVE", message, details)


def node_flapping(name: str, strikes: int, retry_after_ms: int) -> Rejected:
    """It died too often."""
    message = (
        f"node {name!r} died {strikes} times in close succession; find out why it falls silent (an overloaded machine, "
        f"a too short timeout_ms, a network that drops), and register again in {retry_after_ms} ms"
    )
    return Rejected("NODE_FLAPPING", message, (("node", name), ("strikes", str(strikes))), retry_after_ms)


def sessions_unswept(name: str, unswept: int, retry_after_ms: int) -> Rejected:
    """The sweeper is behind, or braked."""
    message = (
        f"{unswept} ended sessions of node {name!r} are not swept yet; see that a sweeper runs and that the brake is "
        "released, and register again later"
    )
    return Rejected("SESSIONS_UNSWEPT", message, (("node", name), ("unswept", str(unswept))), retry_after_ms)


def session_ended(session: str, why: str = "") -> Rejected:
    """It is over, or never was."""
    given = session[:SHOWN]
    message = (
        f"session {given!r} has ended{f' ({why})' if why else ', or never was'}; stop using what it held, register the "
        "node again (RegisterNode) and use the session of the answer"
    )
    return Rejected("SESSION_ENDED", message, (("session", given),))


def no_session() -> Rejected:
    """Nobody is acted for."""
    message = (
        "the command acts for no session; register the node (RegisterNode) and send the command under the session of "
        "the answer (meta.session, in the client: session=...)"
    )
    return Rejected("NO_SESSION", message)


def session_alive(session: str) -> Rejected:
    """It cannot have been swept."""
    message = f"session {session!r} is live, so it cannot be swept; evict the node first (EvictNode)"
    return Rejected("SESSION_ALIVE", message, (("session", session),))


def not_yours(what: str, owner: str) -> Rejected:
    """Somebody else began it."""
    message = f"{what} is of {owner}, not yours; use the session that your own RegisterNode answered"
    return Rejected("NOT_YOURS", message)


def instance_taken(service: str, instance: str, session: str) -> Rejected:
    """Another's instance is called like that."""
    message = (
        f"instance {instance!r} of service {service!r} is offered by session {session!r}; choose another id, "
        "or wait until that session has ended"
    )
    return Rejected("INSTANCE_TAKEN", message, (("instance", instance), ("session", session)))


def instance_unknown(service: str, instance: str) -> Rejected:
    """It is not offered."""
    given = instance[:SHOWN]
    message = f"service {service!r} has no instance {given!r}; register it (RegisterInstance)"
    return Rejected("INSTANCE_UNKNOWN", message, (("instance", given),))


def version_conflict(instance: str, given: int, known: int) -> Rejected:
    """It has changed since."""
    message = (
        f"instance {instance!r} is of version {known}, not {given}: "
        "read it again (DiscoverInstances), and change that"
    )
    return Rejected("VERSION_CONFLICT", message, (("instance", instance), ("version", str(known))))


def service_full(service: str, full: str, cure: str) -> Rejected:
    """There is no room. `full` says of what."""
    return Rejected("SERVICE_FULL", f"service {service!r} is full: {full}; {cure}", (("service", service),))


def too_many_watching(service: str, watching: int, retry_after_ms: int) -> Rejected:
    """Too many wait."""
    message = (
        f"{watching} wait for service {service!r} to change already; share one watch among the users of a process, "
        "or subscribe by the API"
    )
    return Rejected("TOO_MANY_WATCHING", message, (("service", service),), retry_after_ms)


def watch_withdrawn(ticket: int) -> Rejected:
    """The client gave up its wait."""
    message = "the client withdrew this watch; ask again to wait anew"
    return Rejected("WATCH_WITHDRAWN", message, (("ticket", str(ticket)),))


def below_fraction(dead: int, of: int, settings: BrakeSettings) -> Rejected:
    """That is no mass failure."""
    message = (
        f"{dead} dead of {of} nodes is no mass failure: that takes {settings.fraction} % and {settings.min_dead} "
        "nodes; to pull the brake by hand, give of=0"
    )
    return Rejected("BELOW_FRACTION", message, (("dead", str(dead)), ("of", str(of))))
