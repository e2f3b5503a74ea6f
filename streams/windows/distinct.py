"""How many different values: exact up to 128, then within about 2 %, in 2 KiB.

HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) over 64-bit hashes, with 2,048 registers; its standard error is
1.04 / sqrt(2048) = 2.3 %. What it holds depends on the set of values alone: not on their order, nor on how often they
came, nor on how sketches were merged.
"""

from base64 import b64decode, b64encode
from hashlib import blake2b
from math import log
from typing import Any, Final

from streams.windows.errors import NotCountable

EXACT: Final = 128
"""As many hashes are kept as they are."""
_BITS: Final = 11
_REGISTERS: Final = 1 << _BITS
_REST: Final = 64 - _BITS
_BIAS: Final = 0.7213 / (1 + 1.079 / _REGISTERS)


def hash_of(value: object) -> int:
    """Return 64 bits that are the same on every machine. Raises `NotCountable` but for str, bytes and int."""
    match value:
        case str():
            data = b"s" + value.encode("utf-8", "surrogatepass")
        case bytes():
            data = b"b" + value
        case bool() | int():
            data = b"i%d" % value
        case _:
            raise NotCountable(value)
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


class Distinct:
    """A set of values, by their hashes."""

    __slots__ = ("hashes", "registers")

    def __init__(self) -> None:
        self.hashes: set[int] = set()
        self.registers: bytearray | None = None
        """None as long as `hashes` has all."""

    def add(self, hashed: int) -> None:
        """Add a value, by `hash_of` it."""
        if self.registers is not None:
            self._register(self.registers, hashed)
            return
        self.hashes.add(hashed)
        if len(self.hashes) > EXACT:
            self._grow()

    def merge(self, other: "Distinct") -> None:
        """Add all that `other` has."""
        if other.registers is None:
            for hashed in other.hashes:
                self.add(hashed)
            return
        registers = self._grow() if self.registers is None else self.registers
        registers[:] = bytes(map(max, registers, other.registers))

    @property
    def count(self) -> int:
        """How many there are."""
        if self.registers is None:
            return len(self.hashes)
        empty = self.registers.count(0)
        estimate = _BIAS * _REGISTERS**2 / sum(2.0**-rank for rank in self.registers)
        if empty and estimate <= 2.5 * _REGISTERS:
            return round(_REGISTERS * log(_REGISTERS / empty))
        return round(estimate)

    def plain(self) -> list[str] | str:
        """Return it in JSON's types: the hashes, or all registers."""
        if self.registers is None:
            return [f"{each:016x}" for each in sorted(self.hashes)]
        return b64encode(self.registers).decode()

    def _grow(self) -> bytearray:
        registers = self.registers = bytearray(_REGISTERS)
        for hashed in self.hashes:
            self._register(registers, hashed)
        self.hashes = set()
        return registers

    @staticmethod
    def _register(registers: bytearray, hashed: int) -> None:
        place, rest = hashed >> _REST, hashed & ((1 << _REST) - 1)
        registers[place] = max(registers[place], _REST - rest.bit_length() + 1)


def of_plain(plain: Any) -> Distinct:
    """Return what `Distinct.plain` made this of."""
    loaded = Distinct()
    if isinstance(plain, str):
        loaded.registers = bytearray(b64decode(plain))
    else:
        loaded.hashes = {int(each, 16) for each in plain}
    return loaded
