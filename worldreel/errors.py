"""The one error a user can cause: a single line that names the argument, the value and the way out."""


class UserError(ValueError):
    """Shown by the command line as one line on standard error, with exit status 2 and no traceback."""
