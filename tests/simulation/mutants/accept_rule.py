"""The accept rule with one clause missing. Owners, tails and replays all share it, so all agree: on something wrong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from streams.log.accept import LogHead
from streams.log.records import Claim, Commit, FeatureActivated, Genesis
from tests.simulation.mutants.mutant import Mutant

_commit, _claim, _feature, _judge = LogHead._commit, LogHead._claim, LogHead._feature, LogHead._judge


def _lenient(**fields: Callable[[LogHead, Commit], Any]) -> Callable[[LogHead, Commit], Any]:
    """Judge a commit as if some of its fields were what they should be."""

    def judge(self: LogHead, commit: Commit) -> Any:
        return _commit(self, replace(commit, **{name: value(self, commit) for name, value in fields.items()}))

    return judge


def _owner(self: LogHead, record: Commit | FeatureActivated) -> bytes:
    return record.owner if self.claim is None else self.claim.owner


def _no_source(self: LogHead, commit: Commit) -> Any:
    last, last_hash = self.last_source, self.source_hash
    reason = _commit(self, replace(commit, source=None))
    if reason is None and commit.source is not None:
        last, last_hash = commit.source.last, commit.source.hash
    self.last_source, self.source_hash = last, last_hash
    return reason


def _any_claim(self: LogHead, claim: Claim) -> Any:
    active, self.active = self.active, min(self.active, claim.max_level)
    reason = _claim(self, claim)
    self.active = active
    return reason


def _late_genesis(self: LogHead, offset: int, record: Any) -> Any:
    return _judge(self, 0 if isinstance(record, Genesis) else offset, record)


def _feature_without(what: str) -> Callable[[LogHead, FeatureActivated], Any]:
    def judge(self: LogHead, feature: FeatureActivated) -> Any:
        if what == "owner" and self.claim is not None:
            feature = replace(feature, owner=self.claim.owner)
        if what == "prev":
            feature = replace(feature, prev=self.head)
        if what == "level" and self.claim is not None:
            wished = feature.level
            reason = _feature(
                self, replace(feature, level=min(max(wished, self.active + 1), self.claim.max_level))
            )
            if reason is None:
                self.active = wished
            return reason
        return _feature(self, feature)

    return judge


def _rule(name: str, breaks: str, attribute: str, function: Any) -> Mutant:
    return Mutant(f"accept rule: {name}", breaks, lambda: [(LogHead, attribute, function)])


ACCEPT_RULE = (
    _rule("no owner", "a commit of an owner that was fenced counts", "_commit", _lenient(owner=_owner)),
    _rule(
        "no prev",
        "a commit decided from another state counts",
        "_commit",
        _lenient(prev=lambda self, _: self.head),
    ),
    _rule(
        "no seq", "a commit with a wrong number counts", "_commit", _lenient(seq=lambda self, _: self.n + 1)
    ),
    _rule(
        "no level",
        "a commit of an inactive level counts",
        "_commit",
        _lenient(level=lambda self, _: self.active),
    ),
    _rule("no contiguity", "a commit that skips commands counts", "_commit", _no_source),
    _rule("any claim", "a claim below the active level counts", "_claim", _any_claim),
    _rule("any genesis", "a second Genesis counts", "_judge", _late_genesis),
    _rule(
        "activation by anybody", "an activation by a stranger counts", "_feature", _feature_without("owner")
    ),
    _rule(
        "unchained activation",
        "an activation that saw another log counts",
        "_feature",
        _feature_without("prev"),
    ),
    _rule(
        "any activation",
        "an activation of an unsupported level counts",
        "_feature",
        _feature_without("level"),
    ),
)
