"""What goes wrong, as Python says it: every failure is an Error, and beside it what Python itself would raise."""
import errno
import os

from . import _pathways as c


class Error(Exception):
    """A call failed. The message names the thing, its value and what would be right."""

    status = c.E_STATE      #: the library's number for it
    file = None             #: the file it is about
    line = None             #: the line in that file
    task = None             #: the task it is about

    def __str__(self):
        return str(self.args[0]) if self.args else ""


class ArgumentError(Error, ValueError):
    """An argument or option is out of range or unknown."""


class DataError(Error, ValueError):
    """A row or a sample is bad: an unknown label, NaN, an empty text. Raised for a row of a source, it skips that."""

    status = c.E_DATA


class FormatError(Error, ValueError):
    """A file is not what it claims to be, or is cut short."""


class NotFoundError(Error, KeyError):
    """There is no task, part, label or column of that name."""


class ReadError(Error, OSError):
    """The system refused to read or write."""


class MissingFileError(ReadError, FileNotFoundError):
    """There is no such file."""


class MemoryShortError(Error, MemoryError):
    """Out of memory."""


class Cancelled(Error):
    """A run was stopped."""


_CLASSES = {c.E_ARGUMENT: ArgumentError, c.E_DATA: DataError, c.E_FORMAT: FormatError, c.E_NOT_FOUND: NotFoundError,
            c.E_IO: ReadError, c.E_NOMEM: MemoryShortError, c.E_CANCELLED: Cancelled}


def _is_missing_file(message, file):
    text = message.lower()
    return (file is not None and not os.path.exists(file)) or os.strerror(errno.ENOENT).lower() in text \
        or "no such file" in text


def failure(status, message, file, line, task):
    """The exception for a status. The C side calls it."""
    kind = _CLASSES.get(status, Error)
    if kind is NotFoundError and _is_missing_file(message, file):
        kind = MissingFileError
    error = kind(message)
    error.status, error.file, error.line, error.task = status, file, line or None, task
    return error
