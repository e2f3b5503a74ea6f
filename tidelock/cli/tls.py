"""TLS to the workers, as the environment asks for it."""

import os
import ssl
from collections.abc import Mapping

from tidelock.cli.exits import WrongUse

CA, CERT, KEY = "TIDELOCK_TLS_CA", "TIDELOCK_TLS_CLIENT_CERT", "TIDELOCK_TLS_CLIENT_KEY"
SYSTEM = "system"


class TlsUnusable(WrongUse):
    """A file for TLS cannot be used."""

    code = "TLS_UNUSABLE"


def client_tls(env: Mapping[str, str] = os.environ) -> ssl.SSLContext | None:
    """Return the context to connect with; None without TIDELOCK_TLS_CA: plain TCP. Raises `TlsUnusable`.

    TIDELOCK_TLS_CA is the PEM file of the CA that signed the workers' certificates (for a self-signed one: itself), or
    `system` for the CAs of the machine. Workers that ask for it get TIDELOCK_TLS_CLIENT_CERT.
    """
    ca, cert, key = (env.get(name) or None for name in (CA, CERT, KEY))
    if ca is None:
        if cert is not None or key is not None:
            raise TlsUnusable(
                f"{CERT} and {KEY} need {CA}: the CA of the workers' certificates, or '{SYSTEM}'."
            )
        return None
    if (cert is None) != (key is None):
        raise TlsUnusable(f"{CERT} and {KEY} go together: name both or neither.")
    try:
        context = ssl.create_default_context(cafile=None if ca == SYSTEM else ca)
    except (OSError, ssl.SSLError) as error:
        raise TlsUnusable(f"{CA}={ca} cannot be used ({error}). Name a PEM file, or '{SYSTEM}'.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert is not None:
        try:
            context.load_cert_chain(cert, key, password="")
        except (OSError, ssl.SSLError, ValueError) as error:
            cure = "Name the PEM certificate and its own unencrypted PEM key."
            raise TlsUnusable(f"{CERT}={cert} with {KEY}={key} cannot be used ({error}). {cure}") from error
    return context
