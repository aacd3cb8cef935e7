"""Every form in which Python gives rows and samples."""
import array
import random
import unittest

from rig import SMALL, Case, message, pw

try:
    import numpy
except ImportError:
    numpy = None


def mails(n, seed=1):
    rng = random.Random(seed)
    for i in range(n):
        label = ("spam", "ham")[i % 2]
        yield label, message(rng, label)


class Frame:
    """What a data frame has that is needed."""

    def __init__(self, columns):
        self.data = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self.data[name]


class Lazy:
    """A data set that makes its rows when asked."""

    def __init__(self, rows):
        self.rows, self.asked = rows, 0

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        self.asked += 1
        return self.rows[index]


class TextRows(Case):
    """One task, its rows given in many ways: the same rows, the same model."""

    def answer(self, *args, **named):
        tasks = pw.Registry()
        tasks.add("spam", "classify", message="text").read(*args, **named)
        model = pw.Model(tasks, **SMALL)
        model.fit(steps=30, seed=1, progress=False)
        return model.predict("spam", "cash prize you").json

    def test_all_forms(self):
        pairs = list(mails(100))
        texts, labels = [text for _, text in pairs], [label for label, _ in pairs]
        rows = [{"message": text, "class": label} for label, text in pairs]
        expected = self.answer(rows, target="class")
        self.assertEqual(self.answer(({"message": t, "class": y} for y, t in pairs), target="class"), expected)
        self.assertEqual(self.answer([({"message": text}, label) for label, text in pairs]), expected)
        self.assertEqual(self.answer([(text, label) for label, text in pairs]), expected)
        self.assertEqual(self.answer({"message": texts, "class": labels}, target="class"), expected)
        self.assertEqual(self.answer(Frame({"message": texts, "class": labels}), target="class"), expected)
        self.assertEqual(self.answer(texts, labels), expected)
        self.assertEqual(self.answer({"message": texts}, labels), expected)
        self.assertEqual(self.answer(lambda i: rows[i], target="class", n=100), expected)
        lazy = Lazy(rows)
        self.assertEqual(self.answer(lazy, target="class"), expected)
        self.assertGreater(lazy.asked, 100)

    def test_files_by_part(self):
        pairs = list(mails(50))
        (self.folder / "m.txt").write_text("".join(text + "\n" for _, text in pairs))
        (self.folder / "y.txt").write_text("".join(label + "\n" for label, _ in pairs))
        self.answer({"message": self.folder / "m.txt", "target": self.folder / "y.txt"})

    def test_bad_rows_are_skipped(self):
        rows = [{"message": text, "target": label} for label, text in mails(60)]
        rows[7]["message"] = ""
        self.answer(rows)
        self.answer(lambda i: rows[i], n=60)
        with self.assertRaises(pw.Error):
            self.answer([{"message": "", "target": "x"}] * 200 + rows)

    def test_an_exception_of_a_source_comes_through(self):
        def row(index):
            return {"message": "cash", "target": 1 / (index - 20)}
        with self.assertRaises(ZeroDivisionError):
            self.answer(row, n=40)
        with self.assertRaises(ZeroDivisionError):
            self.answer(row(i) for i in range(40))

    def test_what_is_no_row(self):
        for wrong in ([3], [None], [("a", "b", "c")]):
            with self.assertRaises(ValueError):
                self.answer(wrong)
        with self.assertRaisesRegex(ValueError, "'target'.*class"):
            self.answer([{"message": "x", "class": "y"}])
        with self.assertRaisesRegex(ValueError, "n="):
            self.answer(lambda i: None)
        with self.assertRaisesRegex(ValueError, "2 rows, and 1 answers"):
            self.answer(["a", "b"], ["x"])
        with self.assertRaisesRegex(ValueError, "split"):
            self.answer(["a"], ["x"], split="dev")


class Samples(unittest.TestCase):
    """Arrays of each sense, as lists, as buffers and as NumPy's."""

    @classmethod
    def setUpClass(cls):
        rng = random.Random(1)
        tasks = pw.Registry()
        tasks.add("shape", picture="image").read([(cls.picture(rng, i % 2), i % 2) for i in range(60)])
        tasks.add("move", motion="series").read([(cls.motion(rng, i % 2), i % 2) for i in range(60)])
        tasks.add("code", "classify", code="bytes").read([(bytes([65 + i % 2] * 40), "ab"[i % 2]) for i in range(40)])
        tasks.add("sum", "regress", row="table").read([([i, i % 7], i + i % 7) for i in range(80)])
        tasks.add("tags", "multilabel", text="text").read(
            [("red " * (i % 2) + "big " * (i % 3 > 0), ["red"] * (i % 2) + ["big"] * (i % 3 > 0))
             for i in range(80) if i % 6])
        cls.model = pw.Model(tasks, **SMALL)
        cls.model.fit(steps=150, seed=1, progress=False)

    @staticmethod
    def picture(rng, kind):
        return [[rng.randrange(60) + (180 if (x if kind else y) % 4 < 2 else 0) for x in range(12)] for y in range(12)]

    @staticmethod
    def motion(rng, kind):
        return [[t * (1 if kind else -1) / 20 + rng.uniform(-.1, .1), rng.random()] for t in range(20)]

    def test_they_are_learned(self):
        rng = random.Random(9)
        for kind in (0, 1):
            self.assertEqual(self.model.predict("shape", self.picture(rng, kind)).label, str(kind))
            self.assertEqual(self.model.predict("move", motion=self.motion(rng, kind)).label, str(kind))
            self.assertEqual(self.model.predict("code", bytearray([65 + kind] * 40)).label, "ab"[kind])
        answer = self.model.predict("sum", row=[30, 2])
        self.assertIsNone(answer.label)
        self.assertLess(abs(answer.number - 32), 10)
        self.assertEqual(set(self.model.predict("tags", "red big thing").scores), {"red", "big"})

    def test_lists_and_buffers_are_the_same(self):
        picture = self.picture(random.Random(2), 1)
        expected = self.model.predict("shape", picture).json
        flat = bytes(pixel for row in picture for pixel in row)
        self.assertEqual(self.model.predict("shape", memoryview(flat).cast("B", (12, 12))).json, expected)
        motion = self.motion(random.Random(2), 1)
        numbers = array.array("f", [x for step in motion for x in step])
        doubles = array.array("d", numbers)
        expected = self.model.predict("move", motion).json
        for whole, code in ((numbers, "f"), (doubles, "d")):
            view = memoryview(whole).cast("B").cast(code, (20, 2))
            self.assertEqual(self.model.predict("move", view).json, expected)

    @unittest.skipIf(numpy is None, "no NumPy here")
    def test_numpy(self):
        picture = numpy.array(self.picture(random.Random(2), 1), numpy.uint8)
        expected = self.model.predict("shape", picture.tolist()).json
        self.assertEqual(self.model.predict("shape", picture).json, expected)
        self.assertEqual(self.model.predict("shape", numpy.repeat(picture, 2, 1)[:, ::2]).json, expected)
        self.assertEqual(self.model.predict("shape", numpy.asfortranarray(picture)).json, expected)
        motion = numpy.array(self.motion(random.Random(2), 1))
        self.assertEqual(self.model.predict("move", motion).json, self.model.predict("move", motion.tolist()).json)
        tasks = pw.Registry()
        images = numpy.stack([picture, picture.T] * 20)
        tasks.add("shape", picture="image").read(images, numpy.arange(40) % 2)
        model = pw.Model(tasks, **SMALL)
        model.fit(steps=5, progress=False)
        self.assertEqual(model.tasks["shape"].labels, ["0", "1"])

    def test_bad_samples(self):
        nan = float("nan")
        for task, sample in (("shape", []), ("shape", [[1, 2], [3]]), ("shape", [[300]]), ("shape", [1, 2, 3]),
                             ("shape", array.array("f", [1, 2])), ("shape", b"flat"), ("move", [[["deep"]]]),
                             ("move", ["word"]), ("move", 3), ("code", b"")):
            with self.assertRaises(ValueError, msg=(task, sample)):
                self.model.predict(task, sample)
        self.model.predict("move", [[nan, None], [1, 2], [2, 3]])
        with self.assertRaises(TypeError):
            self.model.predict("code", "text is no bytes")

    def test_sounds(self):
        rng = random.Random(1)
        loud = [int(20000 * rng.uniform(-1, 1)) for _ in range(2000)]
        soft = [x // 50 for x in loud]
        tasks = pw.Registry()
        rows = [((array.array("h", samples), 8000), label) for samples, label in ((loud, 1), (soft, 0))]
        tasks.add("loud", sound="audio").read(rows * 10)
        model = pw.Model(tasks, **SMALL)
        model.fit(steps=40, progress=False)
        floats = [x / 32768 for x in loud]
        expected = model.predict("loud", (array.array("h", loud), 8000)).json
        self.assertEqual(model.predict("loud", (floats, 8000)).json, expected)
        with self.assertRaises(ValueError):
            model.predict("loud", ([float("nan")] * 100, 8000))


if __name__ == "__main__":
    unittest.main()
