"""The progress bar of the first start's download. It draws nothing until there is something to fetch."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn


class DownloadBar:
    """Shows files as they arrive; nothing when all are here already."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[name]}"),
        )
        self._progress = Progress(*columns, console=console, transient=True)
        self._task: TaskID | None = None

    def step(self, done: int, total: int, name: str) -> None:
        """Move the bar; the first step shows it and the last takes it away."""
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(
                "First start: fetching Kafka (45 MB)", total=total, name=name
            )
        self._progress.update(self._task, completed=done, name=name)
        if done == total:
            self.close()

    def close(self) -> None:
        """Take the bar away, also when a download was broken off."""
        self._progress.stop()
