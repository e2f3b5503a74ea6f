"""What every resolver may use. Made for each request (or connection) by `app`; types and resolvers know only this."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from strawberry.types.info import Info as StrawberryInfo

from api.identity import Identity
from api.loaders import Loaders


@dataclass(slots=True)
class Context:
    """One request, or one WebSocket connection."""

    identity: Identity
    loaders: Loaders


Info: TypeAlias = StrawberryInfo[Context, Any]
