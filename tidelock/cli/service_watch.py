"""`tidelock service watch`: the instances of a service, each time they have changed."""

import time
from collections.abc import Mapping

import typer

from tidelock.cli import options, service_view, show
from tidelock.cli.connected import on_client
from tidelock.cli.node_options import Service
from tidelock.cli.when import Calendar
from tidelock.client.client import Client
from tidelock.client.nodes.instance import Instance


def watch(
    service: Service,
    utc: options.Utc = False,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Show the instances of a service now, and each change of them, until Ctrl-C.

    Pushed by its owner, not polled. Who is slow gets the newest only. With `--json`, one object each time, with all
    instances.

    Example: [green]tidelock service watch prices[/]
    """
    calendar = Calendar.now(utc)

    async def follow(client: Client) -> None:
        known: Mapping[str, Instance] = {}
        async for found in client.service(service).watch():
            now = {each.name: each for each in found}
            if json:
                show.as_json({"service": service, "instances": [service_view.facts(each) for each in found]})
            elif not known:
                service_view.instances(service, found, as_json=False)
            else:
                at = calendar.short(time.time_ns() // 1_000_000)
                for line in changes(known, now):
                    show.say(f"{at}  {line}")
            known = now

    try:
        on_client(home, follow)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def changes(before: Mapping[str, Instance], now: Mapping[str, Instance]) -> list[str]:
    """Return what is otherwise, a line each."""
    gone = [f"{name} left" for name in before if name not in now]
    came = [f"{name} came: {_standing(one)}" for name, one in now.items() if name not in before]
    other = [
        f"{name} is {_standing(one)}"
        for name, one in now.items()
        if name in before and before[name].version != one.version
    ]
    return [*gone, *came, *other]


def _standing(one: Instance) -> str:
    where = f"at {one.address or 'no address'}, of node {one.node}"
    return f"{service_view.standing(one)}, weight {one.weight}, {where}"
