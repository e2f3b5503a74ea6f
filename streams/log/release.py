"""Which release this is, as logs and letters name it."""

from typing import Final

RELEASE: Final = "0.1.0"
