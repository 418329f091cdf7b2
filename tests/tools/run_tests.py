# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of the project and count them: `make test`, and with a stage's name `make lint`, `make unit` ...

    python tests/tools/run_tests.py [lint | sanity | unit | scenarios ...]

Each tool is a process of its own with its output in .test-logs/NAME.log; of a failed one the end is shown. A static
check counts as one test, pytest and ansible-test count by their JUnit reports, a scenario counts as one for its run
(reset, converge, idempotence) and one for each test of what it left. The last line is `N passed, N failed, N skipped`,
and the exit status says whether anything failed. A tool that breaks before it reports counts as failed. The last line
is also kept in .test-logs/summary. Without a stage's name all of them run, the scenarios beside the others, and on two
labs side by side.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv" / "bin"
LOGS = ROOT / ".test-logs"
PYTHON = str(BIN / "python")
STARTED = time.monotonic()

# No single tool may hang the whole run. Seconds. A scenario waits for engines, and beside other labs on a busy machine
# `engines` ran into 20 minutes.
TIME_LIMIT = 20 * 60
SCENARIO_LIMIT = 60 * 60
TAIL_LINES = 60
REASON_LINES, REASON_COLUMNS = 3, 400

LABS = ("molecule", "molecule2")
"""The labs of the scenarios. One that resets a swarm or waits for an election leaves the processors to the other."""
LONGEST = ("backup", "restore", "recover", "refusals", "scaling", "engines")
"""Scenarios that start first, so that the labs are done at about the same time."""


@dataclass
class Tally:
    """What was counted so far."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    """What failed, with the reason below it where one is known: the end of the output may be all that is kept."""
    skipped: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def say(text: str) -> None:
    print(f"[{time.monotonic() - STARTED:5.0f} s] {text}", flush=True)


def call(name: str, command: list[str], show: str = "", **environment: str) -> bool:
    """Run a tool with its output in a log; lines that match `show` appear at once. True where it exits with 0."""
    limit = SCENARIO_LIMIT if name.startswith("scenario-") else TIME_LIMIT
    say(f"{name}: started")
    began = time.monotonic()
    log = LOGS / f"{name}.log"
    interesting = re.compile(show) if show else None
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        # What a tool started goes with it; the timer ends a read that would wait for ever.
        timer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        assert process.stdout
        for line in process.stdout:
            out.write(line)
            out.flush()
            if interesting and interesting.search(line):
                say(f"{name}: {line.rstrip()}")
        status = process.wait()
        timer.cancel()
    spent = f"{time.monotonic() - began:.0f} s"
    if status == 0:
        say(f"{name}: ok after {spent}")
        return True
    reason = f"no end within {limit} s" if status == -signal.SIGKILL else f"exit status {status}"
    say(f"{name}: FAILED after {spent}, {reason}; the end of {log.relative_to(ROOT)}:")
    print("".join(f"    {line}\n" for line in log.read_text(errors="replace").splitlines()[-TAIL_LINES:]), flush=True)
    return False


def count_check(tally: Tally, name: str, command: list[str], **environment: str) -> None:
    """A tool that counts as one test."""
    if call(name, command, **environment):
        tally.passed += 1
    else:
        tally.failed.append(name)


def count_junit(tally: Tally, name: str, reports: list[Path]) -> int:
    """Count the test cases of JUnit reports; return how many failed."""
    failed = 0
    for report in reports:
        for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - our own tools wrote it
            title = f"{name}: {case.get('classname') or ''}::{case.get('name')}"
            skip = case.find("skipped")
            broken = [found for found in (case.find("failure"), case.find("error")) if found is not None]
            if broken:
                failed += 1
                tally.failed.append("".join([title, *(f"\n           {line}" for line in reason_of(broken[0]))]))
            elif skip is None:
                tally.passed += 1
            else:
                why = skip.get("message") or (skip.text or "").strip()
                # ansible-test reports so where the collection has no file of that kind: nothing was left out.
                if why != "No tests applicable.":
                    tally.skipped.append(f"{title}: {why}")
    return failed


def reason_of(failure: ET.Element) -> list[str]:
    """What a reader needs of a failure: how its message begins and ends, and what Ansible called fatal in it."""
    # pytest's own message leaves out all but its beginning; in the text its lines are marked.
    marked = [line[1:] for line in (failure.text or "").splitlines() if line.startswith("E ")]
    lines = [line for line in map(str.strip, marked or (failure.get("message") or "").splitlines()) if line]
    fatal = [line for line in lines[1:-1] if line.startswith(("fatal: ", "failed: ", "[ERROR]: "))]
    return [line[:REASON_COLUMNS] for line in [*lines[:1], *fatal[:REASON_LINES], *lines[1:][-1:]]]


def lint(tally: Tally) -> None:
    """Static checks of Python, YAML, shell and Ansible content."""
    scripts = [str(p.relative_to(ROOT)) for p in (*ROOT.glob("tests/**/*.sh"), ROOT / ".ci" / "run")]
    utils = "ansible_collections.quorum.swarm.plugins.module_utils"
    count_check(tally, "ruff", [str(BIN / "ruff"), "check", "."])
    count_check(tally, "mypy-pure", [str(BIN / "mypy"), "--strict", "-p", f"{utils}.core", "-p", f"{utils}.raft"])
    count_check(tally, "mypy", [str(BIN / "mypy"), "-p", "ansible_collections.quorum.swarm.plugins"])
    count_check(tally, "mypy-tests", [str(BIN / "mypy"), "tests"])
    count_check(tally, "yamllint", [str(BIN / "yamllint"), "--strict", "."])
    count_check(tally, "ansible-lint", [str(BIN / "ansible-lint"), "--offline", "--strict", "--nocolor"])
    if shutil.which("shellcheck"):
        count_check(tally, "shellcheck", ["shellcheck", *scripts])
    else:
        tally.skipped.append("shellcheck: it is not installed here (package shellcheck)")


def sanity(tally: Tally) -> None:
    """Every test of `ansible-test sanity` that applies, for every Python found."""
    reports = LOGS / "sanity"
    shutil.rmtree(reports, ignore_errors=True)
    ok = call("sanity", [PYTHON, "tests/tools/run_sanity.py", str(reports)], show=r"^(Running sanity|ERROR|FATAL)")
    failed = count_junit(tally, "sanity", sorted(reports.glob("*.xml")))
    if not ok and not failed:
        tally.failed.append("sanity: ansible-test broke")


def pytest(tally: Tally, name: str, *arguments: str) -> None:
    """One run of pytest."""
    report = LOGS / f"{name}.xml"
    report.unlink(missing_ok=True)
    command = [str(BIN / "pytest"), "-q", f"--junit-xml={report}", *arguments]
    ok = call(name, command, show=r"\[ *\d+%\]|^(FAILED|ERROR)|^=+ .* in ")
    failed = count_junit(tally, name, [report] if report.is_file() else [])
    if not ok and not failed:
        tally.failed.append(f"{name}: pytest broke")


def unit(tally: Tally) -> None:
    """Unit and property tests, one worker per core; a file stays with one worker, for what its tests share."""
    pytest(tally, "unit", "-n", "auto", "--dist", "loadfile")


def scenarios(tally: Tally) -> None:
    """Each folder of molecule/, on labs that are reset between them; `default` only brings a lab up."""
    names = {p.parent.name for p in ROOT.glob("molecule/*/molecule.yml")} - {"default"}
    waiting = [name for name in LONGEST if name in names] + sorted(names - set(LONGEST))
    if not call("lab", [PYTHON, "-m", "tests.lab", "prepare"], show="."):
        if os.geteuid() != 0:
            reason = (LOGS / "lab.log").read_text().strip().splitlines()[-1:]
            tally.skipped += [f"scenario {name}: no lab on this machine: {' '.join(reason)}" for name in waiting]
        else:
            tally.failed += [f"scenario {name}: the lab did not come up" for name in waiting]
        return
    with ThreadPoolExecutor(len(LABS)) as pool:
        for one in pool.map(lambda lab: on_lab(lab, waiting), LABS):
            tally.add(one)


def on_lab(lab: str, waiting: list[str]) -> Tally:
    """Run what waits, one scenario after the other, on one lab, and take it down."""
    tally = Tally()
    environment = {
        "MOLECULE_GLOB": "molecule/*/molecule.yml",
        "MOLECULE_EPHEMERAL_DIRECTORY": str(LOGS / lab),
        "QS_SCENARIO_LAB": lab,
        "PY_COLORS": "0",
        "ANSIBLE_FORCE_COLOR": "0",
    }
    while waiting:
        try:
            name = waiting.pop(0)
        except IndexError:  # the other lab was faster
            break
        scenario(tally, name, environment)
    destroy = [str(BIN / "molecule"), "destroy", "--scenario-name", "default"]
    count_check(tally, f"destroy-{lab}", destroy, **environment)
    return tally


def scenario(tally: Tally, name: str, environment: dict[str, str]) -> None:
    """One scenario, on the lab that the environment names."""
    report = LOGS / f"scenario-{name}.xml"
    report.unlink(missing_ok=True)
    command = [str(BIN / "molecule"), "test", "--scenario-name", name, "--destroy", "never"]
    reported = {"PYTEST_ADDOPTS": f"--junit-xml={report}"}
    ok = call(f"scenario-{name}", command, show=r"^(fatal:|FAILED|ERROR)", **environment, **reported)
    failed = count_junit(tally, f"scenario {name}", [report] if report.is_file() else [])
    if ok and not report.is_file():
        tally.failed.append(f"scenario {name}: it verified nothing")
    elif ok:
        tally.passed += 1
    elif not failed:
        tally.failed.append(f"scenario {name}")


STAGES: dict[str, Callable[[Tally], None]] = {"lint": lint, "sanity": sanity, "unit": unit, "scenarios": scenarios}


def main() -> int:
    """Run the stages that the command line names, all by default."""
    wanted = sys.argv[1:] or list(STAGES)
    unknown = [name for name in wanted if name not in STAGES]
    if unknown:
        print(f"No stage {', '.join(unknown)}; there are {', '.join(STAGES)}.", file=sys.stderr)
        return 2
    if not sys.argv[1:]:
        return both()
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    os.environ["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".venv" / "collections")
    LOGS.mkdir(exist_ok=True)
    total = Tally()
    for name in wanted:
        tally = Tally()
        began = time.monotonic()
        try:
            STAGES[name](tally)
        except Exception as error:  # one broken stage must not hide the others, nor the count
            tally.failed.append(f"{name}: {type(error).__name__}: {error}")
        say(f"== {name}: {tally} in {time.monotonic() - began:.0f} s")
        total.add(tally)
    told = [f"skipped  {title}\n" for title in total.skipped] + [f"failed   {title}\n" for title in total.failed]
    (LOGS / f"summary-{'-'.join(wanted)}").write_text("".join([*told, f"{total}\n"]))
    print("".join(told) + str(total), flush=True)
    return 1 if total.failed else 0


def both() -> int:
    """All stages: the scenarios, which wait for engines most of the time, and beside them, with what time is left of
    the processors, the others.
    """
    LOGS.mkdir(exist_ok=True)
    halves = (["scenarios"], [name for name in STAGES if name != "scenarios"])
    counts = [0, 0, 0]
    for names in halves:
        (LOGS / f"summary-{'-'.join(names)}").unlink(missing_ok=True)
    quiet = LOGS / "static.log"
    with quiet.open("w") as out:
        aside = subprocess.Popen(["nice", "-n", "10", PYTHON, __file__, *halves[1]], stdout=out,
                                 stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)  # fmt: skip
    try:
        subprocess.run([PYTHON, __file__, *halves[0]], stdin=subprocess.DEVNULL, check=False)
        aside.wait()
    finally:
        aside.terminate()
    print(quiet.read_text(), flush=True)
    for names in halves:
        summary = LOGS / f"summary-{'-'.join(names)}"
        text = summary.read_text() if summary.is_file() else "0 passed, 1 failed, 0 skipped"
        *told, last = text.splitlines()
        print("".join(f"{line}\n" for line in told), end="")
        counts = [before + int(found) for before, found in zip(counts, re.findall(r"\d+", last), strict=True)]
    line = f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped"
    (LOGS / "summary").write_text(f"{line}\n")
    print(line, flush=True)
    return 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(main())
