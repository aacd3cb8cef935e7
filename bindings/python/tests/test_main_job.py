"""The main job, and how runs are used: loops, calls, stops, errors, ends of life."""
import gc
import os
import random
import signal
import sys
import threading
import unittest
import weakref

from rig import SMALL, Case, message, pw, tone


class MainJob(Case):
    """Three tasks through three senses; saved, opened, asked."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = pw.Model(cls.registry(cls), **SMALL)
        cls.reports = []
        cls.model.fit(steps=200, seed=1, threads=1, progress=cls.reports.append)

    def test_reports(self):
        self.assertGreater(len(self.reports), 1)
        last = self.reports[-1]
        self.assertEqual((last.step, last.share), (200, 1.0))
        self.assertEqual(set(last.scores), {"spam", "fault", "income"})
        self.assertLess(last.loss, self.reports[0].loss)

    def test_answers(self):
        answer = self.model.predict("spam", message="winner of a cash prize")
        self.assertEqual(answer.label, "spam")
        self.assertEqual(answer.score, answer.scores["spam"])
        self.assertAlmostEqual(sum(answer.scores.values()), 1, places=5)
        self.assertEqual(answer.labels, ["spam", "ham"])
        self.assertTrue(0 < answer.active_share <= 1 and answer.active_params > 0 and answer.flops > 0)
        self.assertIn('"task":"spam"', answer.json)
        self.assertIsNone(answer.text)
        for label in ("low", "high"):
            sound = tone(random.Random(7), label)
            self.assertEqual(self.model.predict("fault", sound=(sound, 8000)).label, label)
        self.assertEqual(self.model.predict("income", person={"age": 60, "job": "chief", "luck": .5}).label, "more")
        self.assertEqual(self.model.predict("income", age=60, job="clerk", luck=None).label, "less")

    def test_a_file_as_a_part(self):
        path = self.folder / "motors" / "high" / "1.wav"
        self.assertEqual(self.model.predict("fault", sound=path).label, "high")
        self.assertEqual(self.model.predict("fault", str(path)).json, self.model.predict("fault", path).json)

    def test_the_same_after_opening(self):
        path = self.folder / "one.pathways"
        self.model.save(path)
        model = pw.open(path)
        self.assertEqual(list(model.tasks), ["spam", "fault", "income"])
        self.assertEqual(model.tasks["fault"].parts, {"sound": "audio"})
        self.assertEqual(model.tasks["fault"].labels, self.model.tasks["fault"].labels)
        self.assertEqual(model.parameters, self.model.parameters)
        for text in ("cash", "lunch at home", "the the"):
            self.assertEqual(model.predict("spam", text).scores, self.model.predict("spam", message=text).scores)

    def test_alone_and_together(self):
        rng = random.Random(3)
        texts = [message(rng, "ham") for _ in range(20)]
        alone = [self.model.predict("spam", text).scores for text in texts]
        self.assertEqual([answer.scores for answer in self.model.predict_batch("spam", texts)], alone)
        self.assertEqual(self.model.predict_batch("spam", []), [])

    def test_threads_ask_one_model(self):
        expected, answers = self.model.predict("spam", "cash").json, []
        threads = [threading.Thread(target=lambda: answers.append(self.model.predict("spam", "cash").json))
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [expected] * 4)

    def test_scores(self):
        scores = self.model.evaluate(split="valid")
        self.assertEqual(set(scores), {"spam", "fault", "income"})
        self.assertGreater(scores["spam"].value, .9)
        score = self.model.evaluate("spam", self.folder / "mail.tsv")
        self.assertEqual((score.metric, score.n, score.bad_rows), ("accuracy", 300, 0))
        self.assertTrue(score.higher_is_better and score.value > score.baseline)
        score = self.model.evaluate("spam", [{"message": "cash", "class": "spam"}, {"message": "", "class": "ham"}])
        self.assertEqual((score.n, score.bad_rows), (1, 1))

    def test_a_recipe(self):
        recipe = self.folder / "recipe.yaml"
        recipe.write_text("model: {d: 32, layers: 1, heads: 2, experts: 4, hidden: 32, vocab: 300}\n"
                          "train: {minutes: 5, seed: 1}\n"
                          "tasks:\n  spam:\n    kind: classify\n    parts: {message: text}\n    target: class\n"
                          "    train: mail.tsv\n    test: mail.tsv\n")
        model = pw.train(recipe, self.folder / "recipe.pathways", steps=60)
        self.assertGreater(model.evaluate(recipe)["spam"].value, .8)
        self.assertEqual(pw.open(self.folder / "recipe.pathways").predict("spam", "cash").json,
                         model.predict("spam", "cash").json)

    def test_description(self):
        self.assertIn("spam", self.model.describe())
        self.assertEqual(repr(self.model.tasks["spam"]), "<task 'spam': classify from message (text)>")


class Runs(Case):
    """fit as a loop, as a call, and what stops it."""

    def setUp(self):
        self.model = pw.Model(self.mail(), **SMALL)

    def test_leaving_the_loop_stops(self):
        steps = []
        for report in self.model.fit(steps=100000):
            steps.append(report.step)
            if len(steps) == 3:
                break
        self.assertLess(steps[-1], 100000)
        self.assertEqual(len(self.model.predict("spam", "cash").scores), 2)

    def test_the_loop_to_its_end_is_the_call(self):
        reports = list(self.model.fit(steps=40, seed=3))
        self.assertEqual((reports[-1].step, reports[-1].phase), (40, "choose"))
        other = pw.Model(self.mail(), **SMALL)
        other.fit(steps=40, seed=3)
        self.assertEqual(self.model.predict("spam", "cash").json, other.predict("spam", "cash").json)

    def test_a_run_nobody_loops_over(self):
        run = self.model.fit(steps=20)
        self.assertEqual(len(self.model.predict("spam", "cash").scores), 2)
        self.assertEqual(list(run), [])
        self.assertIs(self.model.fit(steps=20).model, self.model)

    def test_asked_within_the_loop(self):
        answers = {self.model.predict("spam", "cash you").json for _ in self.model.fit(steps=60)}
        self.assertGreaterEqual(len(answers), 1)

    def test_fit_again_goes_on(self):
        self.model.fit(steps=30)
        before = self.model.predict("spam", "cash you").json
        self.model.fit(steps=30)
        self.assertNotEqual(self.model.predict("spam", "cash you").json, before)

    def test_a_true_answer_stops(self):
        reports = []
        self.model.fit(steps=100000, progress=lambda report: reports.append(report) or len(reports) == 2)
        self.assertEqual(len(reports), 2)
        self.model.predict("spam", "cash")

    def test_an_exception_of_the_callback_comes_through(self):
        def progress(report):
            raise ZeroDivisionError("mine")
        with self.assertRaisesRegex(ZeroDivisionError, "mine"):
            self.model.fit(steps=1000, progress=progress)
        self.model.predict("spam", "cash")

    def test_interrupt_stops_cleanly(self):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)      # in the background it is ignored
        self.addCleanup(signal.signal, signal.SIGINT, before)
        timer = threading.Timer(.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            self.model.fit(minutes=1, progress=False)
        timer.join()
        self.model.predict("spam", "cash")

    def test_stopped_and_resumed_is_the_same(self):
        path, whole = self.folder / "run.checkpoint", pw.Model(self.mail(), **SMALL)
        whole.fit(steps=60, seed=5, progress=False)
        self.model.fit(steps=60, seed=5, checkpoint=path, progress=lambda report: report.step >= 1)
        self.assertTrue(path.exists())
        self.model.fit(resume=path, progress=False)
        self.assertEqual(self.model.predict("spam", "cash you").json, whole.predict("spam", "cash you").json)


class Errors(Case):
    """Python's own exceptions, with the library's words."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = pw.Model(cls.mail(cls), **SMALL)
        cls.model.fit(steps=5, progress=False)

    def check(self, error, pattern, call, *args, **named):
        with self.assertRaisesRegex(error, pattern) as caught:
            call(*args, **named)
        self.assertIsInstance(caught.exception, pw.Error)
        return caught.exception

    def test_names(self):
        self.check(KeyError, "'spm'; the nearest is 'spam'", self.model.predict, "spm", message="x")
        self.check(KeyError, "'spm'", self.model.evaluate, "spm")
        self.check(KeyError, "nosuch", pw.Registry().__getitem__, "nosuch")
        self.check(ValueError, "massage", self.model.predict, "spam", massage="x")

    def test_values(self):
        self.check(ValueError, "empty", self.model.predict, "spam", message="")
        self.check(ValueError, "'steps'", self.model.fit, stps=3)
        self.check(ValueError, "heads", pw.Model, self.mail(), heads=-1)
        self.check(ValueError, "classify", pw.Registry().add, "x", "clasify")
        self.check(pw.Error, "already", self.twice)

    def twice(self):
        tasks = self.mail()
        tasks.add("spam", "classify")

    def test_files(self):
        error = self.check(FileNotFoundError, "nosuch", pw.open, self.folder / "nosuch")
        self.assertIn("nosuch", error.file)
        task = pw.Registry().add("x", "classify", message="text")
        self.assertEqual(self.check(FileNotFoundError, "no.csv", task.read, self.folder / "no.csv").task, "x")
        self.check(KeyError, "no column 'klass'", task.read, self.folder / "mail.tsv", target="klass")
        self.check(OSError, "nosuch", self.model.save, self.folder / "nosuch" / "x.pathways")
        (self.folder / "broken.pathways").write_bytes(b"not a model")
        self.check(ValueError, "broken", pw.open, self.folder / "broken.pathways")

    def test_state(self):
        self.model.save(self.folder / "bare.pathways")
        self.check(pw.Error, "training rows", pw.open(self.folder / "bare.pathways").fit, steps=1)

    def test_wrong_types_do_not_crash(self):
        low = pw._pathways
        for wrong in (3, "x", object(), []):
            with self.assertRaises((TypeError, ValueError)):
                low.trainer_run(wrong)
            with self.assertRaises((TypeError, ValueError)):
                low.session_predict_batch(self.model._session(), "spam", [wrong])
        for call in (low.trainer_run, low.model_describe, low.source_new):
            with self.assertRaises((TypeError, ValueError)):
                call(None, None)
        with self.assertRaises(ValueError):
            low.trainer_run(None)


class Lives(Case):
    """Everything may end in any order, and nothing is held for ever."""

    def test_any_order(self):
        tasks = self.mail()
        task, model = tasks["spam"], pw.Model(tasks, **SMALL)
        del tasks
        gc.collect()
        self.assertEqual(task.name, "spam")
        model.fit(steps=3, progress=False)
        of_model = model.tasks["spam"]
        answer = model.predict("spam", "cash")
        del model, task
        gc.collect()
        self.assertEqual(of_model.labels, sorted(of_model.labels, key=of_model.labels.index))
        self.assertEqual(len(answer.scores), 2)

    def test_callbacks_are_let_go(self):
        def progress(report):
            return False
        before = sys.getrefcount(progress)
        model = pw.Model(self.mail(), **SMALL)
        for _ in range(5):
            model.fit(steps=2, progress=progress)
        self.assertEqual(sys.getrefcount(progress), before)

    def test_the_c_side_lets_go(self):
        low = pw._pathways

        def progress(p):
            return 0
        before = sys.getrefcount(progress)
        model = pw.Model(self.mail(), **SMALL)
        trainer = low.trainer_new(model._c, None)
        low.trainer_on_progress(trainer, progress)
        self.assertEqual(sys.getrefcount(progress), before + 1)
        low.trainer_on_progress(trainer, None)
        self.assertEqual(sys.getrefcount(progress), before)
        low.trainer_on_progress(trainer, progress)
        del trainer
        self.assertEqual(sys.getrefcount(progress), before)
        with self.assertRaises(TypeError):
            low.trainer_on_progress(low.trainer_new(model._c, None), 3)

    def test_sources_are_let_go(self):
        class Row(dict):
            pass

        def row(index):
            return Row(message="cash" if index % 2 else "lunch", target=index % 2)
        alive = weakref.ref(row)
        tasks = pw.Registry()
        tasks.add("spam", message="text").read(row, n=30)
        del row
        model = pw.Model(tasks, **SMALL)
        model.fit(steps=3, progress=False)
        self.assertIsNotNone(alive())
        del tasks, model
        gc.collect()
        self.assertIsNone(alive())

    def test_abandoned_runs_are_let_go(self):
        model = pw.Model(self.mail(), **SMALL)
        alive, run = weakref.ref(model), model.fit(steps=100)
        del model, run
        gc.collect()
        self.assertIsNone(alive())


if __name__ == "__main__":
    unittest.main()
