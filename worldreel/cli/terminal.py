"""Where a command speaks: results on standard output, everything else on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Show = Callable[[str, int, int], None]
"""(what is being done, how much of it is done, of how much; 0: of nobody knows how much)."""


class Terminal:
    """`json`: the result will be one JSON object, so nothing else goes to standard output."""

    def __init__(self, json: bool = False) -> None:
        self.json = json

    def say(self, line: str = "") -> None:
        """A line of the result, for people."""
        if not self.json:
            encoding = sys.stdout.encoding or "utf-8"
            print(line.encode(encoding, "backslashreplace").decode(encoding))  # names of files may be any bytes

    def note(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    @contextmanager
    def progress(self) -> Iterator[Show]:
        """A bar with the time that is left, on a terminal; nothing in a log."""
        if not sys.stderr.isatty():
            yield lambda what, done, of: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            current: dict[str, int] = {}

            def show(what: str, done: int, of: int) -> None:
                if what not in current:
                    for task in current.values():
                        bar.remove_task(task)  # type: ignore[arg-type]
                    current.clear()
                    current[what] = bar.add_task(what, total=of or None)
                bar.update(current[what], completed=done, total=of or None)  # type: ignore[arg-type]

            yield show
