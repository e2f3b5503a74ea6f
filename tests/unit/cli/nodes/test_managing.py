"""`tidelock node ...` at a worker: what it shows, what it does, and its exit codes."""

import json
from typing import Any

import pytest

from streams.domain.nodes.commands import Check, Heartbeat, ReportChecks
from tests.unit.cli.conftest import Cli
from tests.unit.cli.nodes.conftest import StandingNodes
from tidelock.cli import exits


def facts(cli: Cli, *args: str) -> Any:
    ran = cli(*args, "--json")
    assert ran.code == exits.OK, ran.err
    return json.loads(ran.out)


def test_a_node_is_shown_as_its_owner_has_it(cli: Cli, standing: StandingNodes) -> None:
    session = standing.register("n1")
    standing.clock.turn(2)
    standing.do(Heartbeat("n1", session, 3, "WARNING"))
    standing.do(ReportChecks("n1", session, (Check("disk", "WARNING", "91 % full"),)))
    told = facts(cli, "node", "show", "n1")
    assert (told["status"], told["session"], told["client"]) == ("ALIVE", session, "c1")
    assert (told["load"], told["health"], told["registration"]["labels"]) == (3, "WARNING", {"role": "db"})
    assert told["registered_ago_ms"] - told["heard_ago_ms"] == 2_000
    shown = cli("node", "show", "n1").out
    for words in ("n1: ALIVE", "3 of 8", "after 5 s of silence", "disk WARNING (91 % full)", "role=db"):
        assert words in shown


def test_draining_lasts_until_it_is_taken_back(cli: Cli, standing: StandingNodes) -> None:
    standing.register("n1")
    assert cli("node", "drain", "n1", "--why", "new disk").out.startswith("n1 gets no new work")
    assert "ALIVE, draining" in cli("node", "show", "n1").out
    assert facts(cli, "node", "undrain", "n1")["undrained"] is True
    assert facts(cli, "node", "show", "n1")["draining"] is False


def test_an_evicted_node_has_no_session_and_that_is_told_the_second_time(
    cli: Cli, standing: StandingNodes
) -> None:
    session = standing.register("n1")
    told = facts(cli, "node", "evict", "n1", "--yes", "--why", "it hangs")
    assert told == {"node": "n1", "session": session, "evicted": True}
    again = cli("node", "evict", "n1", "--yes")
    assert (again.code, again.out) == (exits.NO, "n1: no session is live\n")
    assert "ENDED (EVICTED), 1 unswept" in cli("node", "show", "n1").out


def test_a_node_of_another_session_is_left_alone(cli: Cli, standing: StandingNodes) -> None:
    session = standing.register("n1")
    for command in (("evict", "n1", "--yes"), ("deregister", "n1")):
        ran = cli("node", *command, "--session", "n1:999", "--json")
        assert (ran.code, json.loads(ran.out)["session"]) == (exits.NO, "n1:999")
    assert facts(cli, "node", "show", "n1")["session"] == session


def test_where_nobody_can_be_asked_nobody_is_evicted(cli: Cli, standing: StandingNodes) -> None:
    standing.register("n1")
    ran = cli("node", "evict", "n1")
    assert (ran.code, "--yes" in ran.err) == (exits.USAGE, True)
    assert cli("node", "evict", "n1", "--yes").code == exits.OK


def test_a_node_whose_program_has_ended_is_deregistered_in_its_name(
    cli: Cli, standing: StandingNodes
) -> None:
    session = standing.register("n1")
    assert facts(cli, "node", "deregister", "n1") == {"node": "n1", "session": session, "deregistered": True}
    assert "ENDED (LEFT)" in cli("node", "show", "n1").out
    assert cli("node", "deregister", "n1").code == exits.NO


def test_only_its_principal_deregisters_a_node(cli: Cli, standing: StandingNodes) -> None:
    standing.register("n1")
    standing.worker.principal = "somebody else"
    ran = cli("node", "deregister", "n1")
    assert (ran.code, ran.err.split(":")[0]) == (exits.NO, "NOT_YOURS")


@pytest.mark.parametrize("command", ["show", "drain", "undrain", "deregister"])
def test_a_node_that_never_was_is_said_so(cli: Cli, standing: StandingNodes, command: str) -> None:
    ran = cli("node", command, "nobody")
    assert (ran.code, ran.err.split(":")[0]) == (exits.NO, "NODE_UNKNOWN")


def test_the_brake_is_pulled_configured_and_released(cli: Cli, standing: StandingNodes) -> None:
    assert facts(cli, "node", "brake", "show")["pulled"] is False
    assert "ms ago: switch" in cli("node", "brake", "pull", "--why", "switch").out
    told = facts(cli, "node", "brake", "configure", "--fraction", "30", "--auto-release", "600", "--no-armed")
    assert told["settings"] == {
        "fraction": 30, "min_dead": 3, "window_ms": 10_000, "auto_release_ms": 600_000, "armed": False,
    }  # fmt: skip
    assert 590_000 < told["release_in_ms"] <= 600_000
    assert "not pulled" in cli("node", "brake", "release").out
    assert facts(cli, "node", "brake", "configure")["settings"]["fraction"] == 30


@pytest.mark.parametrize(
    ("args", "token"),
    [
        (("show", "n1"), "everybodys"),
        (("drain", "n1"), "the-operators"),
        (("undrain", "n1"), "the-operators"),
        (("brake", "show"), "everybodys"),
        (("brake", "pull"), "the-operators"),
        (("evict", "n1", "--yes"), "the-operators"),
    ],
)
def test_what_takes_an_operator_is_sent_with_the_operators_token(
    cli: Cli, standing: StandingNodes, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], token: str
) -> None:
    standing.register("n1")
    monkeypatch.setenv("TIDELOCK_TOKEN", "everybodys")
    monkeypatch.setenv("TIDELOCK_OPERATOR_TOKEN", "the-operators")
    assert cli("node", *args).code == exits.OK
    hello = standing.worker.connections[-1].hello
    assert hello is not None
    assert hello.token == token
