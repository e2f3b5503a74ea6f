"""Rewinding a resource from the command line: whose it is, and a bar of the records read meanwhile."""

from typing import TypeVar

from streams.log.vocabulary import Vocabulary
from streams.replay.moment import Target
from streams.replay.resource import ResourceName
from streams.replay.rewind import Chronicle, Rewound, rewind
from streams.wire.keys import name_problem
from tidelock.cli.exits import WrongUse
from tidelock.cli.topics import bar, partitions_of, reader_of

C = TypeVar("C", bound=Chronicle)


def resource_name(kind: str, tenant: str, name: str) -> ResourceName:
    """Return whose resource is meant. Raises `WrongUse`."""
    problem = name_problem(name)
    if problem is not None:
        raise WrongUse(problem.message)
    return ResourceName(kind, checked_tenant(tenant), name)


def checked_tenant(tenant: str) -> str:
    """Return the tenant. Raises `WrongUse` if there can be none of that name."""
    if not tenant or "/" in tenant:
        raise WrongUse(f"{tenant!r} is no tenant: it has at least one character, and no '/'.")
    return tenant


async def rewound_with_bar(
    kafka: str, resource: ResourceName, vocabulary: Vocabulary, target: Target, chronicle: C, *, quiet: bool
) -> Rewound[C]:
    """Return the resource at `target`.

    Raises `NothingToTalkTo`, `RewindError`, `PortError`, `LogHalt`.
    """
    await partitions_of(kafka, [resource.kind], None)
    with bar(quiet) as progress:
        task = progress.add_task(f"rewinding {resource.name}", total=None)
        return await rewind(
            reader_of(kafka), resource, vocabulary, target, chronicle,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip
