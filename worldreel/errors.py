"""The one error a user can cause: a single line that names the argument, the value and the way out; and how memory runs out."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out. torch has a class of its own for accelerators only; its allocator on the CPU raises
    a plain RuntimeError."""
    if isinstance(error, MemoryError):
        return True
    named = type(error).__name__ == "OutOfMemoryError" or "allocate memory" in str(error)
    return isinstance(error, RuntimeError) and named


class UserError(ValueError):
    """Shown by the command line as one line on standard error, with exit status 2 and no traceback."""
