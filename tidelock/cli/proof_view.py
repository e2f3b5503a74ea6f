"""The proof of a moment: what makes anybody who walks the same records come to the same state."""

from streams.replay.moment import Moment
from tidelock.cli import show
from tidelock.cli.when import Calendar


def lease_ms(moment: Moment) -> int:
    """Return the partition's lease time at the moment, as its last commit has it."""
    return 0 if moment.commit is None else moment.commit.lease_ms


def show_proof(moment: Moment, again: str, calendar: Calendar) -> None:
    """Print what proves the moment, and the command that gives the same answer for ever."""
    commit = moment.commit
    voids = ", ".join(f"{count:,} {reason}" for reason, count in moment.voids)
    passed = (
        f"{moment.records:,} records, {moment.commits:,} commits that count, {_void_count(moment):,} void"
    )
    show.say("")
    show.say(f"proof  log {moment.log_id.hex()}, generation {moment.generation}, partition {moment.where}")
    if commit is not None:
        show.say(
            f"       commit {commit.position} of {calendar.shown(commit.time_ms)}, lease time {commit.lease_ms:,}"
        )
    show.say(f"       head {moment.head.hex()} after {moment.last}")
    show.say(f"       passed {passed}" + (f" ({voids})" if voids else ""))
    if not moment.settled:
        show.say("       nothing is logged behind it yet; from the next record on, this answer is final")
    show.say(f"again  {again}", "dim")


def _void_count(moment: Moment) -> int:
    return sum(count for _, count in moment.voids)


def proof_facts(moment: Moment) -> dict[str, object]:
    """Return what proves a moment, for machines."""
    commit = moment.commit
    return {
        "log_id": moment.log_id.hex(),
        "generation": moment.generation,
        "head": moment.head.hex(),
        "after": str(moment.last),
        "commit": None if commit is None else str(commit.position),
        "commit_ms": None if commit is None else commit.time_ms,
        "lease_ms": lease_ms(moment),
        "owner": moment.owner,
        "records": moment.records,
        "commits": moment.commits,
        "void": _void_count(moment),
        "voids": dict(moment.voids),
    }
