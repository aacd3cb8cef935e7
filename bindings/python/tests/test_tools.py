"""The tokenizer, the router, what the module says of itself."""
import pathlib
import tempfile
import unittest

from rig import pw


class Tokenizers(unittest.TestCase):
    def test_bytes(self):
        tokenizer = pw.Tokenizer()
        self.assertEqual(tokenizer.vocab, 257)
        self.assertEqual(tokenizer.encode("é"), [0xC3, 0xA9])
        self.assertEqual(tokenizer.decode([0xC3, 0xA9]), "é")
        self.assertEqual((tokenizer.encode(""), tokenizer.decode([])), ([], ""))
        self.assertEqual(list(tokenizer.stream([0xC3, 0xA9, 65])), ["é", "A"])

    def test_learned(self):
        tokenizer = pw.Tokenizer.train(["the cat and the hat"] * 20, 270)
        text = "the hat"
        self.assertLess(len(tokenizer.encode(text)), len(text))
        self.assertEqual(tokenizer.decode(tokenizer.encode(text)), text)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "tokenizer.json"
            tokenizer.save(path)
            self.assertEqual(pw.Tokenizer.open(path).encode(text), tokenizer.encode(text))

    def test_errors(self):
        with self.assertRaises(ValueError):
            pw.Tokenizer.train(["a"], 3)
        with self.assertRaises(TypeError):
            pw.Tokenizer.train(["a", 3], 300)
        with self.assertRaises(ValueError):
            pw.Tokenizer().decode([100000])
        with self.assertRaises(FileNotFoundError):
            pw.Tokenizer.open("nosuch.json")


class Routers(unittest.TestCase):
    def test_route(self):
        router = pw.Router(experts=4, topk=2)
        chosen, gates = router.route([[1, 2, 3, 4], [4, 3, 2, 1]])
        self.assertEqual(chosen.tolist(), [[2, 3], [0, 1]])
        for row in gates.tolist():
            self.assertAlmostEqual(sum(row), 1, places=6)
        self.assertEqual(router.load, [1, 1, 1, 1])
        self.assertEqual(router.backward([[1, 0], [0, 1]]).shape, (2, 4))
        self.assertEqual(len(router.losses), 2)
        router.reset()
        self.assertEqual(router.load, [0, 0, 0, 0])

    def test_errors(self):
        with self.assertRaises(ValueError):
            pw.Router(experts=2, topk=3)
        with self.assertRaises(ValueError):
            pw.Router(experts=2).route([[float("nan"), 1]])
        router = pw.Router(experts=2)
        router.route([[1, 2]])
        with self.assertRaises(ValueError):
            router.backward([[1, 2], [3, 4]])


class Module(unittest.TestCase):
    def test_version(self):
        self.assertRegex(pw.__version__, r"^\d+\.\d+\.\d+$")
        self.assertIn("libffi", pw.features)

    def test_every_name_is_there(self):
        for name in pw.__all__:
            self.assertTrue(hasattr(pw, name), name)


if __name__ == "__main__":
    unittest.main()
