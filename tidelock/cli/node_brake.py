"""`tidelock node brake`: look at the brake, pull it, release it, say when it is pulled by itself."""

from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from streams.domain.nodes.commands import ConfigureBrake, InspectBrake, PullBrake, ReleaseBrake
from streams.domain.nodes.replies import BrakeState
from tidelock.cli import exits, options, show
from tidelock.cli.connected import as_operator, on_client
from tidelock.cli.lease_now import LeaseNow
from tidelock.cli.node_options import KIND, Why
from tidelock.client.client import Client
from tidelock.client.terms import ms_of

brake_app = typer.Typer(
    help="The brake: while it is pulled, what dead nodes held is not given away.\n\n"
    "It is pulled by itself when half the nodes die at once, for then something that they share has failed.",
    no_args_is_help=True, pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip


@brake_app.command("show")
def show_brake(home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Show whether the brake is pulled, why, and by which settings: never stale.

    Example: [green]tidelock node brake show[/]
    """
    _show(*on_client(home, lambda client: _ask(client, InspectBrake())), json)


@brake_app.command()
def pull(why: Why = "", home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Keep what nodes hold that die from now on, until `release`.

    Before work on the network, say. Nodes that leave, are evicted or register again are swept all the same.

    Example: [green]tidelock node brake pull --why 'switch replaced at 14:00'[/]
    """
    _show(*as_operator(home, lambda client: _ask(client, PullBrake(0, 0, 0, why))), json)


@brake_app.command()
def release(why: Why = "", home: options.Home = options.HOME, json: options.AsJson = False) -> None:
    """Give away what dead nodes held, from now on and what was kept. Released already is fine.

    Example: [green]tidelock node brake release[/]
    """
    _show(*as_operator(home, lambda client: _ask(client, ReleaseBrake(why))), json)


@brake_app.command()
def configure(
    fraction: Annotated[
        int | None, typer.Option(help="A mass failure is so many percent of the nodes.", min=1, max=100)
    ] = None,
    min_dead: Annotated[
        int | None, typer.Option(help="And so many nodes at the least.", min=1, max=10_000)
    ] = None,
    window: Annotated[float | None, typer.Option(help="Dead within so many s.", min=1, max=3_600)] = None,
    auto_release: Annotated[
        float | None, typer.Option(help="Release it by itself after so many s; 0: never.", min=0, max=86_400)
    ] = None,
    armed: Annotated[
        bool | None, typer.Option("--armed/--no-armed", help="Unarmed, a mass failure is only an alarm.")
    ] = None,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Say when the brake is pulled by itself; what is not named stays. Without any option it shows the settings.

    Example: [green]tidelock node brake configure --fraction 30 --auto-release 600[/]
    """
    given = {
        "fraction": fraction, "min_dead": min_dead, "armed": armed,
        "window_ms": None if window is None else ms_of(window, "window"),
        "auto_release_ms": None if auto_release is None else ms_of(auto_release, "auto_release"),
    }  # fmt: skip
    changes: dict[str, Any] = {name: chosen for name, chosen in given.items() if chosen is not None}
    _show(*as_operator(home, lambda client: _configure(client, changes)), json)


async def _configure(client: Client, changes: dict[str, Any]) -> tuple[BrakeState, LeaseNow]:
    state, now = await _ask(client, InspectBrake())
    if not changes:
        return state, now
    return await _ask(client, ConfigureBrake(replace(state.settings, **changes)))


async def _ask(client: Client, command: object) -> tuple[BrakeState, LeaseNow]:
    answered = await client.ask(KIND, command)
    assert answered.position is not None
    return answered.reply, LeaseNow(client.lease_ms(answered.position.partition))


def _show(state: BrakeState, now: LeaseNow, as_json: bool) -> None:
    if as_json:
        show.as_json(
            asdict(state) | {"release_in_ms": now.left_ms(state.release_at) if state.release_at else None}
        )
        return
    if state.pulled:
        again = f", releases itself in {now.left(state.release_at)}" if state.release_at else ""
        show.say(
            f"pulled {now.ago(state.pulled_at)} ago{again}: {state.cause or 'nobody said why'}", "bold red"
        )
    else:
        show.say("not pulled", "bold green")
    show.settings(asdict(state.settings))
