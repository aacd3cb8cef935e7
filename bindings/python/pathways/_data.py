"""Rows and samples of Python, as examples of the library."""
import array
import json
import logging
import numbers
import os
from collections.abc import Mapping

from . import _pathways as c
from ._errors import ArgumentError, DataError

RATE = 16000        # Hz of sounds that come without their rate
SPLITS = {"train": c.TRAIN, "valid": c.VALID, "test": c.TEST}

_LEVELS = {c.LOG_ERROR: logging.ERROR, c.LOG_WARNING: logging.WARNING, c.LOG_INFO: logging.INFO,
           c.LOG_DEBUG: logging.DEBUG}
_context = None


def context():
    """The one context of this module: PNG and JPEG where the build has them, and its log goes to logging."""
    global _context
    if _context is None:
        made = c.context_new(None)
        c.context_add_media(made)
        log = logging.getLogger("pathways").log
        c.context_on_log(made, lambda level, message: log(_LEVELS.get(level, logging.INFO), "%s", message))
        _context = made
    return _context


def options(settings):
    """A dict as the library's options; what is None is left out."""
    made = c.options_new()
    for name, value in settings.items():
        if isinstance(value, bool):
            c.options_set_flag(made, name, value)
        elif isinstance(value, numbers.Integral):
            c.options_set_int(made, name, int(value))
        elif isinstance(value, numbers.Real):
            c.options_set_number(made, name, float(value))
        elif isinstance(value, (str, os.PathLike)):
            c.options_set(made, name, os.fspath(value))
        elif value is not None:
            c.options_merge(made, c.options_parse(json.dumps({name: value}, ensure_ascii=False, default=os.fspath)))
    return made


def split_of(name):
    if name not in SPLITS:
        raise ArgumentError(f"split {name!r}; train, valid or test would be right")
    return SPLITS[name]


# --- samples ---

def _nested(value, code):
    """A list of lists of numbers as an array; None is a missing value."""
    flat, shape = list(value), []
    shape.append(len(flat))
    while flat and hasattr(flat[0], "__len__") and not isinstance(flat[0], (str, bytes)):
        shape.append(len(flat[0]))
        if len(shape) > 4:
            raise DataError("lists nested more than four deep; a clip of pictures is as deep as it goes")
        if any(not hasattr(inner, "__len__") or len(inner) != shape[-1] for inner in flat):
            raise DataError("lists of different lengths; all of one length would be right")
        flat = [item for inner in flat for item in inner]
    if not flat:
        raise DataError("there are no numbers")
    try:
        whole = array.array(code, [float("nan") if item is None else item for item in flat])
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"not an array of {'0 to 255' if code == 'B' else 'numbers'}: {error}") from None
    return memoryview(whole).cast("B").cast(code, shape)


def numbers_of(value, code="f"):
    """Something with the buffer protocol: what was given (no copy), or made of nested lists."""
    try:
        memoryview(value).release()
        return value
    except TypeError:
        pass
    if hasattr(value, "__array__"):
        return value.__array__()
    if hasattr(value, "__iter__"):
        return _nested(value, code)
    raise DataError(f"{type(value).__name__} is no array: an object with the buffer protocol or nested lists are right")


def _sound(samples):
    """Samples as numbers in -1..1: int16 is scaled."""
    samples = numbers_of(samples)
    view = memoryview(samples)
    if view.format.lstrip("@=<") != "h":
        return samples
    whole = array.array("h", view.tobytes())
    scaled = array.array("f", [sample / 32768 for sample in whole])
    return memoryview(scaled).cast("B").cast("f", view.shape)


def _set_text(example, part, value):
    c.example_set_text(example, part, value if isinstance(value, (str, bytes)) else str(value))


def _set_audio(example, part, value):
    rate = RATE
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], numbers.Real):
        value, rate = value
    c.example_set_audio(example, part, _sound(value), float(rate))


def _set_table(example, part, value):
    if not isinstance(value, Mapping):
        value = {str(at): cell for at, cell in enumerate(value, 1)}
    for column, cell in value.items():
        if isinstance(cell, numbers.Real) and not isinstance(cell, bool):
            c.example_set_cell_number(example, part, str(column), float(cell))
        else:
            c.example_set_cell(example, part, str(column), None if cell is None else str(cell))


_SET = {
    "text": _set_text,
    "bytes": c.example_set_bytes,
    "image": lambda example, part, value: c.example_set_image(example, part, numbers_of(value, "B")),
    "audio": _set_audio,
    "series": lambda example, part, value: c.example_set_series(example, part, numbers_of(value)),
    "video": lambda example, part, value: c.example_set_video(example, part, numbers_of(value, "B")),
    "table": _set_table,
}


def is_file(sense, value):
    """Whether a value names a file: a path object, or a str where a str can be nothing else."""
    return isinstance(value, os.PathLike) or (isinstance(value, str) and sense in ("image", "audio", "series", "video"))


def set_part(example, part, sense, value):
    if is_file(sense, value):
        raise ArgumentError(f"part {part!r}: {os.fspath(value)!r} is a file's name; rows hold samples, files are named "
                            "in a table or a folder that read() is given")
    _SET[sense](example, part, value)


def _senses_like(value):
    """Senses whose values are like this one."""
    if isinstance(value, (str, bytes)):
        return ("text",) if isinstance(value, str) else ("bytes", "text")
    if isinstance(value, Mapping):
        return ("table",)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], numbers.Real):
        return ("audio", "table")
    try:
        with memoryview(value) as view:
            return ("image", "bytes") if view.format.lstrip("@=<") == "B" else ("series", "audio")
    except TypeError:
        return ("series", "audio", "image", "table")


def set_any(example, part, value, senses):
    """A part of an example that names no task. senses(): those that there are for it, the first that fits is taken."""
    like = _senses_like(value)
    sense = like[0] if len(like) == 1 else next((known for known in senses() if known in like), like[0])
    _SET[sense](example, part, value)


# --- answers ---

def _label(value):
    """A label as the library has it: text. 3, 3.0 and NumPy's 3 are "3"."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _set_labels(example, value):
    labels = [label for label in value.split("|") if label] if isinstance(value, str) else value
    for label in labels:
        c.example_add_label(example, _label(label))


_SET_TARGET = {
    "classify": lambda example, value: c.example_set_label(example, _label(value)),
    "multilabel": _set_labels,
    "regress": lambda example, value: c.example_set_number(example, float(value)),
    "generate": lambda example, value: c.example_set_target_text(example, value),
}


def set_target(example, kind, answer):
    _SET_TARGET[kind](example, answer)


# --- rows ---

class Rows:
    """How the rows of one task become examples: its parts {name: sense}, its kind, the key of the answer."""

    def __init__(self, parts, kind, target=None):
        self.parts, self.kind, self.target = parts, kind, "target" if target is None else target

    def _value(self, values, part, sense):
        if part in values or sense != "table":
            return values.get(part)
        return {key: value for key, value in values.items() if key != self.target and key not in self.parts} or None

    def set_parts(self, example, values):
        if not isinstance(values, Mapping):
            if len(self.parts) != 1:
                raise ArgumentError(f"a row of several parts is a dict: {', '.join(self.parts)}")
            values = {next(iter(self.parts)): values}
        for part, sense in self.parts.items():
            value = self._value(values, part, sense)
            if value is not None:
                set_part(example, part, sense, value)

    def _pair(self, row):
        if isinstance(row, Mapping):
            if self.target not in row and self.kind != "generate":
                raise ArgumentError(f"a row has no {self.target!r}; target= names the key of the answer, one of "
                                    + ", ".join(map(str, row)))
            return row, row.get(self.target)
        if isinstance(row, (tuple, list)) and len(row) == 2:
            return row
        raise ArgumentError(f"a row is a dict or a pair (parts, target), not {type(row).__name__}")

    def set(self, example, row):
        values, answer = self._pair(row)
        self.set_parts(example, values)
        if answer is not None:
            set_target(example, self.kind, answer)

    def collect(self, rows):
        """A source that holds copies. A bad row stays in its place, empty: it is counted when it is met."""
        source, example = c.source_new(context()), c.example_new()
        for row in rows:
            c.example_clear(example)
            try:
                self.set(example, row)
            except DataError:
                c.example_clear(example)
            c.source_append(source, example)
        return source

    def on_demand(self, n, row_at):
        """A source that asks for its rows when they are needed."""
        def fill(index, example):
            try:
                self.set(example, row_at(index))
            except DataError:
                return c.E_DATA
            return c.OK
        return c.source_from_function(context(), n, fill)

    def source(self, data, answers=None, n=None):
        """A source over whatever was given: see Task.read."""
        if callable(data) and not hasattr(data, "__getitem__"):
            if n is None:
                raise ArgumentError("a function as a source needs n=, the number of its rows")
            return self.on_demand(n, data)
        if answers is not None:
            return self._of_arrays(data, answers)
        if hasattr(data, "columns"):
            data = {name: data[name] for name in data.columns}
        if isinstance(data, Mapping):
            return self.collect(dict(zip(data, row)) for row in zip(*map(_items, data.values())))
        if isinstance(data, (list, tuple)) or not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
            return self.collect(data)
        return self.on_demand(len(data), data.__getitem__)

    def _of_arrays(self, data, answers):
        given = data if isinstance(data, Mapping) else {next(iter(self.parts)): data}
        for part, items in given.items():
            if len(items) != len(answers):
                raise ArgumentError(f"{part}: {len(items)} rows, and {len(answers)} answers")
        return self.on_demand(len(answers), lambda i: ({part: items[i] for part, items in given.items()}, answers[i]))


def _items(column):
    return column.tolist() if hasattr(column, "tolist") else column
