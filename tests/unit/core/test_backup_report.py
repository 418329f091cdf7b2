# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads of archives: golden/backups/NAME.json holds facts, NAME.txt what is printed of them.

``REGENERATE_GOLDEN=1 pytest tests/unit/core/test_backup_report.py`` writes the texts anew: read the diff.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils.core import backup_report, report
from hypothesis import given
from hypothesis import strategies as st

GOLDEN = Path(__file__).parent / "golden" / "backups"
FILES = sorted(GOLDEN.glob("*.json"))


def printed(facts: Any) -> list[str]:
    if isinstance(facts, list):
        return backup_report.several(facts, "/srv/swarm/backups")
    return backup_report.one(facts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    text = "\n".join(printed(json.loads(path.read_text()))) + "\n"
    expected = path.with_suffix(".txt")
    if os.environ.get("REGENERATE_GOLDEN"):
        expected.write_text(text)
    assert text == expected.read_text()
    # What is longer than a line is one word: a path.
    assert all(len(line) <= report.WIDTH or "/" in line for line in text.splitlines())
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_there_are_golden_files() -> None:
    assert {path.stem for path in FILES} >= {"proven", "not_opened", "folder", "odd"}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_400, "99.4 kB"),
        (99_600, "100 kB"),
        (999_499, "999 kB"),
        (999_600, "1.0 MB"),
        (64_000_000, "64.0 MB"),
        (4 << 40, "4398 GB"),
    ],
)
def test_size(number: int, text: str) -> None:
    assert backup_report.size(number) == text


def test_moment() -> None:
    assert backup_report.moment("2026-11-22T03:00:00Z") == "2026-11-22 03:00"
    assert backup_report.moment("no\ttime") == "no?time"


@given(st.text(max_size=20), st.text(max_size=20), st.integers())
def test_nothing_in_an_archive_reaches_the_terminal_as_control_characters(text: str, name: str, number: int) -> None:
    facts = json.loads((GOLDEN / "proven.json").read_text())
    facts |= {key: text for key, value in facts.items() if isinstance(value, str)}
    facts["age_seconds"] = number % 10**12
    facts["objects"] = {"secret": [{"id": "id", "name": name}]}
    facts["managers"] = {text: name}
    rows = [{**facts, "file": text, "problem": ""}, {**facts, "file": text, "problem": name}]
    for line in [*backup_report.one(facts), *backup_report.several(rows, text)]:
        assert line.isprintable()
