"""What the README and the examples show is true: they run, on small data and for a moment."""
import os
import pathlib
import random
import re
import subprocess
import unittest

from rig import Case, message, pw  # noqa: F401

top = pathlib.Path(__file__).resolve().parents[3]
main_job = pathlib.Path(os.environ.get("top_builddir", "."), "examples/main_job").resolve()


def blocks(path):
    """The Python in a page, one after the other, for a few steps instead of minutes."""
    found = re.findall(r"```python\n(.*?)```", path.read_text(), re.S)
    return re.sub(r"minutes=\d+", "steps=30", "\n".join(found))


class Examples(Case):
    def setUp(self):
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        rng = random.Random(2)
        rows = [(("yes", "call the doctor now"), ("no", "some other day"))[i % 2] for i in range(200)]
        (self.folder / "urgent.tsv").write_text("class\tmessage\n" + "".join(
            f"{label}\t{text} {message(rng, 'ham')}\n" for label, text in rows))

    @unittest.skipUnless((top / "README.md").exists(), "there is no README here")
    def test_readme(self):
        known = "call the doctor now the home meeting lunch you a the you"
        code = blocks(top / "README.md").replace("Call me at once", known)
        self.assertIn("model.add(", code)
        exec(compile(code, "README.md", "exec"), {})
        self.assertEqual(list(pw.open("one.pathways").tasks), ["spam", "urgent"])

    @unittest.skipUnless(main_job.exists(), "examples/main_job is not built")
    def test_main_job(self):
        out = subprocess.run([main_job, ".", "{steps: 20, seed: 1, batch: 16, threads: 1}"], capture_output=True,
                             text=True)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn("4 tasks; spam answers as before, to the bit", out.stdout)
        self.assertEqual(list(pw.open("one.pathways").tasks), ["spam", "fault", "income", "age"])
        self.assertTrue(os.path.exists("one.pathways.delta1"))
        self.assertIn(pw.open("one.pathways").digest("spam"), out.stdout)


if __name__ == "__main__":
    unittest.main()
