"""The tokenizer, the router and continual-learning metrics, each usable by itself."""
import json
from os import fspath

from . import _pathways as c
from ._data import numbers_of, options


class Tokenizer:
    """Text to ids and back. Tokenizer() has the raw bytes; see train and open."""

    def __init__(self, handle=None):
        self._c = c.tokenizer_bytes() if handle is None else handle

    @classmethod
    def train(cls, texts, vocab):
        """Byte-level BPE, learned from texts, of vocab ids in all."""
        return cls(c.tokenizer_train(list(texts), vocab))

    @classmethod
    def open(cls, path):
        """From a tokenizer.json."""
        return cls(c.tokenizer_open(fspath(path)))

    def save(self, path):
        c.tokenizer_save(self._c, fspath(path))

    @property
    def vocab(self):
        return c.tokenizer_vocab(self._c)

    def encode(self, text):
        return memoryview(c.tokenizer_encode(self._c, text)).cast("i").tolist()

    def decode(self, ids):
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def decode_bytes(self, ids):
        ids = list(ids)
        return c.tokenizer_decode(self._c, numbers_of(ids, "i")) if ids else b""

    def stream(self, ids):
        """The text of ids that come one by one, as its characters become whole."""
        detokenizer = c.detokenizer_new(self._c)
        for one in ids:
            text = c.detokenizer_feed(detokenizer, one)
            if text:
                yield text


class Router:
    """The policy that sends a token to experts: Router(experts=8, topk=2)."""

    def __init__(self, experts, topk=2, **settings):
        self._c = c.router_new(options(dict(settings, experts=experts, topk=topk)))
        self.experts, self.topk = experts, topk
        self._n = 0

    def route(self, logits):
        """logits (n, experts) to the chosen experts and their gates, each a memoryview (n, topk)."""
        logits = numbers_of(logits)
        chosen, gates = c.router_route(self._c, logits, self.experts, self.topk)
        self._n = len(gates) // (4 * self.topk)
        return self._rows(chosen, "i", self.topk), self._rows(gates, "f", self.topk)

    def backward(self, dgates):
        """The gradient of the last routing: dgates (n, topk) to dlogits (n, experts), the losses' part in it."""
        dgates = numbers_of(dgates)
        if memoryview(dgates).nbytes // memoryview(dgates).itemsize != self._n * self.topk:
            raise ValueError(f"dgates of another shape than the last routing's ({self._n}, {self.topk})")
        return self._rows(c.router_backward(self._c, dgates, self._n * self.experts), "f", self.experts)

    def _rows(self, data, code, width):
        view = memoryview(data)
        return view.cast(code, (self._n, width)) if self._n > 0 else view.cast(code)

    @property
    def losses(self):
        """The balance loss and the z-loss of the last routing."""
        return tuple(c.router_losses(self._c))

    @property
    def load(self):
        """How many (token, slot) pairs each expert has had since the start or reset."""
        return memoryview(c.router_load(self._c, self.experts)).cast("q").tolist()

    @property
    def balance(self):
        """Of the load: entropy of the experts' shares, MaxVio (the greatest over the mean, less 1), pairs dropped."""
        return tuple(c.router_balance(self._c))

    def step(self):
        """Once per optimizer step, with balance_by="bias"."""
        c.router_step(self._c)

    def reset(self):
        c.router_reset(self._c)

    def use_routes(self, routes, mode):
        """As Model.use_routes."""
        c.router_use_routes(self._c, *routes_and_mode(routes, mode))


def routes_and_mode(routes, mode):
    modes = {"off": c.ROUTES_OFF, "record": c.ROUTES_RECORD, "replay": c.ROUTES_REPLAY}
    if mode not in modes:
        raise ValueError(f"mode {mode!r}; off, record and replay would be right")
    return (None if routes is None else routes._c), modes[mode]


class Routes:
    """Which experts rows met, one routing after another: kept, saved, and gone by again."""

    def __init__(self, handle=None):
        self._c = c.routes_new() if handle is None else handle

    @classmethod
    def open(cls, path):
        return cls(c.routes_open(fspath(path)))

    def save(self, path):
        c.routes_save(self._c, fspath(path))

    def __len__(self):
        """Routings: of a pass, one for each layer."""
        return c.routes_count(self._c)


class Continual:
    """Tasks learned one after the other: the score of each after each, and what the field reads off it. A task is
    named, or numbered from 0 in the order in which it was learned."""

    def __init__(self, handle=None):
        self._c = c.continual_new() if handle is None else handle

    @classmethod
    def parse(cls, json):
        """Back from what .json gave."""
        return cls(c.continual_parse(json))

    def add(self, name, higher_is_better=True):
        """The task learned next; returns its number. higher_is_better=False: of errors."""
        return c.continual_add(self._c, name, bool(higher_is_better))

    def _at(self, task):
        return c.continual_find(self._c, task) if isinstance(task, str) else task

    def set(self, after, task, score):
        """The score on task once `after` was learned."""
        c.continual_set(self._c, self._at(after), self._at(task), float(score))

    def set_baseline(self, task, score):
        """The score on task of a model that has learned nothing."""
        c.continual_set_baseline(self._c, self._at(task), float(score))

    def score(self, after, task):
        """What was set; NaN: nothing."""
        return c.continual_score(self._c, self._at(after), self._at(task))

    def baseline(self, task):
        return c.continual_baseline(self._c, self._at(task))

    def _figure(self, of, after):
        return of(self._c, len(self) - 1 if after is None else self._at(after))

    def accuracy(self, after=None):
        """ACC: the mean score of the tasks learned by then (after: a task; None: the last)."""
        return self._figure(c.continual_accuracy, after)

    def backward_transfer(self, after=None):
        """Below 0: old tasks lost by the new ones."""
        return self._figure(c.continual_backward_transfer, after)

    def forward_transfer(self, after=None):
        """What earlier tasks gave one before it was learned."""
        return self._figure(c.continual_forward_transfer, after)

    def forgetting(self, after=None):
        """How far each task is below its best; exactly 0 where no score moved."""
        return self._figure(c.continual_forgetting, after)

    def __len__(self):
        return c.continual_count(self._c)

    def __iter__(self):
        return iter([c.continual_name(self._c, i) for i in range(len(self))])

    @property
    def json(self):
        """Matrix, baselines and the four figures after each task (docs/json.md)."""
        return c.continual_json(self._c)


class Record:
    """Where the rows of a model's answers went, by task, layer and expert: what Model.recording gives. task None: of
    all tasks. A pair is a row and one of its experts."""

    def __init__(self, model):
        layers = [json.loads(line) for line in model.describe().splitlines()]
        self._experts = max((len(line.get("load", ())) for line in layers), default=0)
        self._c = c.record_new(model._c)

    def counts(self, layer, task=None):
        """How many pairs each expert of a layer has had."""
        return memoryview(c.record_counts(self._c, task, layer, self._experts)).cast("q").tolist()

    def measure(self, layer, task=None):
        """What the counts come to: entropy (nats), max_violation (the greatest over the mean, less 1), met (the share
        of the experts that were met at all), dropped (pairs, for want of capacity)."""
        return dict(zip(("entropy", "max_violation", "met", "dropped"), c.record_measure(self._c, task, layer)))

    def overlap(self, one, other, layer):
        """How far two tasks share a layer's experts: 1 where they go the same ways, 0 where they meet nowhere."""
        return c.record_overlap(self._c, one, other, layer)

    def reset(self):
        c.record_reset(self._c)
