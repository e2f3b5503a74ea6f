"""Names, and numbers of shards, of what may have some. `#` stands before the number, so no such name has one."""

from streams.wire.keys import name_problem
from streams.wire.shards import MAX_SHARDS
from tidelock.client.errors import BadArgument
from tidelock.client.rejections import rejection_error


def check_name(name: str, what: str) -> None:
    """Raise `BadArgument` if `name` cannot name a `what` ("Queue", "Cache")."""
    if not isinstance(name, str):
        raise BadArgument(f"{name!r:.100} is no name. Give text.")
    if "#" in name:
        raise BadArgument(
            f"{what} {name!r:.100} has a # in its name, which marks shards. Leave it out.", code="BAD_NAME"
        )
    refused = name_problem(name)
    if refused is not None:
        raise rejection_error(refused, name)


def check_shards(shards: int) -> None:
    """Raise `BadArgument` for a number of shards that nothing has."""
    if type(shards) is not int or not 1 <= shards <= MAX_SHARDS:
        raise BadArgument(f"{shards!r:.100} shards are out of range. Choose 1 to {MAX_SHARDS}.")
