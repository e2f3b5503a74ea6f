"""`python -m deploy.grafana`: write the dashboards and the alert rules; `--check`: say whether they are as written."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.alerting import provisioned
from deploy.grafana.boards.caches import caches
from deploy.grafana.boards.locks import locks
from deploy.grafana.boards.nodes import nodes
from deploy.grafana.boards.overview import overview
from deploy.grafana.boards.platform import platform
from deploy.grafana.boards.queues import queues
from deploy.grafana.rules import RULES

HERE = Path(__file__).parent
BOARDS = (overview, locks, queues, caches, nodes, platform)


def files() -> dict[Path, str]:
    """Return all that is made, by where it goes."""
    boards = {build.__name__: build() for build in BOARDS}
    made = {HERE / "provisioning" / "alerting" / "rules.yaml": provisioned(RULES, boards)}
    for name, board in boards.items():
        made[HERE / "dashboards" / f"{name}.json"] = (
            json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        )
    return made


def stale() -> list[Path]:
    """Return the files that are not as they would be written now."""
    return [path for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]


def main(argv: list[str]) -> int:
    """Write, or check."""
    if "--check" in argv:
        for path in stale():
            print(f"{path} is stale: python -m deploy.grafana")
        return int(bool(stale()))
    for path, text in files().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
