"""A training run: a loop over its reports, or a plain call."""
import dis
import os
import sys
import threading
from dataclasses import dataclass

from . import _pathways as c
from ._errors import Cancelled, Error


@dataclass(frozen=True)
class Report:
    """What a run says of itself, about ten times a second."""

    step: int
    share: float            #: 0 .. 1 of the run
    loss: float             #: running mean
    seconds: float
    seconds_left: float
    phase: str              #: "train", then "choose"
    scores: dict            #: each task's running score on what it trains on; NaN before the first


def _report(p):
    scores = {c.progress_task_name(p, i): c.progress_task_score(p, i) for i in range(c.progress_task_count(p))}
    return Report(c.progress_step(p), c.progress_share(p), c.progress_loss(p), c.progress_seconds(p),
                  c.progress_seconds_left(p), c.progress_phase(p), scores)


def _stop_at_each(reports):
    """A progress function that keeps the report and stops there, so that a loop has it; the next run goes on. It knows
    the list alone, not the run: what only C holds would be hidden from the collector."""
    def on_progress(progress):
        reports.append(_report(progress))
        return 1
    return on_progress


def bar(report):
    """The progress of a plain call in a terminal."""
    full = int(30 * report.share)
    sys.stderr.write(f"\r[{'#' * full}{'.' * (30 - full)}] {100 * report.share:3.0f}%  loss {report.loss:.3f}  "
                     f"{report.seconds_left:4.0f} s left ")
    sys.stderr.flush()


def finish_shown(run, progress):
    """A plain call: with the caller's progress function, else a bar where a terminal is (False: none)."""
    shown = progress is None and sys.stderr.isatty()
    try:
        run.finish(bar if shown else progress or None)
    finally:
        if shown:
            sys.stderr.write("\n")


def is_statement(frame):
    """Whether the call that frame is in is a statement of its own, so that nobody takes what it returns."""
    code, at = frame.f_code.co_code, frame.f_lasti + 2
    while at < len(code) and dis.opname[code[at]] == "CACHE":
        at += 2
    return at < len(code) and dis.opname[code[at]] in ("POP_TOP", "PRINT_EXPR", "CALL_INTRINSIC_1")


class Run:
    """A run of a model's training, which Model.fit returns.

    Looping over it trains and gives its reports; leaving the loop stops the run, and the model is what it had become.
    A run that nobody loops over is done when finish is called or when the model is first used."""

    def __init__(self, model, trainer, checkpoint=None):
        self._model, self._trainer, self._checkpoint = model, trainer, checkpoint
        self._thread = threading.get_ident()
        self._reports, self._taken, self._looped, self._over = [], 0, False, False
        c.trainer_on_progress(trainer, _stop_at_each(self._reports))

    def _go_on(self):
        """Trains up to the next report; None at the end."""
        if self._over:
            return None
        del self._reports[:]
        try:
            c.trainer_run(self._trainer)
            self._over = True
        except Cancelled:
            pass
        return self._reports[-1] if self._reports else None

    def __iter__(self):
        if self._trainer is None:
            return
        self._looped = True
        try:
            report = self._go_on()
            while report is not None:
                yield report
                report = self._go_on()
        finally:
            self._end(sys.exc_info()[0] not in (None, GeneratorExit))

    def finish(self, progress=None):
        """Runs to the end, or until progress(report) is true, and returns the model."""
        for report in self:
            if progress is not None and progress(report):
                break
        return self._model

    @property
    def model(self):
        """The trained model."""
        return self.finish()

    def _take(self):
        """The model becomes what the run has made of it by now."""
        steps = c.trainer_steps(self._trainer)
        if steps > self._taken:
            self._model._adopt(c.trainer_model(self._trainer))
            self._taken = steps

    def _end(self, failed):
        """Ends the run. After a failure, what cannot be had any more is not asked for twice."""
        trainer = self._trainer
        if trainer is None:
            return
        try:
            if not self._over and self._checkpoint is not None:
                c.trainer_save(trainer, os.fspath(self._checkpoint))
            self._taken = -1 if self._over else self._taken         # the end chooses anew how paths are mixed
            self._take()
        except Error:
            if not failed:
                raise
        finally:
            self._trainer = None
            self._model._run = None

    def _settle(self):
        """Called when the model is used: what it is by now, within a loop; what it will be, where there is none. Other
        threads have what it was."""
        if self._trainer is None or threading.get_ident() != self._thread:
            return
        if self._looped:
            self._take()
        else:
            self.finish()
