"""Repositories on the hub, fetched into its own cache: only what is needed, and what is there already is not fetched again."""

import errno
import re
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from worldreel.errors import UserError

ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
"""OWNER/NAME. Paths with more parts, or that begin with a dot or a slash, are folders."""
SETTINGS = ("*.json",)
"""What tells what a repository is, in its folders too: small, so it is fetched before any weights."""


def fetched(name: str, patterns: Sequence[str]) -> Path:
    """The folder of a repository, in which every file that a pattern fits is whole; what was broken off is gone on with.

    Raises UserError, in one line, where it cannot be had: no such repository, no access, no network, no room.
    """
    if find_spec("huggingface_hub") is None:
        raise UserError(f"--model {name!r}: no such folder; to fetch it from the hub: pip install 'worldreel[wan]'")
    hub: Any = import_module("huggingface_hub")
    try:
        return Path(hub.snapshot_download(name, allow_patterns=list(patterns)))
    except Exception as error:
        reason = _reason(error, name, hub.errors)
        if reason is None:
            raise
    raise UserError(f"--model {name!r}: {reason}")


def name_of(folder: Path) -> str:
    """What a model in a folder is called: as its repository, where the folder is in the hub's cache."""
    whole = folder.resolve()
    cached = whole.parent.name == "snapshots" and whole.parents[1].name.startswith("models--")
    return whole.parents[1].name.rpartition("--")[2] if cached else whole.name


def _reason(error: Exception, name: str, errors: Any) -> str | None:
    """What went wrong, and the way out; None for what is no fault of a user, a network or a disk."""
    if isinstance(error, errors.GatedRepoError):
        page = f"https://huggingface.co/{name}"
        return f"its owners let in only those who accept their terms; do so at {page}, then run: hf auth login"
    if isinstance(error, errors.RepositoryNotFoundError | errors.HFValidationError):
        return "no such folder, and no such repository on the hub; check the name, or run: hf auth login, if it is private"
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        return f"the hub refused (status {status}); try again later: what has been fetched is kept"
    unreachable = (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, *errors.HfHubHTTPError.__bases__[:1])
    if isinstance(error, (*unreachable, ConnectionError, TimeoutError)):
        return "no such folder, and the hub cannot be reached; check the network and try again, or give a folder"
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "the disk is full; free some space, or set HF_HOME to a folder with more, and try again"
        return f"it cannot be fetched ({(error.strerror or str(error)).lower()}); try again"
    return None
