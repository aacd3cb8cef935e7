"""What the tests share: which package they test, and the data they learn from."""
import logging
import math
import os
import pathlib
import random
import struct
import sys
import tempfile
import unittest
import wave

here = os.environ.get("PATHWAYS_INSTALLED") or os.path.join(os.environ.get("top_builddir", "."), "bindings/python/tree")
sys.path.insert(0, here)
sys.dont_write_bytecode = True
import pathways as pw  # noqa: E402

logging.getLogger("pathways").setLevel(logging.ERROR)       # bad rows are told as warnings

SMALL = dict(d=32, layers=1, heads=2, experts=4, hidden=32, vocab=300)
WORDS = {"spam": ["prize", "cash", "winner"], "ham": ["lunch", "home", "meeting"]}
PITCH = {"low": 300, "high": 2500}


def message(rng, label):
    return " ".join(rng.choice(WORDS[label] + ["the", "you", "a"]) for _ in range(8))


def tone(rng, label, rate=8000, steps=1600):
    """Samples in -1..1."""
    step, phase = 2 * math.pi * PITCH[label] * rng.uniform(.9, 1.1) / rate, rng.uniform(0, 6)
    return [.5 * math.sin(phase + step * i) + .05 * rng.uniform(-1, 1) for i in range(steps)]


def write_mail(path, rng, n):
    rows = [(label, message(rng, label)) for label in rng.choices(("spam", "ham"), k=n)]
    path.write_text("class\tmessage\n" + "".join(f"{label}\t{text}\n" for label, text in rows))


def write_people(path, rng, n):
    rows = [(rng.randint(18, 80), rng.choice(("clerk", "chief")), rng.random()) for _ in range(n)]
    path.write_text("age,job,luck,income\n" + "".join(
        f"{age},{job},{luck:.3f},{'more' if (age > 40) == (job == 'chief') else 'less'}\n" for age, job, luck in rows))


def write_sound(path, samples, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(b"".join(struct.pack("<h", int(32000 * sample)) for sample in samples))


def write_all(folder, seed=1):
    rng, folder = random.Random(seed), pathlib.Path(folder)
    write_mail(folder / "mail.tsv", rng, 300)
    write_people(folder / "people.csv", rng, 300)
    for i in range(40):
        label = ("low", "high")[i % 2]
        write_sound(folder / "motors" / label / f"{i}.wav", tone(rng, label))


class Case(unittest.TestCase):
    """A case with a folder of data, made once."""

    @classmethod
    def setUpClass(cls):
        kept = tempfile.TemporaryDirectory()
        cls.addClassCleanup(kept.cleanup)
        cls.folder = pathlib.Path(kept.name)
        write_all(cls.folder)

    def registry(self):
        tasks = pw.Registry()
        tasks.add("spam", "classify", message="text").read(self.folder / "mail.tsv", target="class")
        tasks.add("fault", "classify", sound="audio").read(self.folder / "motors")
        tasks.add("income", "classify", person="table").read(self.folder / "people.csv", target="income")
        return tasks

    def mail(self):
        """One small task."""
        tasks = pw.Registry()
        tasks.add("spam", "classify", message="text").read(self.folder / "mail.tsv", target="class")
        return tasks
