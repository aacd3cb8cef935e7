"""Tasks: what is to be learned, through which senses, from which rows."""
import os
from collections.abc import Mapping

from . import _pathways as c
from ._data import Rows, context, options, split_of

_CHUNK = 1024       # tasks asked for at once


class Task:
    """One task of a registry or of a model."""

    def __init__(self, owner, handle, target=None):
        self._owner, self._c, self._target = owner, handle, target      # owner: a task lives as long as its registry

    @property
    def name(self):
        return c.task_name(self._c)

    @property
    def kind(self):
        """"classify", "multilabel", "regress" or "generate"."""
        return c.task_kind_name(c.task_get_kind(self._c))

    @property
    def state(self):
        """"open", "trained" or "sealed"."""
        return c.task_state_name(c.task_get_state(self._c))

    @property
    def parts(self):
        """{part: sense}"""
        return {c.task_part_name(self._c, i): c.task_part_sense(self._c, i) for i in range(c.task_part_count(self._c))}

    @property
    def labels(self):
        return [c.task_label(self._c, i) for i in range(c.task_label_count(self._c))]

    def __repr__(self):
        return f"<task {self.name!r}: {self.kind} from {', '.join(f'{p} ({s})' for p, s in self.parts.items())}>"

    def read(self, data, target=None, *, split="train", n=None, **settings):
        """Gives a split its rows, and returns the task.

        data is a path (any form that docs/readers.md lists; settings are columns=, missing=, where=), a dict of paths,
        one for each part and the target, or rows in memory: dicts, or pairs (parts, target), from any iterable;
        a dict of columns; a data frame; an array for the task's one part, or a dict of an array for each, with the
        answers as target; an object with len() and [], or a function of the row's number and n=: these two are
        asked for a row when it is needed. target names the column or key of the answer."""
        if isinstance(target, str):
            self._target = target
        if isinstance(data, (str, os.PathLike)):
            settings = options(settings) if settings else None
            c.task_read(self._c, split_of(split), os.fspath(data), target, settings)
        elif isinstance(data, Mapping) and all(isinstance(value, (str, os.PathLike)) for value in data.values()):
            c.task_read(self._c, split_of(split), None, target, options({**settings, **data}))
        else:
            answers = None if target is None or isinstance(target, str) else target
            rows = Rows(self.parts, self.kind, self._target)
            c.task_set_source(self._c, split_of(split), rows.source(data, answers, n, **settings))
        return self


class Registry:
    """The tasks that one model learns."""

    def __init__(self, handle=None):
        self._c = c.registry_new(context()) if handle is None else handle
        self._tasks = {}

    def add(self, name, kind="classify", *, labels=None, metric=None, weight=None, **parts):
        """Adds a task and returns it. parts: part="text" (image, audio, bytes, table, series), or with the part's own
        settings, part={"sense": "bytes", "record": 1024}."""
        task = Task(self, c.registry_add(self._c, name, c.task_kind_from_name(kind)))
        for part, sense in parts.items():
            if isinstance(sense, str):
                c.task_add_part(task._c, part, sense)
            else:
                own = dict(sense)
                c.task_add_part_with(task._c, part, own.pop("sense"), options(own))
        for label in labels or ():
            c.task_add_label(task._c, str(label))
        if metric is not None:
            c.task_set_metric(task._c, metric)
        if weight is not None:
            c.task_set_weight(task._c, weight)
        self._tasks[name] = task
        return task

    @classmethod
    def open(cls, path):
        """The tasks of a file that save wrote, or of a model file, without opening the model; each is read when it is
        asked for."""
        return cls(c.registry_open(context(), os.fspath(path)))

    def save(self, path):
        """Writes the tasks, without what they learned and without their rows, as a file of their own."""
        c.registry_save(self._c, os.fspath(path))
        return self

    def select(self, **query):
        """The tasks that fit all of name=, sense= (of any part), state= ("open", "trained", "sealed"), kind= and
        label=, one after the other, in their order."""
        query, after = options(query), -1
        while after is not None:
            found = memoryview(c.registry_select(self._c, query, after, _CHUNK)).cast("q")
            yield from (Task(self, c.registry_at(self._c, i)) for i in found)
            after = found[-1] if len(found) == _CHUNK else None

    def remove(self, name):
        """Takes a task out."""
        c.registry_remove(self._c, name)
        self._tasks.pop(name, None)

    def rename(self, name, to):
        """Gives a task another name, in its place."""
        c.registry_rename(self._c, name, to)
        if name in self._tasks:
            self._tasks[to] = self._tasks.pop(name)

    def __getitem__(self, name):
        found = c.registry_find(self._c, name)
        return self._tasks.get(name) or Task(self, found)

    def __contains__(self, name):
        return isinstance(name, str) and any(True for _ in self.select(name=name))

    def __iter__(self):
        return iter([c.task_name(c.registry_at(self._c, i)) for i in range(len(self))])

    def __len__(self):
        return c.registry_count(self._c)

    def keys(self):
        return list(self)

    def _source(self, name, split):
        """The task's source of a split; None: it has none."""
        try:
            return c.task_get_source(c.registry_find(self._c, name), split_of(split))
        except KeyError:
            return None
