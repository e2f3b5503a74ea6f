"""Which rows of a batch InfluxDB refuses: halves of it are sent, and halves of those, as often as is affordable.

InfluxDB says how many points it dropped, seldom which; of a request that it cannot read it takes none.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from streams.projections.ports import RowRefused
from streams.projections.table import Row

HALVINGS: Final = 256
"""Of one write: enough for some twenty rows of 5,000. Beyond, what is refused together is given up together."""
Send: TypeAlias = Callable[[Sequence[Row]], Awaitable[None]]


async def narrowed(
    batches: Sequence[Sequence[Row]], send: Send, halvings: int = HALVINGS
) -> tuple[list[Row], str]:
    """Send all batches; return the rows that are refused, and why the last was.

    Larger pieces are halved first, so that where halvings do not suffice the pieces that are given up are small.
    """
    pieces, refused, why = deque(batches), list[Row](), ""
    while pieces:
        piece = pieces.popleft()
        try:
            await send(piece)
        except RowRefused as error:
            why = str(error)
            if len(piece) > 1 and halvings:
                halvings -= 1
                half = len(piece) // 2
                pieces += (piece[:half], piece[half:])
            else:
                refused += piece
    return refused, why
