"""Pathways that solidify: tasks are sealed, others are added, and not a bit of a sealed one's answers moves."""
import json
import random
import unittest

from rig import SMALL, Case, message, pw, tone

TEXTS = ("cash", "winner you prize", "lunch at home", "the the")


class Sealed(Case):
    """A sealed model of two tasks, and one with a third that was added."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tasks = cls.mail(cls)
        tasks.add("fault", "classify", sound="audio").read(cls.folder / "motors")
        cls.model = pw.Model(tasks, **SMALL)
        cls.model.fit(steps=80, seed=1, threads=1, progress=False)
        cls.model.seal()
        cls.sound = (tone(random.Random(7), "low"), 8000)
        cls.before = cls.answers(cls, cls.model)
        people = cls.model.add("income", "classify", person="table").read(cls.folder / "people.csv", target="income")
        cls.reports = []
        cls.more = people.fit(steps=40, threads=1, progress=cls.reports.append)

    def answers(self, model):
        """All that the answers say, to the byte."""
        return [model.predict("spam", text).json for text in TEXTS] + [model.predict("fault", self.sound).json]

    def test_states_and_digests(self):
        self.assertEqual({task.state for task in self.model.tasks.values()}, {"sealed"})
        self.assertRegex(self.model.digest("spam"), "^[0-9a-f]{64}$")
        self.assertEqual(self.model.predict("spam", "cash").digest, self.model.digest("spam"))
        blank = pw.Model(self.mail(), **SMALL)
        self.assertEqual(blank.tasks["spam"].state, "open")
        with self.assertRaisesRegex(pw.Error, "spam"):
            blank.seal()
        blank.fit(steps=2, progress=False)
        self.assertEqual(blank.tasks["spam"].state, "trained")
        self.assertIsNone(blank.predict("spam", "cash").digest)
        with self.assertRaisesRegex(pw.Error, "not sealed"):
            blank.digest("spam")

    def test_added_and_nothing_moved(self):
        self.assertEqual(self.answers(self.more), self.before)
        self.assertEqual(self.answers(self.model), self.before)
        self.assertEqual(list(self.model.tasks), ["spam", "fault"])
        self.assertEqual(list(self.more.tasks), ["spam", "fault", "income"])
        self.assertEqual(self.more.tasks["income"].state, "sealed")
        self.assertTrue(self.more.verify() and self.more.verify("spam", "income"))
        self.assertEqual(self.reports[-1].step, 40)
        self.assertEqual(self.more.predict("income", age=60, job="chief", luck=.5).label, "more")

    def test_adding_is_refused(self):
        with self.assertRaisesRegex(pw.Error, "spam"):
            self.model.add("spam", message="text").fit([("x", "y"), ("z", "y")] * 20, steps=1, progress=False)
        with self.assertRaisesRegex(pw.Error, "too small"):
            self.model.add("x", message="text", budget=10).read(self.folder / "mail.tsv", target="class").fit(steps=1)
        with self.assertRaisesRegex(KeyError, "nosuch"):
            self.model.add("x", message="text", reuse="nosuch").fit(self.folder / "mail.tsv", "class", steps=1)

    def test_added_and_left_open(self):
        rows = [({"message": message(random.Random(i), label)}, label) for i in range(20) for label in ("spam", "ham")]
        more = self.model.add("other", message="text", clones=1).fit(rows, seal=False, steps=4, progress=False)
        self.assertEqual(more.tasks["other"].state, "trained")
        self.assertEqual(self.answers(more), self.before)
        self.assertEqual(more.seal("other").tasks["other"].state, "sealed")

    def test_beside_the_file(self):
        path = self.folder / "one.pathways"
        self.model.save(path)
        was, opened = path.read_bytes(), pw.open(path)
        more = opened.add("income", person="table").read(self.folder / "people.csv", target="income")
        more.fit(steps=4, progress=False).save_added(path)
        self.assertEqual(path.read_bytes(), was)
        self.assertTrue((self.folder / "one.pathways.delta1").exists())
        again = pw.open(path)
        self.assertEqual(self.answers(again), self.before)
        self.assertEqual(list(again.tasks), ["spam", "fault", "income"])
        pw.pack(path)
        self.assertFalse((self.folder / "one.pathways.delta1").exists())
        self.assertEqual(self.answers(pw.open(path)), self.before)

    def test_extracted(self):
        path = self.folder / "spam.pathways"
        self.more.extract("spam").save(path)
        small = pw.open(path)
        self.assertEqual(list(small.tasks), ["spam"])
        self.assertEqual(small.digest("spam"), self.more.digest("spam"))
        self.assertEqual([small.predict("spam", text).json for text in TEXTS], self.before[:-1])
        self.assertEqual(list(self.more.extract("income", "fault").tasks), ["fault", "income"])
        with self.assertRaisesRegex(KeyError, "spm"):
            self.more.extract("spm")

    def test_forgotten_pruned_renamed(self):
        less = self.more.forget("income")
        self.assertEqual(list(less.tasks), ["spam", "fault"])
        self.assertEqual(self.answers(less), self.before)
        self.assertEqual(self.answers(self.more.prune()), self.before)
        wide = self.more.grow(2, copy="random", seed=3)
        self.assertEqual(self.answers(wide), self.before)
        self.assertEqual(wide.digest("spam"), self.more.digest("spam"))
        with self.assertRaisesRegex(ValueError, "experts"):
            self.more.grow(0)
        renamed = self.more.rename("spam", "junk")
        self.assertEqual(renamed.predict("junk", "cash").scores, self.model.predict("spam", "cash").scores)
        self.assertEqual(renamed.digest("junk"), self.model.digest("spam"))
        with self.assertRaisesRegex(KeyError, "spm"):
            self.more.forget("spm")

    def test_merged(self):
        other = self.model.add("pay", person="table").read(self.folder / "people.csv", target="income").fit(
            steps=4, progress=False)
        both = self.more.merge(other.extract("pay"))
        self.assertEqual(list(both.tasks), ["spam", "fault", "income", "pay"])
        self.assertEqual(both.digest("pay"), other.digest("pay"))
        self.assertEqual(self.answers(both), self.before)
        again = self.more.merge(other)
        self.assertEqual(list(again.tasks), list(both.tasks))
        self.assertEqual(self.answers(again), self.before)
        with self.assertRaisesRegex(pw.Error, "'spam'"):
            self.more.merge(other.extract("pay").rename("pay", "spam"))

    def test_every_byte_is_looked_at(self):
        path = self.folder / "changed.pathways"
        self.more.save(path)
        self.assertTrue(pw.verify(path))
        whole = bytearray(path.read_bytes())
        header = 8 + int.from_bytes(whole[:8], "little")
        name, at = self.tensor(whole[8:header])
        whole[header + at] ^= 1
        path.write_bytes(whole)
        with self.assertRaisesRegex(ValueError, name) as caught:
            pw.verify(path)
        self.assertIsInstance(caught.exception, pw.FormatError)

    def tensor(self, header):
        """The largest tensor: its name, and the place of a byte of it."""
        tensors = [(value["data_offsets"], name) for name, value in json.loads(bytes(header)).items()
                   if name != "__metadata__" and not name.startswith("pathways.")]
        (start, end), name = max(tensors, key=lambda one: one[0][1] - one[0][0])
        return name, (start + end) // 2

    def test_which_task(self):
        text = message(random.Random(5), "spam")
        which = self.more.which(text)
        self.assertEqual((which.known, which.task), (True, "spam"))
        self.assertEqual(which.ranking[0].task, "spam")
        self.assertLessEqual(which.ranking[0].distance, which.ranking[0].limit)
        self.assertAlmostEqual(sum(one.confidence for one in which.ranking), 1)
        answer = self.more.predict(message=text)
        self.assertEqual(answer.task, "spam")
        self.assertEqual(answer.json, self.more.predict("spam", text).json)
        self.assertEqual(self.more.predict(None, text).task, "spam")
        self.assertEqual(self.more.predict(None, {"age": 60, "job": "chief", "luck": .5}).task, "income")
        self.assertEqual(self.more.predict(sound=self.sound).task, "fault")
        self.assertEqual(self.more.predict(None, self.folder / "motors" / "low" / "0.wav").task, "fault")
        unknown = self.more.which("12345 67890 !!!! %%%% 12345 ???? 0000")
        self.assertEqual((unknown.known, unknown.task), (False, None))
        with self.assertRaisesRegex(KeyError, "like none"):
            self.more.predict(message="12345 67890 !!!! %%%% 12345 ???? 0000")

    def test_where_rows_went(self):
        with self.model.recording() as record:
            self.model.predict("spam", "cash for you")
            self.model.predict("fault", self.sound)
        self.model.predict("spam", "not counted")
        all_of, spam, fault = record.counts(0), record.counts(0, "spam"), record.counts(0, "fault")
        self.assertEqual(len(all_of), 4)
        self.assertTrue(sum(spam) > 0 and sum(fault) > 0)
        self.assertEqual(all_of, [a + b for a, b in zip(spam, fault)])
        self.assertTrue(0 < record.measure(0, "spam")["met"] <= 1 and record.measure(0)["dropped"] == 0)
        self.assertAlmostEqual(record.overlap("spam", "spam", 0), 1)
        self.assertTrue(0 <= record.overlap("spam", "fault", 0) <= 1)
        with self.assertRaisesRegex(KeyError, "spm"):
            record.counts(0, "spm")
        record.reset()
        self.assertEqual(sum(record.counts(0)), 0)

    def test_selected(self):
        self.assertEqual(self.more.select(), ["spam", "fault", "income"])
        self.assertEqual(self.more.select(sense="audio"), ["fault"])
        self.assertEqual(self.more.select(state="sealed", label="more"), ["income"])
        self.assertEqual(self.more.select(kind="regress"), [])
        with self.assertRaisesRegex(ValueError, "'sense'"):
            self.more.select(sens="audio")
        path = self.folder / "tasks.pathways"
        pw.Registry(pw._pathways.model_registry(self.more._c)).save(path)
        tasks = pw.Registry.open(path)
        self.assertEqual(list(tasks), ["spam", "fault", "income"])
        self.assertEqual([task.state for task in tasks.select(sense="table")], ["sealed"])
        tasks.rename("fault", "noise")
        tasks.remove("spam")
        self.assertEqual((list(tasks), "noise" in tasks, "fault" in tasks), (["noise", "income"], True, False))


class Learning(Case):
    def test_by_doing(self):
        model = pw.Model(self.mail(), **SMALL)
        model.fit(steps=20, seed=1, progress=False)
        model.save(self.folder / "some.pathways")
        model = pw.open(self.folder / "some.pathways")
        before, learner = model.predict("spam", "zebra zebra quagga").scores["spam"], model.learner(learn_lr=.01)
        for _ in range(20):
            learner.learn("spam", message="zebra zebra quagga", target="spam")
        learner.learn("spam", "lunch at home", target="ham")
        self.assertEqual(learner.learned, 21)
        self.assertGreater(learner.model.predict("spam", "zebra zebra quagga").scores["spam"], before)
        self.assertEqual(model.predict("spam", "zebra zebra quagga").scores["spam"], before)
        with self.assertRaisesRegex(pw.Error, "eggs"):
            learner.learn("spam", "x", target="eggs")
        with self.assertRaisesRegex(pw.Error, "sealed"):
            learner.model.seal().learner().learn("spam", "x", target="spam")


class Continual(unittest.TestCase):
    def test_figures(self):
        scores = pw.Continual()
        self.assertEqual([scores.add("a"), scores.add("b")], [0, 1])
        for after, task, score in (("a", "a", .9), ("a", "b", .5), ("b", "a", .8), (1, 1, .7)):
            scores.set(after, task, score)
        scores.set_baseline("b", .4)
        self.assertEqual((len(scores), list(scores)), (2, ["a", "b"]))
        self.assertEqual((scores.score("b", "a"), scores.baseline(1)), (.8, .4))
        self.assertAlmostEqual(scores.accuracy(), .75)
        self.assertAlmostEqual(scores.accuracy("a"), .9)
        self.assertAlmostEqual(scores.backward_transfer(), -.1)
        self.assertAlmostEqual(scores.forward_transfer(), .1)
        self.assertAlmostEqual(scores.forgetting(), .1)
        self.assertEqual(pw.Continual.parse(scores.json).json, scores.json)
        with self.assertRaises(KeyError):
            scores.set("c", "a", 1)
        with self.assertRaises(pw.Error):
            scores.add("a")
        with self.assertRaises(ValueError):
            scores.set("a", "a", float("nan"))


if __name__ == "__main__":
    unittest.main()
