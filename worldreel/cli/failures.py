"""How a command ends: whatever goes wrong that a user can cause is one line on standard error and an exit status."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from worldreel.errors import UserError, is_out_of_memory

USER_ERROR, INTERRUPTED, PIPE_CLOSED = 2, 130, 141
MEMORY = "this takes more memory than there is; ask for a smaller --size, fewer --seconds or frames"
"""For what is not generated: that says what would fit (see `worldreel.generation.memory`)."""


def guarded(work: Callable[[], None], name: str) -> int:
    """Does the work and gives the exit status. `name` begins the line that says what went wrong."""
    try:
        with _terminable():
            work()
            sys.stdout.flush()
        return 0
    except UserError as error:
        return _fail(name, str(error), USER_ERROR)
    except KeyboardInterrupt as error:
        return _fail(name, str(error) or "interrupted; nothing half-written is left", INTERRUPTED)
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except MemoryError:
        return _fail(name, MEMORY, USER_ERROR)
    except OSError as error:
        return _fail(name, _system(error), USER_ERROR)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return _fail(name, MEMORY, USER_ERROR)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: what it was writing is removed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only that one may set handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _fail(name: str, message: str, status: int) -> int:
    # One line, whatever a file's name or another library's message holds; no control codes reach the terminal.
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(message.split()))
    with suppress(OSError):
        print(f"{name}: {line}", file=sys.stderr, flush=True)
    return status


def _system(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{place}the disk is full; free some space or choose another folder"
    return f"{place}{(error.strerror or str(error)).lower()}"


def _forget_output() -> None:
    """Whoever read our output has gone. The interpreter would complain when it flushes at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
