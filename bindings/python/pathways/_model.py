"""Models: made of tasks, trained, saved, asked."""
import contextlib
import os
import sys
import threading
from dataclasses import dataclass

from . import _pathways as c
from ._data import Rows, context, is_file, options, set_any, set_target, split_of
from ._errors import ArgumentError
from ._registry import Registry, Task
from ._run import Run, finish_shown, is_statement
from ._tools import Record, routes_and_mode


class Answer:
    """One answer: .label and .score (the best), .scores, .number, .text, and what it took."""

    def __init__(self, handle):
        self._c = handle

    label = property(lambda self: c.result_label(self._c, 0), doc="The best label; None for a number or a text.")
    score = property(lambda self: c.result_score(self._c, 0), doc="Its probability.")
    number = property(lambda self: c.result_number(self._c), doc="The answer of regress; NaN for others.")
    text = property(lambda self: c.result_text(self._c), doc="The answer of generate, else None.")
    active_share = property(lambda self: c.result_active_share(self._c), doc="Parameters it read, of all.")
    active_params = property(lambda self: c.result_active_parameters(self._c), doc="Parameters it read.")
    flops = property(lambda self: c.result_flops(self._c), doc="Floating-point operations in products.")
    json = property(lambda self: c.result_json(self._c), doc="One line, as of `pathways predict --json`.")
    task = property(lambda self: c.result_task(self._c), doc="The task that answered.")
    digest = property(lambda self: c.result_digest(self._c), doc="Of the sealed task's closure, else None.")

    @property
    def scores(self):
        """{label: probability}, best first."""
        return {c.result_label(self._c, i): c.result_score(self._c, i) for i in range(c.result_count(self._c))}

    @property
    def labels(self):
        """Labels, best first."""
        return list(self.scores)

    def __repr__(self):
        return f"<answer {self.json}>"


@dataclass(frozen=True)
class Ranked:
    """A task's place in the ranking of Model.which."""

    task: str
    confidence: float       #: its share among the ranked; they sum to 1
    distance: float         #: how far the example strays from the task's own
    limit: float            #: the distance within which 95 of 100 of its validation rows stay


class Which:
    """Which task an example belongs to: .task (None: unknown), .known, .ranking (Ranked, best first)."""

    def __init__(self, handle):
        self._c = handle

    known = property(lambda self: bool(c.which_known(self._c)), doc="Whether the first is within its limit.")
    json = property(lambda self: c.which_json(self._c), doc="One line, as of `pathways predict --json`.")

    @property
    def ranking(self):
        return [Ranked(c.which_task(self._c, i), c.which_confidence(self._c, i), c.which_distance(self._c, i),
                       c.which_limit(self._c, i)) for i in range(c.which_count(self._c))]

    @property
    def task(self):
        return c.which_task(self._c, 0) if self.known else None

    def __repr__(self):
        return f"<which {self.json}>"


class Score:
    """One task's evaluation, beside the score of always answering the most common label, or the mean."""

    def __init__(self, handle):
        self._c = handle

    metric = property(lambda self: c.score_metric(self._c))
    value = property(lambda self: c.score_value(self._c))
    baseline = property(lambda self: c.score_baseline(self._c))
    higher_is_better = property(lambda self: bool(c.score_higher_is_better(self._c)))
    n = property(lambda self: c.score_n(self._c), doc="Examples scored.")
    bad_rows = property(lambda self: c.score_bad_rows(self._c), doc="Rows skipped.")
    active_params = property(lambda self: c.score_active_parameters(self._c), doc="Mean over examples.")
    total_params = property(lambda self: c.score_total_parameters(self._c))
    flops = property(lambda self: c.score_flops(self._c), doc="An example, mean.")
    json = property(lambda self: c.score_json(self._c), doc="One line, as of `pathways eval --json`.")

    def __float__(self):
        return self.value

    def __repr__(self):
        return f"<score {self.metric} {self.value:.4f} (baseline {self.baseline:.4f}) of {self.n}>"


def _keep_rows(old, new):
    """The tasks of one registry get the rows that the other's of that name have, but for those that have their own."""
    for name in Registry(old):
        task = c.registry_find(old, name)
        for split in (c.TRAIN, c.VALID, c.TEST):
            try:
                source = c.task_get_source(task, split)
                c.task_set_source(c.registry_find(new, name), split, source)
            except KeyError:
                continue


class Addition:
    """A task that is being added to a model: Model.add made it, read gives it rows, fit learns it."""

    def __init__(self, model, task, how):
        self._model, self._task, self._how = model, task, how

    def read(self, *data, **settings):
        """As Task.read; returns the addition."""
        self._task.read(*data, **settings)
        return self

    def fit(self, data=None, answers=None, *, seal=True, progress=None, **settings):
        """Learns the task behind those that the model has, and returns a new model, which shares all that is there and
        in which the task is sealed (seal=False: it is not). data and answers, as Task.read takes them, or what read
        was given. settings: minutes= (default 5), steps= or epochs=, and the other words of Model.fit. A run that is
        stopped, by progress or Ctrl-C, adds what it had become."""
        if data is not None:
            self._task.read(data, answers)
        trainer = c.trainer_add(self._model._c, self._task._owner._c, options({**settings, "add": self._how}))
        grown = Model._of(self._model._handle, self._model._registry)
        finish_shown(Run(grown, trainer), progress)
        return grown.seal(self._task.name) if seal else grown


class Learner:
    """Learning by doing: one example at a time, in bounded time and memory. Model.learner makes one; the model that it
    came from stays as it is."""

    def __init__(self, model, trainer):
        self._model, self._trainer = model, trainer

    learned = property(lambda self: c.trainer_learned(self._trainer), doc="Examples learned so far.")

    def learn(self, task, /, *alone, target, **parts):
        """One step on one example, its parts as of Model.predict: learn("spam", message="You won", target="spam")."""
        if len(alone) > 1 or (alone and parts):
            raise TypeError("one part without a name, or parts by name")
        of = self._model._task(task)
        example = self._model._example(of, alone[0] if alone else parts)
        set_target(example, of.kind, target)
        c.trainer_learn(self._trainer, task, example)

    @property
    def model(self):
        """A new model, which has what was learned."""
        return self._model._new(c.trainer_model(self._trainer))


class Model:
    """One model for all tasks of a registry: Model(tasks) is sized by their rows; d=, layers=, heads=, experts=, topk=,
    hidden=, shared=, vocab=, parallel=, seed= say otherwise. Any number of threads may ask one."""

    def __init__(self, registry, **settings):
        self._start(c.model_new(registry._c, options(settings)), registry)

    def _start(self, handle, registry=None):
        self._handle, self._registry, self._run, self._settings = handle, registry, None, {}
        self._local = threading.local()

    @classmethod
    def _of(cls, handle, registry=None):
        model = cls.__new__(cls)
        model._start(handle, registry)
        return model

    @property
    def _c(self):
        if self._run is not None:
            self._run._settle()
        return self._handle

    def _adopt(self, handle):
        """Becomes another model, which keeps the rows of the tasks for the next run."""
        _keep_rows(c.model_registry(self._handle), c.model_registry(handle))
        self._handle = handle

    # --- training ---

    def fit(self, *, progress=None, checkpoint=None, resume=None, **settings):
        """Trains, by minutes= (default 5), steps= or epochs=; seed=, threads=, batch=, lr= and the other words of a
        recipe's `train:`. Two ways:

            model.fit(minutes=5)
            for report in model.fit(minutes=5):         # leaving the loop stops the run
                if report.loss < .1: break

        progress(report) is called about ten times a second and stops the run when it returns something true; in a
        terminal there is a bar by itself (progress=False: none). checkpoint: a path that is written when the run is
        stopped, which resume= takes. After Ctrl-C, the model is what it had become."""
        handle, registry = self._c, self._registry
        if resume is None:
            trainer = c.trainer_new(handle, options(settings))
        else:
            trainer = c.trainer_open(registry._c, os.fspath(resume), options(settings))
        run = self._run = Run(self, trainer, checkpoint)
        if progress or is_statement(sys._getframe(1)):
            finish_shown(run, progress)
        return run

    def learner(self, **settings):
        """Learns by doing, one example at a time: learn_lr= (a tenth of lr=), seed= and the other words of fit. Tasks
        that are sealed stay as they are, and cannot learn."""
        return Learner(self, c.trainer_new(self._c, options(settings)))

    def save(self, path):
        """Writes the model: beside an old one first, so a crash leaves that whole."""
        c.model_save(self._c, os.fspath(path))
        return self

    def save_added(self, path):
        """Saves to the file that it was opened from, before tasks were added or sealed: only what is new is written,
        beside that file, as a whole or not at all. A model that has no part in the file is saved as a whole."""
        c.model_save_added(self._c, os.fspath(path))
        return self

    # --- pathways that solidify: but for seal, each gives a new model, which shares all that is the same ---

    def seal(self, task=None, *, tolerance=None):
        """Seals a task, or all that are not yet: not a bit of its answers moves again, whatever is added. Each keeps as
        few experts as lose no more than tolerance (.005) of its score. Returns the model, which is the sealed one."""
        self._adopt(c.model_seal(self._c, task, options({"tolerance": tolerance})))
        return self

    def add(self, name, kind="classify", *, labels=None, metric=None, weight=None, budget=None, operations=None,
            adapter=None, clones=None, reuse=None, **parts):
        """A task to be learned behind those that are there, which stay as they are to the bit:

            more = model.add("digit", "classify", picture="image").fit(images, labels, minutes=5)

        It reuses the pathway of the old task that explains most of its answers, clones the experts that it uses most
        and grows what it lacks. name, kind and parts are as of Registry.add. budget: its own parameters at most
        (default: a tenth of what a model of its own would have); operations: floating-point, of an answer to its
        greatest example, at most (default: no bound); adapter: hidden width of its adapter at most (8);
        clones: experts at most (4); reuse: "best" (measured), "random", or a task's name."""
        task = Registry().add(name, kind, labels=labels, metric=metric, weight=weight, **parts)
        how = {"parameters": budget, "operations": operations, "adapter": adapter, "clones": clones,
               "reuse": reuse}
        return Addition(self, task, {word: value for word, value in how.items() if value is not None})

    def _new(self, handle):
        made = Model._of(handle, self._registry)
        _keep_rows(c.model_registry(self._handle), c.model_registry(handle))
        return made

    def extract(self, *names):
        """Some tasks alone, with what they read and nothing else: the same answers to the bit, the same digests."""
        return self._new(c.model_extract(self._c, names))

    def forget(self, task):
        """Without a task, and without all that only it read."""
        return self._new(c.model_forget(self._c, task))

    def prune(self):
        """Without experts and senses that no task reads."""
        return self._new(c.model_prune(self._c))

    def grow(self, experts, **settings):
        """With more experts in every layer, copies of those that are there, for the tasks that are not sealed: nothing
        is answered otherwise until they train. copy="used" or "random", noise=, seed=, approximate=."""
        return self._new(c.model_grow(self._c, options(dict(settings, experts=experts))))

    def upcycle(self, experts, **settings):
        """A sparse model with the answers of this dense one, whose feed-forwards each expert starts as: topk=, noise=,
        seed=, approximate=, and what a recipe says of routers."""
        return self._new(c.model_upcycle(self._c, options(dict(settings, experts=experts))))

    def rename(self, task, name):
        """A task under another name; its answers and its digest stay."""
        return self._new(c.model_rename(self._c, task, name))

    def merge(self, other):
        """The sealed tasks of another model behind its own; both have grown from one sealed model."""
        return self._new(c.model_merge(self._c, other._c))

    def digest(self, task):
        """Of a sealed task's closure, 64 hexadecimal digits: it depends on nothing but what the task's answers read."""
        return c.model_digest(self._c, task)

    def verify(self, *tasks):
        """True where these sealed tasks, or all, are what was sealed: the digest is made anew, answers that were kept
        are given again. FormatError names the task that is not. pathways.verify looks at a file."""
        for task in tasks or (None,):
            c.model_check(self._c, task)
        return True

    # --- what it is ---

    def __contains__(self, task):
        try:
            return c.registry_find(c.model_registry(self._c), task) is not None
        except KeyError:
            return False

    def select(self, **query):
        """Names of the tasks that fit all of name=, sense=, state=, kind=, label=, in their order."""
        return [task.name for task in Registry(c.model_registry(self._c)).select(**query)]

    @property
    def tasks(self):
        """{name: task}"""
        found = c.model_registry(self._c)
        tasks = [Task(self._handle, c.registry_at(found, i)) for i in range(c.registry_count(found))]
        return {task.name: task for task in tasks}

    @property
    def parameters(self):
        """Trained numbers in all."""
        return c.model_parameters(self._c)

    def describe(self):
        """What `pathways inspect --json` prints: one JSON object a line."""
        return c.model_describe(self._c)

    def _task(self, name):
        return Task(self._handle, c.registry_find(c.model_registry(self._c), name))

    # --- asking ---

    def configure(self, **settings):
        """How it answers: threads=, max_new=, temperature=, seed= (of generate), shuffle_routes=. Returns the model."""
        c.session_new(self._c, options(settings))
        self._settings, self._local = settings, threading.local()
        return self

    def _session(self):
        """This thread's session over the model as it is now."""
        handle, kept = self._c, getattr(self._local, "kept", None)
        if kept is None or kept[0] is not handle:
            kept = self._local.kept = (handle, c.session_new(handle, options(self._settings)))
        return kept[1]

    def _example(self, task, parts):
        if not isinstance(parts, dict):
            parts = {next(iter(task.parts)): parts}
        senses, example = task.parts, c.example_new()
        for part in parts:
            if part not in senses and "table" not in senses.values():
                raise ArgumentError(f"task {task.name!r} has no part {part!r}; it has {', '.join(senses)}")
        files = {part: value for part, value in parts.items() if part in senses and is_file(senses[part], value)}
        for part, path in files.items():
            c.session_read_part(self._session(), task.name, os.fspath(path), part, example)
        Rows(senses, task.kind).set_parts(example, {p: v for p, v in parts.items() if p not in files})
        return example

    def _any_example(self, alone, parts):
        """Of a task that is to be found out: senses go by the values, and by what tasks have parts of that name."""
        example = c.example_new()
        for part, value in {**{"*": value for value in alone}, **parts}.items():
            if isinstance(value, os.PathLike):
                c.session_read_part(self._session(), None, os.fspath(value), None if part == "*" else part, example)
            else:
                set_any(example, part, value, lambda: self._senses_of(part))
        return example

    def _senses_of(self, part):
        """Senses of the tasks' parts of that name ("*": of any name), in the tasks' order."""
        return [sense for task in self.tasks.values() for name, sense in task.parts.items() if part in ("*", name)]

    def predict(self, task=None, /, *alone, **parts):
        """Answers one example: predict("spam", message="You won"). A part is a str, bytes, an array (any object with
        the buffer protocol, or nested lists), a sound as (samples, rate), a dict of cells, or a path to a file of it.
        The one part of a task may go without its name. Without a task, or with None, the task that which ranks first
        answers, and says so by .task; NotFoundError: the example is like none."""
        if len(alone) > 1 or (alone and parts):
            raise TypeError("one part without a name, or parts by name")
        example = self._any_example(alone, parts) if task is None else \
            self._example(self._task(task), alone[0] if alone else parts)
        return Answer(c.session_predict(self._session(), task, example))

    def which(self, *alone, **parts):
        """Which task an example belongs to: which("You won a prize"), or with its parts by name."""
        if len(alone) > 1 or (alone and parts):
            raise TypeError("one part without a name, or parts by name")
        return Which(c.session_which(self._session(), self._any_example(alone, parts)))

    @contextlib.contextmanager
    def recording(self):
        """Counts where the rows of this thread's answers go:

            with model.recording() as record:
                model.predict("spam", message="You won")
            print(record.counts(layer=0))
        """
        record, session = Record(self), self._session()
        c.session_use_record(session, record._c)
        try:
            yield record
        finally:
            c.session_use_record(session, None)

    def use_routes(self, routes, mode):
        """What this thread asks keeps its Routes there ("record"), or goes by them ("replay"), until "off", or until
        the model is trained or configured."""
        c.session_use_routes(self._session(), *routes_and_mode(routes, mode))

    def predict_batch(self, task, rows):
        """Answers several, each the same to the bit as alone. rows: dicts of parts, or the task's one part."""
        of = self._task(task)
        examples = [self._example(of, row) for row in rows]
        return [Answer(result) for result in c.session_predict_batch(self._session(), task, examples)]

    # --- scoring ---

    def _score(self, task, source, max_bad_rows):
        return Score(c.session_evaluate(self._session(), task, source, max_bad_rows))

    def _scores(self, registry, split, max_bad_rows):
        """Every task of the registry that the model has and that has rows of the split."""
        mine = self.tasks
        sources = {name: registry._source(name, split) for name in registry if name in mine}
        return {name: self._score(name, source, max_bad_rows) for name, source in sources.items() if source is not None}

    def _evaluate_rows(self, name, rows, target, max_bad_rows, settings):
        task, scratch = self._task(name), Registry()
        if target is None and self._registry is not None and name in self._registry:
            target = self._registry[name]._target
        scratch.add(name, task.kind, **task.parts).read(rows, target, split="test", **settings)
        return self._score(name, scratch._source(name, "test"), max_bad_rows)

    def evaluate(self, what=None, rows=None, *, target=None, split="test", max_bad_rows=100, data=None, **settings):
        """Scores beside the baselines. evaluate("spam", rows): one Score, on rows of any form that Task.read takes;
        evaluate("spam"): on the task's own split; evaluate(): {task: Score} for all that have that split;
        evaluate("recipe.yaml"): {task: Score} on the recipe's rows (data=: the folder that its paths start from)."""
        if rows is not None:
            return self._evaluate_rows(what, rows, target, max_bad_rows, settings)
        if what is None:
            return self._scores(Registry(c.model_registry(self._c)), split, max_bad_rows)
        if what not in self.tasks and os.fspath(what).endswith((".yaml", ".yml")):
            recipe = c.recipe_open(context(), os.fspath(what), options({"data": data, "skip_unsupported": True}))
            return self._scores(Registry(c.recipe_registry(recipe)), split, max_bad_rows)
        self._task(what)
        source = c.task_get_source(self._task(what)._c, split_of(split))
        return self._score(what, source, max_bad_rows)


def open(path):
    """A model from its file, which is mapped."""
    return Model._of(c.model_open(context(), os.fspath(path)))


def verify(path):
    """True where every byte of a model file, and of what was added beside it, is as it was written; FormatError names
    the tensor that is not."""
    c.model_verify(context(), os.fspath(path))
    return True


def pack(path):
    """Folds what was added beside a file into it, as a whole or not at all."""
    c.model_pack(os.fspath(path))


def train(recipe, output=None, *, data=None, only=None, progress=None, checkpoint=None, **settings):
    """What `pathways train` does: learns what a recipe says, saves to output, returns the model. settings go over the
    recipe's `train:`; data is the folder that its paths start from; only, a list of tasks."""
    if output is not None:
        c.model_check_path(os.fspath(output))
    held = c.recipe_open(context(), os.fspath(recipe), options({"data": data, "only": only}))
    how = c.recipe_train_options(held)
    if any(name in settings for name in ("minutes", "steps", "epochs")):
        for name in ("minutes", "steps", "epochs"):
            c.options_unset(how, name)
    c.options_merge(how, options(settings))
    model = Model._of(c.model_new(c.recipe_registry(held), c.recipe_model_options(held)))
    run = model._run = Run(model, c.trainer_new(model._handle, how), checkpoint)
    finish_shown(run, progress)
    return model if output is None else model.save(output)
