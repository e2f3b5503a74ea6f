"""The token that lets whoever runs the local stack do what no client may: activate a feature level."""

from tidelock.local.tokens import LocalToken

VARIABLE = "TIDELOCK_OPERATOR_TOKEN"
_TOKEN = LocalToken(VARIABLE, "operator-token")
operator_token = _TOKEN.known
chosen = _TOKEN.chosen
