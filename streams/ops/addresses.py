"""Addresses as people write them."""


def host_port(address: str) -> tuple[str, int]:
    """Split `host:port`. Raises `ValueError` with the expected form."""
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit():
        raise ValueError(f"'{address}' is no address; expected host:port, such as 127.0.0.1:7400.")
    return host, int(port)
