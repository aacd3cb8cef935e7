#!/usr/bin/env python3
"""bench/sparse.py text OUT DEB...      documents of Debian packages into OUT, each ended by a NUL
bench/sparse.py table RUN.jsonl...   the Markdown of docs/results.md from the runs of bench/lm
bench/sparse.py reach FAST SLOW      how many operations, tokens and seconds the first takes to the second's final loss

Helper of bench/sparse.sh. The text: every .txt, .rst, .html, .pod and manual page, mark-up taken off, lines that stood
before dropped (so that nothing is seen twice), shuffled by a fixed key.
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


if __name__ == "__main__":
    if sys.argv[1] == "text":
        write_text(sys.argv[2], sys.argv[3:])
