"""The Faust app: membership, assignment, fetching, life cycle. What it fetches goes to the projector in whole batches.

What Faust would do with each message (conductor, streams, acknowledgements, table recovery) loses some of them and is
ten times too slow, so its consumer is given another drain loop here, the batch lane. Positions are the projector's: it
says from where it wants to be fed, and a hole or a repetition in what comes is healed there. What the group's
coordinator keeps as offsets is a hint for displays. There are no tables, so Faust's recovery has nothing to recover;
all that it seeks is passed over.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import faust
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.domain.value import value
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.projector.projector import Projector

GROUP = "tidelock.projector"
BESIDE = "tidelock.projector.beside"
"""Those that only build what a release raises, beside projectors of the release before: all have all partitions."""
FETCH_WAIT_MS = 50
POLL_S = 0.3
NOBODY_READY_S = 0.02
"""Between two looks whether a partition may be fetched: a fetch would wait for records, not for room."""
MAX_RECORDS = 2000
FOREVER_S = 1_000_000.0

_log = structlog.get_logger("tidelock.projector")


@value
class GroupSettings:
    """How the process takes part in its group."""

    kafka: str
    session_timeout_ms: int
    group: str = GROUP


class ProjectorApp(faust.App):
    """A Faust app whose consumer feeds a `Projector`."""

    def __init__(self, settings: GroupSettings, projector: Projector) -> None:
        session_s = settings.session_timeout_ms / 1000
        self.projector = projector
        self.kinds = {PartitionId(kind, 0).log_topic: kind for kind in projector.kinds}
        super().__init__(
            settings.group,
            broker=[f"kafka://{address}" for address in settings.kafka.split(",")],
            autodiscover=False,
            cython_optimizations=True,
            web_enabled=False,
            store="memory:",
            table_standby_replicas=0,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_recovery_delay=0.0,
            consumer_auto_offset_reset="earliest",
            broker_session_timeout=session_s,
            broker_heartbeat_interval=min(1.0, session_s / 10),
            broker_rebalance_timeout=max(session_s, 5.0),
            broker_request_timeout=max(session_s, 15.0),
            broker_max_poll_interval=FOREVER_S,
            broker_max_poll_records=MAX_RECORDS,
            broker_commit_interval=2.0,
            broker_commit_livelock_soft_timeout=FOREVER_S,
        )
        self.on_partitions_assigned.connect(self._assigned)  # type: ignore[arg-type]

    def subscribe(self) -> None:
        """Name the logs of all kinds. Only inside the running loop: Faust ties what it makes to the loop it finds."""
        for topic in self.kinds:
            self.topics.add(self.topic(topic, value_serializer="raw", key_serializer="raw"))

    def where(self, tp: TP) -> PartitionId:
        """Return the partition behind Faust's name for it."""
        return PartitionId(self.kinds[tp.topic], tp.partition)

    async def _assigned(self, _app: Any, assigned: Iterable[TP], **_: Any) -> None:
        wheres = [self.where(tp) for tp in assigned]
        _log.info("assigned", partitions=[str(where) for where in wheres])
        await self.projector.assigned(wheres)

    def _new_transport(self) -> Any:
        return LogTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """There is nothing to keep: positions live with the rows."""


class LogConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with a fetch that does not wait for 1.5 s."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        made = super()._create_worker_consumer(transport)
        made._fetch_max_wait_ms = FETCH_WAIT_MS
        return made


class LogConsumer(driver.Consumer):
    """Faust's consumer with a batch lane instead of its conductor."""

    @property
    def _projector(self) -> Projector:
        return cast(ProjectorApp, self.app).projector

    def _new_consumer_thread(self) -> Any:
        return LogConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Seek nothing: the projector says from where it wants to be fed."""

    async def wait_empty(self) -> None:
        """Let the lanes finish what they are writing: the partitions are about to be given away."""
        await self._projector.pause()
        await self.commit()

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: the watchdog sees to progress, and acts."""

    async def commit(self, *_topics: Any, **_transaction: Any) -> bool:
        """Leave a hint in the group's offsets. A hint that fails costs nothing."""
        mine = self.assignment()
        offsets = {
            TopicPartition(where.log_topic, where.partition): offset
            for where, offset in self._projector.hints().items()
            if TP(where.log_topic, where.partition) in mine
        }
        if not offsets:
            return False
        try:
            await self._thread.call_thread(self._thread._ensure_consumer().commit, offsets)
        except KafkaError as error:
            _log.debug("offsets were not left with the group", error=repr(error))
            return False
        return True

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                if self.flow_active:
                    await self._drain()
                else:
                    await self.can_resume_flow.wait()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    async def _drain(self) -> None:
        """Fetch once, and hand each partition its records."""
        app, projector = cast(ProjectorApp, self.app), self._projector
        mine = self.assignment()
        await self._seek_where_wanted(mine)
        ready = {TP(where.log_topic, where.partition) for where in projector.ready()} & mine
        if not ready:
            await asyncio.sleep(NOBODY_READY_S)
            return
        fetched = await self._getmany(active_partitions=ready, timeout=POLL_S)
        for tp, records in (fetched or {}).items():
            await projector.feed(
                app.where(tp), [Stored(one.offset, one.timestamp, one.value) for one in records]
            )
        await asyncio.sleep(0)

    async def _seek_where_wanted(self, mine: set[TP]) -> None:
        wanted = self._projector.seeks()
        here = {
            where: offset for where, offset in wanted.items() if TP(where.log_topic, where.partition) in mine
        }
        if here:
            thread = self._thread
            await thread.call_thread(self._seek_all, thread._ensure_consumer(), here)
            self._projector.sought(here)

    async def _seek_all(self, consumer: Any, offsets: dict[PartitionId, int]) -> None:
        """Seek, in the consumer's own thread; what was fetched from elsewhere is dropped there."""
        assigned = consumer.assignment()
        for where, offset in offsets.items():
            at = TopicPartition(where.log_topic, where.partition)
            if at in assigned:
                consumer.seek(at, offset)


class LogTransport(driver.Transport):
    """Faust's transport with that consumer."""

    Consumer = LogConsumer
