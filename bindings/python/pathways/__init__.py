"""One sparse model learns many tasks through many senses.

    import pathways as pw

    tasks = pw.Registry()
    tasks.add("spam", "classify", message="text").read("mail.tsv", target="class")
    model = pw.Model(tasks)
    model.fit(minutes=5)
    model.save("one.pathways")
    print(pw.open("one.pathways").predict("spam", message="You won a prize").label)
"""
from ._errors import (ArgumentError, Cancelled, DataError, Error, FormatError, MemoryShortError, MissingFileError,
                      NotFoundError, ReadError)
from ._model import Addition, Answer, Learner, Model, Ranked, Score, Which, open, pack, train, verify
from ._pathways import features as _features, version as _version
from ._registry import Registry, Task
from ._run import Report, Run
from ._tools import Continual, Record, Router, Routes, Tokenizer

__version__ = _version()
features = _features().split()

__all__ = ["Addition", "Answer", "ArgumentError", "Cancelled", "Continual", "DataError", "Error", "FormatError",
           "Learner", "MemoryShortError", "MissingFileError", "Model", "NotFoundError", "Ranked", "ReadError",
           "Record", "Registry", "Report", "Router", "Routes", "Run", "Score", "Task", "Tokenizer", "Which", "features",
           "open", "pack", "train", "verify"]
