"""What a client knows to be gone is not shown to it, for as long as a tier may still have it."""

from tidelock.client.caches.known import Known


class Now:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def test_versions_up_to_the_dropped_one_are_not_shown_until_nobody_shows_them() -> None:
    now = Now()
    known = Known(now, 5.0)
    known.drop("k", "a", 7)
    known.drop("k", "a", 3)
    assert not known.allows("k", "a", 7)
    assert known.allows("k", "a", 8)
    assert known.allows("k", "b", 7)
    assert known.allows("l", "a", 7)
    now.s += 5.4
    assert not known.allows("k", "a", 7)
    now.s += 0.2
    assert known.allows("k", "a", 7)


def test_dropping_again_remembers_anew() -> None:
    now = Now()
    known = Known(now, 5.0)
    known.drop("k", "a", 7)
    known.drop("k", "b", 7)
    now.s += 4.0
    known.drop("k", "a", 7)
    now.s += 4.0
    assert known.allows("k", "b", 7)
    assert not known.allows("k", "a", 7)


def test_of_too_many_nothing_is_shown_for_a_while() -> None:
    now = Now()
    known = Known(now, 5.0, most=3)
    for name in "abcd":
        known.drop("k", name, 7)
    assert not known.allows("k", "z", 99)
    now.s += 5.6
    assert known.allows("k", "a", 1)
