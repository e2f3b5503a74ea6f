"""What is said of nodes, instances and the brake."""

import strawberry

from api.types.nodes import Health
from streams.domain.nodes import commands
from streams.domain.nodes.brake import RELEASED


@strawberry.input(description="A named word.")
class LabelInput:
    """A label."""

    name: str
    value: str


@strawberry.input(description="What a node says of itself.")
class RegistrationInput:
    """A registration."""

    address: str = ""
    zone: str = ""
    labels: list[LabelInput] = strawberry.field(default_factory=list)
    capacity: int = 0
    metadata: list[LabelInput] = strawberry.field(default_factory=list)
    timeout_ms: int = strawberry.field(
        default=0, description="So long a silence is its death: 1,000 to 600,000; 0: 5,000."
    )

    def registration(self) -> commands.Registration:
        """Return it as commands carry it."""
        return commands.Registration(
            self.address,
            self.zone,
            labels_of(self.labels),
            self.capacity,
            labels_of(self.metadata),
            self.timeout_ms,
        )


@strawberry.input(description="How an instance is offered.")
class OfferInput:
    """An offer."""

    address: str = ""
    zone: str = ""
    weight: int = strawberry.field(
        default=100, description="0 to 1,000; 0: chosen only where there is no other."
    )
    metadata: list[LabelInput] = strawberry.field(default_factory=list)
    healthy: bool = strawberry.field(
        default=True, description="Whether it may be chosen before the first check."
    )
    rise: int = strawberry.field(default=2, description="So many passed checks in a row make it healthy.")
    fall: int = strawberry.field(default=3, description="So many failed checks in a row make it unhealthy.")
    draining: bool = strawberry.field(default=False, description="Whether its node is to get no new work.")


@strawberry.input(description="What is not given stays as it is at first.")
class BrakeSettingsInput:
    """Settings of the brake."""

    fraction: int = strawberry.field(
        default=RELEASED.settings.fraction, description="Percent of the nodes: 1 to 100."
    )
    min_dead: int = strawberry.field(
        default=RELEASED.settings.min_dead, description="Fewer deaths are never a mass failure."
    )
    window_ms: int = strawberry.field(
        default=RELEASED.settings.window_ms, description="At once means: within so long."
    )
    auto_release_ms: int = strawberry.field(
        default=RELEASED.settings.auto_release_ms, description="After so long; 0: never."
    )
    armed: bool = strawberry.field(
        default=RELEASED.settings.armed, description="False: a mass failure is only an alarm."
    )

    def settings(self) -> commands.BrakeSettings:
        """Return them as commands carry them."""
        return commands.BrakeSettings(
            self.fraction, self.min_dead, self.window_ms, self.auto_release_ms, self.armed
        )


def labels_of(given: list[LabelInput]) -> tuple[commands.Label, ...]:
    """Return labels as commands carry them."""
    return tuple([commands.Label(each.name, each.value) for each in given])


def health_of(given: Health) -> commands.Health:
    """Return the health as commands carry it."""
    return given.value
