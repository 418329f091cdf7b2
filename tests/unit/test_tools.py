# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runners of `make test` and `make faults` count right: nothing that broke is counted as passed or left out."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults import __main__ as faults
from tests.tools import run_tests

REPORT = """<testsuites><testsuite>
<testcase classname="a" name="good"/>
<testcase classname="a" name="bad"><failure message="no">text</failure></testcase>
<testcase classname="a" name="broken"><error message="no">text</error></testcase>
<testcase classname="a" name="left"><skipped message="no engine here"/></testcase>
<testcase classname="sanity" name="pslint"><skipped>No tests applicable.</skipped></testcase>
</testsuite></testsuites>"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    monkeypatch.setattr(run_tests, "LOGS", tmp_path)
    monkeypatch.setattr(faults, "STATE", tmp_path / "state")
    monkeypatch.setattr(faults, "TABLES", tmp_path / "tables")


def test_junit_is_counted(tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text(REPORT)
    tally = run_tests.Tally()
    assert run_tests.count_junit(tally, "unit", [tmp_path / "r.xml"]) == 2
    assert str(tally) == "1 passed, 2 failed, 1 skipped"
    assert tally.skipped == ["unit: a::left: no engine here"]


@pytest.mark.parametrize(
    ("code", "count"), [("pass", "1 passed, 0 failed"), ("raise SystemExit(3)", "0 passed, 1 failed")]
)
def test_a_check_counts_by_its_exit_status(code: str, count: str) -> None:
    tally = run_tests.Tally()
    run_tests.count_check(tally, "check", [sys.executable, "-c", code])
    assert str(tally).startswith(count)


def test_a_tool_that_hangs_is_killed_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "TIME_LIMIT", 1)
    tally = run_tests.Tally()
    # The grandchild holds the pipe open: it must go too.
    run_tests.count_check(tally, "check", ["sh", "-c", "sleep 60 & sleep 60"])
    assert str(tally).startswith("0 passed, 1 failed")


def test_a_tool_that_breaks_without_a_report_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "BIN", Path("/nonexistent"))
    monkeypatch.setattr(run_tests, "STAGES", {"unit": run_tests.unit})
    monkeypatch.setattr(sys, "argv", ["run_tests.py", "unit"])
    monkeypatch.setenv("PATH", "")
    assert run_tests.main() == 1
    reason, last = (run_tests.LOGS / "summary-unit").read_text().splitlines()
    assert reason.startswith("failed   unit: FileNotFoundError")
    assert last == "0 passed, 1 failed, 0 skipped"


@pytest.mark.parametrize(
    ("scenarios", "others", "status", "total"),
    [
        ("3 passed, 0 failed, 1 skipped", "5 passed, 0 failed, 0 skipped", 0, "8 passed, 0 failed, 1 skipped"),
        ("3 passed, 1 failed, 0 skipped", "5 passed, 0 failed, 0 skipped", 1, "8 passed, 1 failed, 0 skipped"),
        ("3 passed, 0 failed, 0 skipped", "", 1, "3 passed, 1 failed, 0 skipped"),
    ],
)
def test_all_stages_are_counted_together(
    scenarios: str, others: str, status: int, total: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A half that broke before it counted is a failure."""
    half = tmp_path / "half.py"
    half.write_text(
        f"import pathlib, sys\nsaid = {scenarios!r} if sys.argv[1:] == ['scenarios'] else {others!r}\n"
        f"name = 'summary-' + '-'.join(sys.argv[1:])\n"
        f"if said: pathlib.Path({str(tmp_path)!r}, name).write_text(said)\n"
    )
    monkeypatch.setattr(run_tests, "LOGS", tmp_path)
    monkeypatch.setattr(run_tests, "PYTHON", sys.executable)
    monkeypatch.setattr(run_tests, "__file__", str(half))
    assert run_tests.both() == status
    assert (tmp_path / "summary").read_text() == f"{total}\n"
    assert capfd.readouterr().out.splitlines()[-1] == total


class Matrix:
    """A shard of three points, of which one fails while `broken`."""

    TITLE = "What happens."
    COLUMNS: Sequence[str] = ("outcome",)

    def __init__(self) -> None:
        self.broken = True
        self.ran: list[str] = []

    def points(self) -> Sequence[str]:
        return ["one", "two", "three"]

    @contextlib.contextmanager
    def session(self) -> Iterator[str]:
        yield "lab"

    def run(self, shared: str, point: str) -> Sequence[object]:
        self.ran.append(point)
        if point == "two" and self.broken:
            raise AssertionError("no | quorum")
        return [f"{shared} is whole"]


def test_a_matrix_goes_on_after_a_failure_and_resumes() -> None:
    matrix = Matrix()
    assert not faults.run_shard("x", matrix, again=False)
    page = (faults.TABLES / "x.md").read_text()
    assert "3 of 3 points ran, 1 failed." in page
    assert "| two | **failed**: AssertionError: no \\| quorum | " in page
    matrix.broken = False
    assert faults.run_shard("x", matrix, again=False)
    assert matrix.ran == ["one", "two", "three", "two"]
    assert "3 of 3 points ran, 0 failed." in (faults.TABLES / "x.md").read_text()
    assert faults.run_shard("x", matrix, again=True)
    assert len(matrix.ran) == 7


def test_a_matrix_broken_off_keeps_what_it_has() -> None:
    matrix = Matrix()

    def run(shared: str, point: str) -> Sequence[object]:
        if point == "two":
            raise KeyboardInterrupt
        return ["fine"]

    matrix.run = run  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        faults.run_shard("x", matrix, again=False)
    assert "1 of 3 points ran, 0 failed." in (faults.TABLES / "x.md").read_text()
    assert list(faults.load(faults.STATE / "x.json")) == ["one"]


@pytest.mark.parametrize(
    "start",
    [
        "import tests.bench.reader",
        "import tests.bench.backup",
        "import tests.bench.recover",
        "import tests.material.make",
        *(
            f"from tests.faults.__main__ import importable; importable(); import tests.faults.{path.stem}"
            for path in sorted(Path(faults.__file__).parent.glob("shard_*.py"))
        ),
    ],
)
def test_what_is_started_by_itself_finds_the_collection(start: str) -> None:
    """Pytest and Ansible bring their own way to it; `python -m tests.bench.reader` has none."""
    root = Path(faults.__file__).parents[2]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", start], cwd=root, env=environment, stderr=subprocess.PIPE, text=True,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
