"""The supervisor on tiny programs: readiness, restarts, failures with reasons, clean and stubborn ends."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest

from tidelock.local.child import Watcher
from tidelock.local.errors import PartFailed, PartTimedOut, PortTaken
from tidelock.local.journal import Journal
from tidelock.local.parts.part import Helper, Launch
from tidelock.local.supervisor import Backoff, State, SupervisedPart, Surroundings

SERVE = "open({mark!r}, 'a').write('x'); import time; time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SERVE
PARENT = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    + SERVE
)
TIMEOUT_S = 20


class Script:
    """A part that is a line of Python; it is ready when the line has written its mark."""

    name = "script"
    address = "nowhere"

    def __init__(self, home: Path, code: str) -> None:
        self.mark = home / "mark"
        self.code = code.format(mark=str(self.mark))
        self.settled = 0

    def place(self, *, elsewhere: bool = False) -> None: ...

    async def prepare(self, run: Helper) -> None: ...

    def launch(self) -> Launch:
        self.mark.unlink(missing_ok=True)
        return Launch((sys.executable, "-c", self.code), stop_timeout_s=1.0)

    async def ready(self) -> bool:
        return self.mark.exists()

    async def settle(self) -> None:
        self.settled += 1


class Heard(list[str]):
    """What the supervisor said, and a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Condition()

    def say(self, text: str) -> None:
        self.append(text)
        self._wake = asyncio.ensure_future(self._notify())

    async def until(self, word: str) -> str:
        async with asyncio.timeout(TIMEOUT_S), self._more:
            await self._more.wait_for(lambda: any(word in text for text in self))
        return next(text for text in self if word in text)

    async def _notify(self) -> None:
        async with self._more:
            self._more.notify_all()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def around(tmp_path: Path, heard: Heard) -> AsyncIterator[Surroundings]:
    watcher = Watcher()
    await watcher.start()
    journal = Journal(tmp_path / "stack.log")
    yield Surroundings(
        tmp_path, watcher, journal, heard.say, lambda: None, start_timeout_s=TIMEOUT_S,
        backoff=Backoff(first_s=0.01, most_s=0.02),
    )  # fmt: skip
    await watcher.stop()


async def test_a_part_starts_is_settled_and_ends(tmp_path: Path, around: Surroundings) -> None:
    script = Script(tmp_path, SERVE)
    part = SupervisedPart(script, around)
    await part.start()
    assert part.state.value == "ready"
    assert part.child is not None
    pid = part.child.pid
    await part.stop()
    assert part.state is State.STOPPED
    assert not psutil.pid_exists(pid)
    assert script.settled == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_part_that_dies_comes_back_and_both_are_said(
    tmp_path: Path, around: Surroundings, heard: Heard, number: signal.Signals
) -> None:
    part = SupervisedPart(Script(tmp_path, SERVE), around)
    await part.start()
    assert part.child is not None
    before = part.child.pid
    part.kill(number)
    await part.wait_ready(TIMEOUT_S)
    assert part.child.pid != before
    assert number.name in await heard.until("died")
    await heard.until("is back")
    assert part.restarts == 1
    await part.stop()


async def test_a_part_that_closes_itself_comes_back_too(
    tmp_path: Path, around: Surroundings, heard: Heard
) -> None:
    closes_once = "import os, sys; first = not os.path.exists({mark!r} + '2'); open({mark!r} + '2', 'a'); "
    code = closes_once + "open({mark!r}, 'a'); import time; time.sleep(0.3 if first else 600)"
    part = SupervisedPart(Script(tmp_path, code), around)
    await part.start()
    assert "exit status 0" in await heard.until("died")
    await heard.until("is back")
    await part.stop()


async def test_a_part_that_cannot_start_tells_why(tmp_path: Path, around: Surroundings) -> None:
    part = SupervisedPart(Script(tmp_path, "import sys; sys.exit('disk: No space left on device')"), around)
    with pytest.raises(PartFailed) as failed:
        await part.start()
    assert failed.value.part == "script"
    assert failed.value.log == tmp_path / "script.log"
    assert "exit status 1" in str(failed.value)
    assert "disk space" in failed.value.cure
    assert part.state is State.STOPPED


async def test_a_taken_port_is_told_apart_but_not_one_in_an_old_log(
    tmp_path: Path, around: Surroundings
) -> None:
    with pytest.raises(PortTaken):
        await SupervisedPart(
            Script(tmp_path, "import sys; sys.exit('Address already in use')"), around
        ).start()
    with pytest.raises(PartFailed) as failed:
        await SupervisedPart(Script(tmp_path, "import sys; sys.exit('other')"), around).start()
    assert failed.value.code == "PART_FAILED"


async def test_a_part_that_never_gets_ready_is_given_up(
    tmp_path: Path, around: Surroundings, heard: Heard
) -> None:
    hasty = Surroundings(
        around.logs, around.watcher, around.journal, around.say, around.changed, start_timeout_s=0.3
    )
    part = SupervisedPart(Script(tmp_path, "import time; time.sleep(600)"), hasty)
    with pytest.raises(PartTimedOut, match="was not ready after 1 s"):
        await part.start()
    assert part.child is None
    assert "it may have much to read" in heard[0]


async def test_what_an_earlier_run_wrote_is_not_shown_as_the_cause(
    tmp_path: Path, around: Surroundings
) -> None:
    part = SupervisedPart(Script(tmp_path, "import sys; sys.exit('this one')"), around)
    part.log.parent.mkdir(parents=True, exist_ok=True)
    part.log.write_text("an earlier one\n")
    with pytest.raises(PartFailed, match="this one") as failed:
        await part.start()
    assert "an earlier one" not in str(failed.value)


class SlowToStart(Script):
    """A part that is ready when it was looked at often."""

    looks = 0

    async def ready(self) -> bool:
        self.looks += 1
        return self.looks > 10


async def test_a_part_that_starts_slowly_is_waited_for_and_said_to_be_slow(
    tmp_path: Path, around: Surroundings, heard: Heard
) -> None:
    part = SupervisedPart(SlowToStart(tmp_path, SERVE), replace(around, start_timeout_s=0.2))
    await part.start()
    assert [each for each in heard if "not ready after 0 s" in each]
    await part.stop()


class SlowToReturn(Script):
    """A part that is ready at once the first time; later only when it was looked at often."""

    starts = looks = 0

    def launch(self) -> Launch:
        self.starts, self.looks = self.starts + 1, 0
        return super().launch()

    async def ready(self) -> bool:
        self.looks += 1
        return self.starts == 1 or self.looks > 20


async def test_a_part_that_needs_longer_to_come_back_is_given_longer_each_time(
    tmp_path: Path, around: Surroundings, heard: Heard
) -> None:
    hasty = replace(around, start_timeout_s=0.2)
    part = SupervisedPart(SlowToReturn(tmp_path, SERVE), hasty)
    await part.start()
    part.kill(signal.SIGKILL)
    await part.wait_restarted(1, TIMEOUT_S)
    assert "not ready after" in await heard.until("next try")
    await part.stop()


async def test_a_program_that_does_not_exist_is_a_failed_part(tmp_path: Path, around: Surroundings) -> None:
    script = Script(tmp_path, SERVE)
    script.launch = lambda: Launch(("/nonexistent/program",))  # type: ignore[method-assign]
    with pytest.raises(PartFailed, match="No such file"):
        await SupervisedPart(script, around).start()


async def test_a_failing_restart_is_said_and_tried_again(
    tmp_path: Path, around: Surroundings, heard: Heard
) -> None:
    script = Script(tmp_path, SERVE)
    part = SupervisedPart(script, around)
    await part.start()
    good, script.code = script.code, "import sys; sys.exit('not today')"
    part.kill()
    assert "not today" in await heard.until("next try in")
    script.code = good
    await part.wait_ready(TIMEOUT_S)
    assert part.restarts >= 2
    await part.stop()


async def test_a_stubborn_part_is_killed_after_its_time(tmp_path: Path, around: Surroundings) -> None:
    part = SupervisedPart(Script(tmp_path, STUBBORN), around)
    await part.start()
    assert part.child is not None
    pid = part.child.pid
    await part.stop()
    assert not psutil.pid_exists(pid)


async def test_what_a_part_started_goes_with_it(tmp_path: Path, around: Surroundings) -> None:
    part = SupervisedPart(Script(tmp_path, PARENT), around)
    await part.start()
    assert part.child is not None
    [grandchild] = psutil.Process(part.child.pid).children()
    await part.stop()
    gone, alive = psutil.wait_procs([grandchild], timeout=TIMEOUT_S)
    assert (len(gone), alive) == (1, [])


async def test_a_frozen_part_can_be_stopped(tmp_path: Path, around: Surroundings) -> None:
    part = SupervisedPart(Script(tmp_path, SERVE), around)
    await part.start()
    part.freeze()
    await part.stop()
    assert part.state is State.STOPPED
