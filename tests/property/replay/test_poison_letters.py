"""Whatever bytes stand among the letters, or in one: it is looked at, shown and asked anew without a crash."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from storage.memory.log import MemoryTopic
from streams.catalog import KINDS
from streams.engine.world import SystemClock
from streams.log.letters import LetterAction, encode_letter
from streams.log.vocabulary import Vocabulary
from streams.replay.letters.decoded import decoded
from streams.replay.letters.errors import NotRenewable
from streams.replay.letters.renewed import renewed
from streams.replay.letters.shelf import Filed, Wanted, search
from tests.unit.projector.toy import POISON, logbook, poisoned
from tests.unit.replay.letter_desk import aside, command, refused

WORDS = tuple(Vocabulary(kind) for kind in KINDS)
LETTERS = [
    encode_letter(each) for each in (refused(), aside(1), LetterAction("REDRIVEN", "me", (1, 2), "done"))
]
RECORDS = [each.value or b"" for each in logbook(*poisoned(POISON)).records]


def spoiled(*whole: bytes) -> st.SearchStrategy[bytes]:
    """Return bytes that were whole, with a stretch replaced by others; or any at all."""
    places = st.integers(0, max(map(len, whole)))

    def replaced(data: bytes, start: int, length: int, instead: bytes) -> bytes:
        return data[:start] + instead + data[start + length :]

    changed = st.builds(replaced, st.sampled_from(whole), places, st.integers(0, 12), st.binary(max_size=12))
    return changed | st.binary(max_size=60)


@given(records=st.lists(spoiled(*LETTERS), min_size=1, max_size=6))
async def test_a_search_counts_what_it_cannot_read(records: list[bytes]) -> None:
    topic = MemoryTopic(SystemClock())
    for each in records:
        topic.append(each)
    found = await search(topic, Wanted(), 100, 100)
    assert len(found.letters) + len(found.actions) + found.unreadable == len(records)
    assert found.all


@given(body=spoiled(command()), words=st.sampled_from(WORDS))
def test_a_command_is_shown_and_asked_anew_or_told_why_not(body: bytes, words: Vocabulary) -> None:
    letter = replace(refused(body), kind=words.kind.name)
    json.dumps(decoded(letter, words))
    with suppress(NotRenewable):
        assert words.decode_command(renewed(Filed(3, 1, letter), words, 8, 1).body)[0].client == "redrive-3"


@given(body=spoiled(*RECORDS), index=st.integers(0, 12) | st.just(10**9), words=st.sampled_from(WORDS))
def test_a_decision_is_shown_as_far_as_can_be_told(body: bytes, index: int, words: Vocabulary) -> None:
    json.dumps(decoded(replace(aside(index), body=body, kind=words.kind.name), words))
