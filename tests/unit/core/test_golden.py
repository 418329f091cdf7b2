# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden files: golden/NAME.txt holds a scene (see scene.py), a line of dashes, and what provision makes of it.

``REGENERATE_GOLDEN=1 pytest tests/unit/core/test_golden.py`` writes them anew: read the diff before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from .scene import Scene

GOLDEN = Path(__file__).parent / "golden"
RULER = "-" * 40 + "\n"
FILES = sorted(GOLDEN.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    case, ruler, expected = path.read_text(encoding="utf-8").partition(RULER)
    found = Scene(yaml.safe_load(case)).text()
    if os.environ.get("REGENERATE_GOLDEN"):
        path.write_text(case + RULER + found, encoding="utf-8")
        return
    assert ruler, "run it with REGENERATE_GOLDEN=1 once"
    assert found == expected


def test_a_golden_file_can_differ() -> None:
    case, _ruler, expected = FILES[0].read_text(encoding="utf-8").partition(RULER)
    scene = Scene(yaml.safe_load(case))
    scene.shared["swarm_id"] = "another"
    assert scene.text() != expected
