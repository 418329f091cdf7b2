# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a manager's state is read, proven and listed: `python -m tests.bench.reader [--write] [--sizes MB,MB]`.

Of a real log, grown to each size (tests/material/large.py), on the oldest and the newest Python that the nodes may have
and that is found here; each with libraries of its own below .cache/bench. With --write it puts its part into
docs/benchmarks.md. Exits with 1 where 5 MB take 2 s or more.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.raft import layout

from tests import material
from tests.material import large

from .page import DOCUMENT, ROOT, machine, put

SIZES = (5, 64, 130)
PYTHONS = ("3.9", "3.13")
LIBRARIES = ("PyNaCl", "cryptography")
CAPTURE = "trixie-plain"
LIMIT = (5, 2.0)
"""MB, seconds."""
REPEATS = 2
CACHE = ROOT / ".cache" / "bench"

# Runs on each Python, in a process of its own. argv: a folder with a state directory, and how often.
WORKER = """
import json, os, sys, time
from ansible_collections.quorum.swarm.plugins.module_utils.raft import crc32c, state
folder, repeats = sys.argv[1], int(sys.argv[2])
files = {}
for parent, _folders, names in os.walk(folder):
    for name in names:
        path = os.path.join(parent, name)
        with open(path, "rb") as stream:
            files[os.path.relpath(path, folder)] = stream.read()
def resident():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
steps = {}
def step(name, call):
    wall, used = time.perf_counter(), time.process_time()
    found = call()
    steps.setdefault(name, []).append((time.process_time() - used, time.perf_counter() - wall))
    return found
for _turn in range(repeats):
    read = step("read", lambda: state.read_state(files))
    step("prove", lambda: state.prove_keys(read))
    contents = step("list", lambda: state.open_contents(read))
    entries = len(read.log.entries)
    more = resident() - before
    step("checksum", lambda: [crc32c.update(0, entry.data) for entry in read.log.entries])
    del read, contents
print(json.dumps({"python": sys.version.split()[0], "entries": entries, "memory": more, "steps": steps}))
"""


def interpreters() -> list[Path]:
    """The Pythons to measure on, each with the libraries that open a state; else the one that runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = []
    for version in PYTHONS:
        here = [*sorted(pyenv.glob(f"versions/{version}.*/bin/python3")), shutil.which(f"python{version}")]
        if here[0] is not None:
            found.append(_with_libraries(version, Path(here[0])))
    return found or [Path(sys.executable)]


def _with_libraries(version: str, python: Path) -> Path:
    own = CACHE / f"python{version}"
    if not (own / "ready").exists():
        subprocess.run([str(python), "-m", "venv", "--clear", str(own)], check=True)
        command = [str(own / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *LIBRARIES]
        subprocess.run(command, check=True)
        (own / "ready").touch()
    return own / "bin" / "python"


def lay_down(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a state directory."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def measure(python: Path, folder: Path) -> dict[str, Any]:
    """One Python on one state directory."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".venv" / "collections"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([str(python), "-c", WORKER, str(folder), str(REPEATS)], env=environment,
                          stdout=subprocess.PIPE, text=True, check=True)  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def took(result: Mapping[str, Any], step: str, which: int = 0) -> float:
    """The least of a step, of the processor (0) or by the clock (1)."""
    return float(min(pair[which] for pair in result["steps"][step]))


def total(result: Mapping[str, Any], which: int = 0) -> float:
    """All that it takes to prove a state."""
    return sum(took(result, step, which) for step in ("read", "prove", "list"))


def table(rows: Sequence[tuple[int, int, Mapping[str, Any]]]) -> str:
    """Markdown, of (MB, segments, what was measured)."""
    lines = [
        "| log | segments | entries | Python | read | of it checksums | prove | list | all | by the clock | MB/s "
        "| memory |",
        "|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for size, segments, one in rows:
        cells = [took(one, step) for step in ("read", "checksum", "prove", "list")]
        lines.append(
            f"| {size} MB | {segments} | {one['entries']:,} | {one['python']} | "
            + " | ".join(f"{cell:.2f} s" for cell in (*cells, total(one), total(one, 1)))
            + f" | {size / total(one):.1f} | {one['memory'] / 1e6:.0f} MB |"
        )
    return "\n".join(lines)


def document(rows: Sequence[tuple[int, int, Mapping[str, Any]]]) -> str:
    """The part of docs/benchmarks.md."""
    return f"""## Reading a state

Written by `python -m tests.bench.reader --write`; do not edit, run it again.

How long it takes to read a manager's state without a daemon: `read` is all that stands in clear (frames, checksums,
entries, certificates), `prove` the keys, `list` every entry decrypted and the objects put together. A log is a real one
(Docker 26.1), its own entries written down again and again as etcd would, in segments of 64 MB; a swarm with the
engine's own snapshot interval of 10,000 entries has a log of about 10 MB. Seconds of the processor, the least of
{REPEATS}; memory is what comes on top of the files themselves.

{table(rows)}

Time and memory are linear in the size of the log. What limits it is Python: {_share(rows)} of the time goes into
CRC-32C, four bytes a step (`zlib` has another polynomial only, and a library would have to be on every manager), most
of the rest into walking through protobuf fields; the decryption itself is a small part. Larger CRC tables were tried:
two of 65,536 entries halve the time of one short record read again and again, and take longer over a whole log, because
they do not fit into the processor's first cache.

{machine()}
"""


def _share(rows: Sequence[tuple[int, int, Mapping[str, Any]]]) -> str:
    shares = [100 * took(one, "checksum") / total(one) for _size, _segments, one in rows]
    return f"{min(shares):.0f} to {max(shares):.0f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reader", description="See tests/bench/reader.py.")
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks.md")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help=f"MB (default {SIZES})")
    options = parser.parse_args(arguments)
    capture = next(one for one in material.captures() if one.name == CAPTURE)
    pythons = interpreters()
    rows = []
    for size in (int(text) for text in options.sizes.split(",")):
        files = large.grown(capture, size * 1_000_000)
        with tempfile.TemporaryDirectory(prefix="quorum-swarm-") as folder:
            lay_down(files, Path(folder))
            segments = sum(name.startswith(layout.LOG_FOLDER) for name in files)
            del files
            for python in pythons:
                rows.append((size, segments, measure(python, Path(folder))))
                print(table(rows[-1:]).splitlines()[-1], flush=True)
    print(f"\n{table(rows)}\n")
    if options.write:
        put(DOCUMENT, "reader", document(rows))
    late = [one for size, _segments, one in rows if size == LIMIT[0] and total(one) >= LIMIT[1]]
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
