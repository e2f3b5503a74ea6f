"""Keeps the schema files honest: `python -m schemas check [--release]` and `python -m schemas freeze`."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from schemas.catalogue import Catalogue, shipped
from schemas.errors import SchemaError
from schemas.fingerprints import freeze, key, released, unreleased
from schemas.gate import problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m schemas", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="released schemas unchanged, all versions read each other")
    check.add_argument("--release", action="store_true", help="fail also if a schema is not frozen yet")
    commands.add_parser(
        "freeze", help="record the fingerprints of new schemas; they never change from then on"
    )
    options = parser.parse_args(arguments)
    try:
        return (
            _freeze(shipped()) if options.command == "freeze" else _check(shipped(), release=options.release)
        )
    except SchemaError as error:
        return _say_problem(error)


def _freeze(catalogue: Catalogue) -> int:
    new = freeze(catalogue)
    _say(f"froze {len(new)} schemas" + "".join(f"\n  {name}" for name in new))
    return 0


def _check(catalogue: Catalogue, *, release: bool) -> int:
    frozen = released()
    found = list(problems(catalogue, frozen))
    for problem in found:
        _say_problem(problem)
    free = unreleased(catalogue, frozen)
    if free:
        names = map(key, free)
        told = (
            names
            if release
            else (f"{n} of {space}" for space, n in sorted(Counter(map(_space, names)).items()))
        )
        _say("not frozen, so still free to change (python -m schemas freeze): " + ", ".join(told))
    return 1 if found or (release and free) else 0


def _space(name: str) -> str:
    return name.rpartition(".")[0]


def _say_problem(problem: SchemaError) -> int:
    sys.stderr.write(f"{problem.code}: {problem}\n")
    return 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
