"""What the projector's lanes write to, opened for one process: a part of its composition root."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import structlog

from storage.influx.api import DAY_S, InfluxSettings, Retention
from storage.influx.buckets import InfluxBuckets
from storage.influx.downsampled import DownsampledPoints
from storage.influx.points import InfluxPointStore
from storage.kafka.changelog import KafkaChangelogs
from storage.kafka.changelog_topics import ready_changelogs
from storage.kafka.client import producer
from storage.kafka.log import KafkaDeadLetters, KafkaTopicReader
from storage.kafka.topics import TopicProblem
from storage.postgres.builds import PostgresBuilds
from storage.postgres.histories import PostgresOldHistory
from storage.postgres.migrations import MigrationError, migrate
from storage.postgres.pool import Pool, PoolSettings, pool
from storage.postgres.publications import PostgresPublications
from storage.postgres.retention import PostgresRetention
from storage.postgres.store import PostgresProjectionStore
from storage.redis.hot import RedisHotStore, client
from storage.tables.store import TableProjectionStore
from streams.log.ports import LogUnavailable
from streams.log.positions import DEAD_LETTERS, PartitionId
from streams.ops.addresses import influx_parts
from streams.ops.backoff import Backoff
from streams.ops.letters import CountedLetters
from streams.ops.starting import CannotStart
from streams.projections.kept import AsHeldHere
from streams.projections.ports import HotStore, SinkUnavailable
from streams.projections.projection import Projection
from streams.projector.configuration import ProjectorSettings
from streams.projector.keeper import WindowKeeper
from streams.projector.lane_ports import LanePorts
from streams.projector.publisher import Publisher
from streams.projector.retention import Histories, Periods, RowKeeper
from streams.projector.status import Shown
from streams.projector.telemetry import ProjectorWatch
from streams.projector.told import LettersOfTopic
from streams.reports.series import SERIES as REPORTED

EXIT_LOGS = 3
EXIT_DATABASE = 4


async def database(settings: ProjectorSettings, shown: Shown, opened: AsyncExitStack) -> Pool:
    """Wait for PostgreSQL, however long it takes, and bring it to this release."""
    log, backoff = structlog.get_logger("tidelock.projector"), Backoff(0.2, 5.0)
    while True:
        try:
            for name in await migrate(settings.postgres):
                log.info("migrated", migration=name)
            break
        except MigrationError as error:
            raise CannotStart(EXIT_DATABASE, "the database is not fit", error.code, str(error)) from error
        except SinkUnavailable as error:
            if not backoff.attempts:
                log.warning("PostgreSQL is waited for", error=str(error))
            shown.waits_for = f"PostgreSQL: {error}"
            await backoff.pause()
    return await opened.enter_async_context(pool(settings.postgres, _limits(settings)))


def _limits(settings: ProjectorSettings) -> PoolSettings:
    # rows go with their checkpoint, and the log has them: nothing is lost that is not written again
    return PoolSettings(
        f"tidelock {settings.projector_name}",
        max_size=settings.projector_connections,
        statement_ms=settings.projector_statement_ms,
        durable=False,
    )


async def tables(
    settings: ProjectorSettings, projections: Sequence[Projection], opened: AsyncExitStack
) -> TableProjectionStore:
    """See that the changelogs of what is kept in tables are there, and fit."""
    try:
        await ready_changelogs(settings.kafka, [one for one in projections if one.kept == "table"])
    except TopicProblem as error:
        raise CannotStart(EXIT_LOGS, "a changelog is not fit", error.code, str(error)) from error
    except LogUnavailable as error:
        raise CannotStart(EXIT_LOGS, "Kafka cannot be reached", "KAFKA_UNREACHABLE", str(error)) from error
    changelogs = KafkaChangelogs(settings.kafka, settings.projector_name)
    opened.push_async_callback(changelogs.close)
    store = TableProjectionStore(changelogs)
    opened.push_async_callback(store.close)
    return store


def ports(
    settings: ProjectorSettings, connections: Pool, tables: TableProjectionStore, opened: AsyncExitStack
) -> LanePorts:
    """Return what all lanes share."""
    letters = KafkaDeadLetters(lambda: producer(settings.kafka))
    opened.push_async_callback(letters.close)

    def log(where: PartitionId) -> KafkaTopicReader:
        return KafkaTopicReader(settings.kafka, where.log_topic, where.partition)

    store = AsHeldHere(PostgresProjectionStore(connections), tables)
    told = LettersOfTopic(KafkaTopicReader(settings.kafka, DEAD_LETTERS, 0))
    counted, builds = CountedLetters(letters), PostgresBuilds(connections)
    return LanePorts(store, counted, log, ProjectorWatch(), builds, told)


def hot(settings: ProjectorSettings, opened: AsyncExitStack) -> HotStore | None:
    """Return where hot copies are kept, if anywhere."""
    if settings.redis is None:
        structlog.get_logger("tidelock.projector").info("no Redis is named: there are no hot copies")
        return None
    redis = client(settings.redis)
    opened.push_async_callback(redis.aclose)
    return RedisHotStore(redis)


async def publishers(
    settings: ProjectorSettings, projections: Sequence[Projection], opened: AsyncExitStack
) -> tuple[Publisher, ...]:
    """Start what publishes to InfluxDB, if there is one."""
    if settings.influx is None:
        structlog.get_logger("tidelock.projector").info("no InfluxDB is named: there are no points")
        return ()
    influx = influx_of(settings, projections)
    opened.push_async_callback(influx.close)
    published = [one for one in projections if one.points is not None]
    # whose turn it is keeps a connection for as long as that lasts: lanes have theirs for themselves
    limits = replace(_limits(settings), max_size=max(1, len(published)))
    connections = await opened.enter_async_context(pool(settings.postgres, limits))
    publications, kept_s = PostgresPublications(connections), settings.influx_raw_days * DAY_S
    made = tuple([Publisher(one, publications, influx, kept_s=kept_s) for one in published])
    for publisher in made:
        task = asyncio.create_task(publisher.run(), name=f"publish {publisher.projection.name}")
        opened.push_async_callback(ended, task)
    _beside("downsampling", influx.run(), opened)
    return made


def keeper(
    settings: ProjectorSettings, connections: Pool, projections: Sequence[Projection], opened: AsyncExitStack
) -> WindowKeeper:
    """Start to forget old windows."""
    windows, builds = PostgresPublications(connections), PostgresBuilds(connections)
    made = WindowKeeper(projections, windows, settings.windows_days * DAY_S, builds=builds)
    _beside("old windows", made.run(), opened)
    return made


def retention(
    settings: ProjectorSettings, connections: Pool, projections: Sequence[Projection], opened: AsyncExitStack
) -> None:
    """Start to forget old rows, if they are not kept for ever."""
    builds = PostgresBuilds(connections)
    if settings.audit_days:
        periods, kept_s = Periods(PostgresRetention(connections)), settings.audit_days * DAY_S
        _beside("old rows", RowKeeper(projections, periods, kept_s, builds=builds).run(), opened)
    if settings.history_days:
        histories, kept_s = Histories(PostgresOldHistory(connections)), settings.history_days * DAY_S
        _beside("old histories", RowKeeper(projections, histories, kept_s, builds=builds).run(), opened)


def influx_of(settings: ProjectorSettings, projections: Sequence[Projection]) -> DownsampledPoints:
    """Return the points' store that the settings name."""
    assert settings.influx is not None, "without an address there are no points"
    keeps = Retention(
        settings.influx_raw_days * DAY_S,
        settings.influx_minutes_days * DAY_S,
        settings.influx_hours_days * DAY_S,
    )
    found = InfluxSettings(
        *influx_parts(settings.influx), bucket_per_tenant=settings.influx_bucket_per_tenant, retention=keeps
    )
    series = [each for one in projections if one.points is not None for each in one.points.series]
    return DownsampledPoints(InfluxPointStore(found), InfluxBuckets(found, (*series, *REPORTED)), found)


def _beside(name: str, work: Coroutine[Any, Any, None], opened: AsyncExitStack) -> None:
    opened.push_async_callback(ended, asyncio.create_task(work, name=name))


async def ended(task: asyncio.Task[None]) -> None:
    """End it."""
    task.cancel()
    await asyncio.wait([task])
