"""The tokenizer, the router, what the module says of itself."""
import pathlib
import tempfile
import unittest

from rig import SMALL, pw


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

    def test_routes(self):
        router, routes = pw.Router(experts=4, topk=2), pw.Routes()
        router.use_routes(routes, "record")
        router.route([[1, 2, 3, 4], [4, 3, 2, 1]])
        self.assertEqual(len(routes), 1)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "one.routes"
            routes.save(path)
            router.use_routes(pw.Routes.open(path), "replay")
        chosen, _ = router.route([[4, 3, 2, 1], [1, 2, 3, 4]])
        self.assertEqual(chosen.tolist(), [[2, 3], [0, 1]])
        with self.assertRaises(ValueError):
            router.route([[1, 2, 3, 4], [4, 3, 2, 1]])      # there are no more
        router.use_routes(None, "off")
        self.assertEqual(router.route([[4, 3, 2, 1]])[0].tolist(), [[0, 1]])
        with self.assertRaises(ValueError):
            router.use_routes(routes, "keep")
        with self.assertRaises(ValueError):
            pw.Routes.open(__file__)

    def test_balance(self):
        router = pw.Router(experts=4, topk=1, balance_by="bias")
        router.route([[0, 0, 0, 9]] * 8)
        entropy, max_violation, dropped = router.balance
        self.assertEqual((entropy, max_violation, dropped), (0, 3, 0))
        router.step()
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


class Routed(unittest.TestCase):
    """A dense model, experts made of it, and where they send what they are asked."""

    @classmethod
    def setUpClass(cls):
        mail = {"a prize for you": "spam", "lunch at home": "ham"}
        rows = [({"message": text}, label) for text, label in mail.items()] * 20
        tasks = pw.Registry()
        tasks.add("mail", "classify", message="text").read(rows)
        cls.dense = pw.Model(tasks, **{**SMALL, "experts": 0})
        cls.dense.fit(steps=5, batch=4)
        cls.sparse = cls.dense.upcycle(4)

    def test_upcycled(self):
        was, now = (m.predict("mail", message="you won a prize").scores for m in (self.dense, self.sparse))
        self.assertEqual(list(was), list(now))
        for label in was:
            self.assertAlmostEqual(was[label], now[label], places=5)
        with self.assertRaises(pw.Error):
            self.sparse.upcycle(4)

    def test_replayed(self):
        routes = pw.Routes()
        self.sparse.use_routes(routes, "record")
        one = self.sparse.predict("mail", message="you won a prize").scores
        self.assertEqual(len(routes), 1)
        self.sparse.use_routes(routes, "replay")
        self.assertEqual(one, self.sparse.predict("mail", message="you won a prize").scores)
        with self.assertRaises(ValueError):
            self.sparse.predict("mail", message="you won a prize")      # there are no more
        self.sparse.use_routes(None, "off")


class Module(unittest.TestCase):
    def test_version(self):
        self.assertRegex(pw.__version__, r"^\d+\.\d+\.\d+$")
        self.assertIn("libffi", pw.features)

    def test_every_name_is_there(self):
        for name in pw.__all__:
            self.assertTrue(hasattr(pw, name), name)


if __name__ == "__main__":
    unittest.main()
