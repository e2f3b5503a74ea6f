"""Addresses as people write them."""

import os
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit, urlunsplit


def host_port(address: str) -> tuple[str, int]:
    """Split `host:port`. Raises `ValueError` with the expected form."""
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit():
        raise ValueError(f"'{address}' is no address; expected host:port, such as 127.0.0.1:7400.")
    return host, int(port)


def shown(url: str) -> str:
    """Return a URL for logs and errors: without name and password, and without its query, which may have a token."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"***@{host}" if userinfo or at else host, parts.path, "", ""))


def influx_parts(url: str, env: Mapping[str, str] = os.environ) -> tuple[str, str, str, str]:
    """Return url, org, bucket and token of `http://host:port?org=..&bucket=..&token=..`.

    TIDELOCK_INFLUX_ORG and the like fill gaps. Raises `ValueError`.
    """
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}

    def of(name: str, default: str) -> str:
        return query.get(name) or env.get(f"TIDELOCK_INFLUX_{name.upper()}") or default

    bare = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    return bare, of("org", "tidelock"), of("bucket", "tidelock"), of("token", "")
