"""Taking a partition over: is this our log, read it, claim it, read the claim back."""

import asyncio
from hashlib import sha256

from streams.engine.errors import ClockSkew, CommandsMismatch, Fenced, ForeignLog, LogRewritten, LogShrank
from streams.engine.ports import Entropy
from streams.engine.settings import OwnerSettings
from streams.log.envelope import encode
from streams.log.ports import Appended, Clock, LogWriter, PartitionPorts
from streams.log.reader import PartitionReader
from streams.log.records import Claim, Genesis

TURN_BYTES = 64 * 1024
"""So much is folded before the worker's other partitions get their turn: some 500 decisions, 10 ms."""


async def open_log(
    ports: PartitionPorts, writer: LogWriter, reader: PartitionReader, settings: OwnerSettings, clock: Clock
) -> None:
    """Read the log to its end; an empty one gets its Genesis first. Raises `ForeignLog`, `LogShrank`."""
    _, end = await ports.log.bounds()
    if end == 0 and reader.next_offset == 0:
        where = reader.where
        log_id = settings.log_id or sha256(f"{where}{clock.wall_ms()}".encode()).digest()[:16]
        genesis = Genesis(
            log_id, settings.generation, where.kind, where.partition, settings.partitions, clock.wall_ms()
        )
        await (await writer.append(encode(genesis)))
    await catch_up(ports, reader)
    _check_genesis(reader, settings)


async def catch_up(ports: PartitionPorts, reader: PartitionReader, until: int | None = None) -> None:
    """Fold the log up to `until` (exclusive; None: its end). Raises `LogShrank`, `LogRewritten`, `LogHalt`."""
    first, end = await ports.log.bounds()
    if end < reader.next_offset or first > reader.next_offset:
        raise LogShrank(
            reader.where,
            f"the log holds offsets {first} to {end}, but everything up to {reader.next_offset} was read before. "
            "Records are gone: restore the topic before this partition decides again.",
        )
    start = max(reader.next_offset - 1, first)
    stop = max(end if until is None else until, reader.next_offset)
    if stop <= start:
        return
    folded = 0
    async for records in ports.log.read(start, stop):
        for record in records:
            if record.offset >= reader.next_offset:
                reader.read(record.offset, record.value)
                folded += len(record.value or b"")
                if folded >= TURN_BYTES:
                    folded = 0
                    await asyncio.sleep(0)
            elif record.value != reader.last:
                raise LogRewritten(
                    reader.where,
                    f"the record at offset {record.offset} is not the one that was read, or acknowledged, before. "
                    "The log was truncated and written again: restore the topic before this partition decides again.",
                )


async def claim(
    ports: PartitionPorts,
    writer: LogWriter,
    reader: PartitionReader,
    settings: OwnerSettings,
    entropy: Entropy,
    clock: Clock,
) -> Appended:
    """Append a claim and read up to it. Raises `Fenced`, `ClockSkew`."""
    mine = Claim(entropy.owner_id(), settings.address, settings.code_version, settings.max_level)
    appended = await (await writer.append(encode(mine)))
    await catch_up(ports, reader, appended.offset + 1)
    now = reader.head.claim
    if now is None or now.owner != mine.owner or reader.next_offset != appended.offset + 1:
        raise Fenced(
            reader.where,
            f"the claim at offset {appended.offset} does not hold: feature level {reader.head.active} is active, "
            f"this release supports {settings.max_level}.",
        )
    skew = clock.wall_ms() - appended.timestamp_ms
    if abs(skew) > settings.max_skew_ms:
        raise ClockSkew(reader.where, skew)
    return appended


async def check_commands(ports: PartitionPorts, reader: PartitionReader) -> None:
    """See that the commands topic is the one the log was decided from. Raises `CommandsMismatch`."""
    last = reader.head.last_source
    if last < 0:
        return
    first, end = await ports.commands.bounds()
    if end <= last or first > last:
        raise CommandsMismatch(
            reader.where,
            f"the log decided commands up to offset {last}, but {reader.where.commands_topic} holds {first} to {end}. "
            "The commands topic was truncated or recreated: restore it, or start a new generation.",
        )
    found = False
    async for records in ports.commands.read(last, last + 1):
        for record in records:
            if record.offset != last:
                continue
            found = True
            if sha256(record.value or b"").digest() != reader.head.source_hash:
                raise CommandsMismatch(
                    reader.where,
                    f"the command at offset {last} of {reader.where.commands_topic} is not the one the log decided. "
                    "The topic was truncated or rewritten: restore it, or start a new generation.",
                )
    if not found:
        raise CommandsMismatch(
            reader.where,
            f"the command at offset {last}, the last one the log decided, is not in {reader.where.commands_topic}, "
            "although later ones are. Records are gone: restore the topic, or start a new generation.",
        )


def _check_genesis(reader: PartitionReader, settings: OwnerSettings) -> None:
    genesis, where = reader.head.genesis, reader.where
    if genesis is None:
        raise ForeignLog(
            where,
            f"record 0 of {where.log_topic} is no Genesis: this is not a Tidelock log. Use another topic.",
        )
    expected = {
        "kind": (genesis.kind, where.kind),
        "partition": (genesis.partition, where.partition),
        "partition count": (genesis.partitions, settings.partitions),
        "generation": (genesis.generation, settings.generation),
    }
    if settings.log_id is not None:
        expected["log id"] = (genesis.log_id.hex(), settings.log_id.hex())
    for name, (found, wanted) in expected.items():
        if found != wanted:
            raise ForeignLog(
                where,
                f"the log's {name} is {found!r}, the settings say {wanted!r}. Correct the settings, or point this "
                "worker at the right topic; a log never changes its identity.",
            )
