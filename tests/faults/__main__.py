# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the failure matrices: `make faults`, or `python -m tests.faults [--again] [SHARD ...]`.

A shard is a file tests/faults/shard_NAME.py with

    TITLE                    what the matrix shows, one sentence
    COLUMNS                  the headings of what run() returns
    points() -> list[str]    the names of its points, always the same
    session()                a context manager: what its points share, a lab say
    run(shared, point)       does one point and returns its cells; raises where the point failed

Each finished point is kept in .faults/NAME.json: a run that was broken off goes on where it was, a point that failed
is tried again, `--again` starts from nothing. After each run docs/faults/NAME.md holds the table, with dates and
commits.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, cast

from tests.collection import importable

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".faults"
TABLES = ROOT / "docs" / "faults"


class Shard(Protocol):
    """What a shard_NAME.py offers."""

    TITLE: str
    COLUMNS: Sequence[str]

    def points(self) -> Sequence[str]: ...

    def session(self) -> AbstractContextManager[Any]: ...

    def run(self, shared: Any, point: str) -> Sequence[object]: ...


def commit() -> str:
    """The commit that is checked out, with a mark where the working tree differs from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty=+"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "uncommitted"


def load(path: Path) -> dict[str, dict[str, Any]]:
    """The finished points of a shard: name → date, commit, seconds, cells, or the error."""
    return cast("dict[str, dict[str, Any]]", json.loads(path.read_text())) if path.is_file() else {}


def save(path: Path, rows: dict[str, dict[str, Any]]) -> None:
    """Whole or not at all, whenever the run is broken off."""
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(rows, indent=1))
    draft.replace(path)


def table(name: str, shard: Shard, rows: dict[str, dict[str, Any]]) -> str:
    """The Markdown page of a shard."""
    points = shard.points()
    done = [rows[point] for point in points if point in rows]
    failed = [row for row in done if "error" in row]
    dates = sorted({row["date"][:10] for row in done})
    lines = [
        f"# Faults: {name}",
        "",
        shard.TITLE,
        "",
        f"{len(done)} of {len(points)} points ran, {len(failed)} failed. "
        f"{' to '.join(dict.fromkeys((dates[0], dates[-1]))) if dates else 'Never run'}, "
        f"at commit {', '.join(sorted({row['commit'] for row in done})) or 'none'}. "
        f"Again: `make faults SHARDS={name}`.",
        "",
        f"| point | {' | '.join(shard.COLUMNS)} | seconds |",
        "|---" * (len(shard.COLUMNS) + 2) + "|",
    ]
    for point in points:
        row = rows.get(point)
        if row is None:
            cells = ["not run"] + [""] * len(shard.COLUMNS)
        elif "error" in row:
            cells = [f"**failed**: {row['error']}"] + [""] * (len(shard.COLUMNS) - 1) + [f"{row['seconds']:.1f}"]
        else:
            cells = [*row["cells"], f"{row['seconds']:.1f}"]
        lines.append(
            "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in [point, *cells]) + " |"
        )
    return "\n".join(lines) + "\n"


def run_shard(name: str, shard: Shard, again: bool) -> bool:
    """Run what is not finished. True where every point of the shard has passed."""
    path = STATE / f"{name}.json"
    rows = {} if again else {point: row for point, row in load(path).items() if "error" not in row}
    points = shard.points()
    todo = [point for point in points if point not in rows]
    print(f"== {name}: {len(points) - len(todo)} of {len(points)} points are finished", flush=True)
    try:
        if todo:
            with shard.session() as shared:
                for number, point in enumerate(todo, 1):
                    rows[point] = run_point(shard, shared, point)
                    save(path, rows)
                    verdict = rows[point].get("error", "ok")
                    print(
                        f"{name} {number}/{len(todo)} {point}: {verdict} ({rows[point]['seconds']:.1f} s)", flush=True
                    )
    finally:
        TABLES.mkdir(parents=True, exist_ok=True)
        (TABLES / f"{name}.md").write_text(table(name, shard, rows))
    failed = [point for point in points if "error" in rows[point]]
    print(f"== {name}: {len(points) - len(failed)} passed, {len(failed)} failed; docs/faults/{name}.md", flush=True)
    return not failed


def run_point(shard: Shard, shared: Any, point: str) -> dict[str, Any]:
    """One row of the table, whatever happens in it."""
    began = time.monotonic()
    row: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
    }
    try:
        row["cells"] = [str(cell) for cell in shard.run(shared, point)]
    except Exception as error:  # a failed point is a result; the matrix goes on
        traceback.print_exc()
        row["error"] = f"{type(error).__name__}: {error}"
    row["seconds"] = time.monotonic() - began
    return row


def main() -> int:
    """The command line."""
    known = sorted(p.stem.removeprefix("shard_") for p in Path(__file__).parent.glob("shard_*.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Run the failure matrices.")
    parser.add_argument("shards", nargs="*", metavar="SHARD", help=f"all by default: {', '.join(known) or 'none yet'}")
    parser.add_argument("--again", action="store_true", help="forget the finished points")
    options = parser.parse_args()
    if not known:
        parser.error("there is no tests/faults/shard_*.py yet")
    unknown = sorted(set(options.shards) - set(known))
    if unknown:
        parser.error(f"no shard {', '.join(unknown)}; there are {', '.join(known)}")
    importable()
    results = [
        run_shard(name, cast("Shard", importlib.import_module(f"tests.faults.shard_{name}")), options.again)
        for name in options.shards or known
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
