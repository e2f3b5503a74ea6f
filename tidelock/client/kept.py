"""A lease that the keeper keeps alive, and what it notes on it."""

from tidelock.client.lease import Lease


class KeptLease(Lease):
    """A lease that is renewed in the background."""

    renewing = False
    renew_at_s = 0.0

    def lose(self, why: str) -> None:
        """Let the holder know that the lease can no longer be trusted."""
        raise NotImplementedError
