"""The token that lets programs of this machine's developer talk to the local workers."""

from tidelock.local.tokens import LocalToken

VARIABLE = "TIDELOCK_DEV_TOKEN"
_TOKEN = LocalToken(VARIABLE, "dev-token")
dev_token = _TOKEN.known
chosen = _TOKEN.chosen
