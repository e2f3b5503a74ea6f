"""Errors about nodes, their sessions and services."""

from tidelock.client.errors.base import TidelockError


class NodeError(TidelockError):
    """Something about a node and its session; `node` says which."""

    code = "NODE_ERROR"
    node: str = ""


class NodeUnknown(NodeError):
    """No such node has registered, or it is forgotten."""

    code = "NODE_UNKNOWN"


class NodeAlive(NodeError):
    """Another client is that node. Choose another name, wait, or (a restart) `Node(..., take_over=True)`."""

    code = "NODE_ALIVE"

    @property
    def session(self) -> str:
        """The live session."""
        return self.detail("session") or ""


class NodeFlapping(NodeError):
    """It died too often: find out why it falls silent; register again after `retry_after_s`."""

    code = "NODE_FLAPPING"


class SessionsUnswept(NodeError):
    """Too many ended sessions of the node still own something: see that a sweeper runs."""

    code = "SESSIONS_UNSWEPT"


class NotYours(NodeError):
    """The session or instance is another client's or principal's: use what your own registration answered."""

    code = "NOT_YOURS"


class SessionEnded(NodeError):
    """The node's session is over: what it held is lost. `await client.node.joined()`, then begin anew."""

    code = "SESSION_ENDED"


class NodeRetired(NodeError):
    """This client's node does not register again by itself. Open another client."""

    code = "NODE_RETIRED"


class ServiceError(TidelockError):
    """Something about one service; `service` says which."""

    code = "SERVICE_ERROR"
    service: str = ""


class InstanceTaken(ServiceError):
    """Another node's or principal's instance is called like that: choose another id."""

    code = "INSTANCE_TAKEN"


class InstanceUnknown(ServiceError):
    """The service has no such instance (any more): register it."""

    code = "INSTANCE_UNKNOWN"


class ServiceFull(ServiceError):
    """The service has no room for more instances, or for so much metadata."""

    code = "SERVICE_FULL"


class TooManyWatching(ServiceError):
    """So many wait for the service to change that no more are taken."""

    code = "TOO_MANY_WATCHING"


class NoInstance(ServiceError):
    """None of the service's instances can be called now: none is there, is healthy, or has a closed circuit."""

    code = "NO_INSTANCE"
