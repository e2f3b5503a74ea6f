"""On whose behalf a process works."""

from streams.domain.value import value


@value
class Identity:
    """Whose logs it watches, and under which client's name it sends its commands."""

    tenant: str
    client: str
