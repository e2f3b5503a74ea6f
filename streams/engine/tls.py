"""TLS on the direct lane: the listener's context, from the files that the settings name."""

import ssl
from typing import Final

from streams.engine.configuration import WorkerSettings

SYSTEM: Final = "system"
"""TIDELOCK_TLS_CA: the CAs of the machine."""


class TlsUnusable(Exception):
    """A certificate, key or client CA cannot be used."""

    code = "TLS_UNUSABLE"

    def __init__(self, setting: str, path: str, reason: str, cure: str) -> None:
        super().__init__(f"{setting}={path} cannot be used ({reason}). {cure}")
        self.setting, self.path, self.reason = setting, path, reason


def listener_tls(settings: WorkerSettings) -> ssl.SSLContext | None:
    """Return the context that the direct lane listens with; None: plain TCP. Raises `TlsUnusable`.

    TLS 1.2 at least. With a client CA, whoever connects must show a certificate that it signed.
    """
    cert, key, client_ca = settings.tls_cert, settings.tls_key, settings.tls_client_ca
    if cert is None or key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _readable("TIDELOCK_TLS_CERT", cert)
    _readable("TIDELOCK_TLS_KEY", key)
    try:
        context.load_cert_chain(cert, key, password="")
    except (ssl.SSLError, ValueError) as error:
        cure = f"Give the PEM certificate (chain, leaf first) and its own unencrypted PEM key (TIDELOCK_TLS_KEY={key})."
        raise TlsUnusable("TIDELOCK_TLS_CERT", cert, str(error), cure) from error
    if client_ca is not None:
        _readable("TIDELOCK_TLS_CLIENT_CA", client_ca)
        try:
            context.load_verify_locations(client_ca)
        except ssl.SSLError as error:
            cure = "Give a PEM file with the CA's certificates."
            raise TlsUnusable("TIDELOCK_TLS_CLIENT_CA", client_ca, str(error), cure) from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def own_lane_tls(settings: WorkerSettings) -> ssl.SSLContext | None:
    """Return what the worker itself connects with, to lanes like its own; None: plain TCP. Raises `TlsUnusable`.

    It trusts the CA of TIDELOCK_TLS_CA, else no more than the certificates that it shows itself: its own lane, and
    those of workers that share its certificate or the intermediate CA in that file. It shows its own certificate.
    """
    cert, key, ca = settings.tls_cert, settings.tls_key, settings.tls_ca
    if cert is None or key is None:
        return None
    try:
        context = ssl.create_default_context(cafile=(ca if ca != SYSTEM else None) if ca else cert)
        context.load_cert_chain(cert, key, password="")
    except (OSError, ssl.SSLError, ValueError) as error:
        cure = f"Name a PEM file with the certificates of the CA, or '{SYSTEM}'."
        raise TlsUnusable("TIDELOCK_TLS_CA", ca or cert, str(error), cure) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _readable(setting: str, path: str) -> None:
    """See that the file can be read: OpenSSL's own error does not say which one it was."""
    try:
        with open(path, "rb"):  # noqa: PTH123
            pass
    except OSError as error:
        cure = "Name a PEM file that this process may read."
        raise TlsUnusable(setting, path, error.strerror or repr(error), cure) from error
