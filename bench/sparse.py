#!/usr/bin/env python3
"""bench/sparse.py text OUT DEB...       documents of Debian packages into OUT, each ended by a NUL
bench/sparse.py table RUN.jsonl...    what bench/lm's runs ended with, in Markdown: the mean over seeds
bench/sparse.py best RUN.jsonl...     the options of the run with the least loss
bench/sparse.py reach RUN.jsonl -- RUN.jsonl...   what the models behind -- take to the final loss of the one before it

Helper of bench/sparse.sh. The text: every .txt, .rst, .html, .pod and manual page, mark-up taken off, lines that stood
before dropped (so that nothing is seen twice), shuffled by a fixed key. A model is a run without its seed, length and
file; each length is a run of its own, with its own schedule: no number comes from the middle of one.
"""
import gzip
import hashlib
import html
import json
import math
import random
import re
import subprocess
import sys
import tarfile

TAKEN = re.compile(r"\.(txt|rst|html|htm|pod|en|[1-8][a-z]*)(\.gz)?$")
SKIPPED = re.compile(r"(genindex|searchindex|py-modindex|changelog|copyright|/locale/)")


def plain_html(text):
    text = re.sub(r"(?is)<(script|style|head|nav)\b.*?</\1>", " ", text)
    text = re.sub(r"(?i)</?(p|div|li|tr|h[1-6]|br|pre|dt|dd|table|ul|ol)\b[^>]*>", "\n", text)
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def plain_troff(text):
    text = re.sub(r"(?m)^['.]\s*\\\".*$", "", text)
    text = re.sub(r"(?m)^\.\s*(SH|SS|TH|B|I|BR|IR|RB|RI|BI|IB|Nm|Fl|Ar|Sh|Ss|Pa|Xr|Cm|Li|Dv)\s+", "", text)
    text = re.sub(r"(?m)^[.'].*$", "", text)
    text = re.sub(r"\\f[BIRP1-4]|\\f\(..|\\f\[[^]]*\]|\\&|\\:|\\%|\\/|\\,|\\s[-+]?\d+", "", text)
    return re.sub(r"\\(-|e|\(aq|\(dq|\(bu|\(em|\(en)", lambda m: {"-": "-", "e": "\\", "(aq": "'", "(dq": '"'}.get(
        m.group(1), "-"), text)


def plain(name, text):
    if re.search(r"\.html?(\.gz)?$", name):
        return plain_html(text)
    return plain_troff(text) if re.search(r"\.[1-8][a-z]*(\.gz)?$", name) else text


def files(deb):
    """Name and text of each file of a package that is documentation."""
    pipe = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    with tarfile.open(fileobj=pipe.stdout, mode="r|") as tar:
        for member in tar:
            if not member.isfile() or not TAKEN.search(member.name) or SKIPPED.search(member.name):
                continue
            data = tar.extractfile(member).read()
            try:
                data = gzip.decompress(data) if member.name.endswith(".gz") else data
                yield member.name, data.decode("utf-8")
            except (UnicodeDecodeError, OSError, EOFError):
                continue
    pipe.wait()


def fresh_lines(text, seen):
    """The lines not seen before; blank ones at most one after the other."""
    out = []
    for line in text.split("\n"):
        line = line.rstrip()
        if not line.strip():
            if out and out[-1]:
                out.append("")
            continue
        key = hashlib.blake2b(line.strip().encode(), digest_size=8).digest()
        if key not in seen:
            seen.add(key)
            out.append(line)
    return "\n".join(out).strip("\n")


def write_text(out, debs):
    seen, documents = set(), []
    for deb in sorted(debs):
        for name, text in files(deb):
            text = fresh_lines(plain(name, text.replace("\0", " ")), seen)
            if len(text) >= 256:
                documents.append(text.encode())
    random.Random(1).shuffle(documents)
    with open(out, "wb") as f:
        for document in documents:
            f.write(document + b"\0")
    print(json.dumps({"packages": len(debs), "documents": len(documents), "bytes": sum(map(len, documents))}))


def read_run(path):
    """The options and the last line of a run."""
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    return lines[0], lines[-1]


def model_name(o):
    dense = f"dense f{o['hidden']:g}"
    sparse = f"{o['experts']:g} experts f{o['hidden']:g} top-{o['topk']:g}"
    return (sparse if o["experts"] else dense) + (f" shared {o['shared']:g}" if o["shared"] else "")


def groups(paths):
    """Runs that differ in the seed alone: {(name, rate, expert rate, tokens): [(options, end)]}, shortest first."""
    out = {}
    for path in paths:
        o, end = read_run(path)
        key = (model_name(o), o["lr"], o["expert_lr"] if o["experts"] else 1, o["tokens"])
        out.setdefault(key, []).append((o, end))
    return dict(sorted(out.items(), key=lambda item: item[0][::-1]))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def spread(values):
    values = list(values)
    return max(values) - min(values)


def summary(runs):
    ends = [end for _, end in runs]
    return {key: mean(end[key] for end in ends) for key in ("tokens", "flops", "seconds", "cpu", "held")}


def write_table(paths):
    print("| model | rate, experts' | parameters | M tokens | operations | MFLOP a token | s (CPU s) | tokens/CPU s | "
          "nats a token | seeds, spread |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for (name, lr, expert_lr, _), runs in groups(paths).items():
        s = summary(runs)
        print(f"| {name} | {lr:g}, x{expert_lr:g} | {runs[0][0]['params'] / 1e6:.2f} M | {s['tokens'] / 1e6:.1f} | "
              f"{s['flops']:.3g} | {s['flops'] / s['tokens'] / 1e6:.3f} | {s['seconds']:.0f} ({s['cpu']:.0f}) | "
              f"{s['tokens'] / s['cpu']:.0f} | {s['held']:.4f} | {len(runs)}, "
              f"{spread(end['held'] for _, end in runs):.4f} |")


def write_best(paths):
    o = min((read_run(path) for path in paths), key=lambda run: run[1]["held"])[0]
    print(f"lr={o['lr']:g} expert_lr={o['expert_lr']:g}")


def between(runs, loss, what):
    """log-linear between the two lengths whose losses are about `loss`; None where it lies outside of them."""
    for a, b in zip(runs, runs[1:]):
        if a["held"] >= loss >= b["held"]:
            share = (a["held"] - loss) / (a["held"] - b["held"])
            return math.exp(math.log(a[what]) + share * (math.log(b[what]) - math.log(a[what])))
    return None


def write_reach(target, paths):
    aim, by_model = summary([read_run(path) for path in target]), {}
    for (name, *_), runs in groups(paths).items():
        by_model.setdefault(name, []).append(summary(runs))
    print(f"To {aim['held']:.4f} nats a token ({', '.join(sorted({model_name(read_run(p)[0]) for p in target}))}: "
          f"{aim['flops']:.3g} operations, {aim['tokens'] / 1e6:.1f} M tokens, {aim['cpu']:.0f} CPU s):\n")
    print("| model | operations | tokens | CPU s | share of the operations | of the tokens | of the CPU s |")
    print("|---|---|---|---|---|---|---|")
    for name, runs in by_model.items():
        runs.sort(key=lambda run: run["tokens"])
        need, least = [between(runs, aim["held"], what) for what in ("flops", "tokens", "cpu")], ""
        if None in need and runs[0]["held"] <= aim["held"]:
            need, least = [runs[0][what] for what in ("flops", "tokens", "cpu")], "at most "
        if None in need:
            print(f"| {name} | not within the lengths run: {runs[-1]['held']:.4f} at best | | | | | |")
            continue
        print(f"| {name} | {least}{need[0]:.3g} | {need[1] / 1e6:.2f} M | {need[2]:.0f} | {need[0] / aim['flops']:.3f} | "
              f"{need[1] / aim['tokens']:.3f} | {need[2] / aim['cpu']:.3f} |")


def main(command, *args):
    if command == "text":
        write_text(args[0], args[1:])
    elif command == "table":
        write_table(args)
    elif command == "best":
        write_best(args)
    elif command == "reach":
        at = args.index("--")
        write_reach(args[:at], args[at + 1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
