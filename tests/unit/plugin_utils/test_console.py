# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard output belongs to a structured callback alone. Ansible reads its settings once: each case is a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = "from ansible_collections.quorum.swarm.plugins.plugin_utils import console; console.say('ZONE  HOST')"


@pytest.mark.parametrize(
    ("callback", "place"),
    [("default", "stdout"), ("minimal", "stdout"), ("json", "stderr"), ("ansible.posix.jsonl", "stderr"),
     ("ndjson", "stderr")],
)
def test_where_a_table_goes(callback: str, place: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": callback, "PYTHONPATH": str(ROOT / ".venv" / "collections"),
             "ANSIBLE_LOCAL_TEMP": str(tmp_path)})
    said = {"stdout": done.stdout, "stderr": done.stderr}
    assert "ZONE  HOST" in said.pop(place)
    assert "ZONE" not in next(iter(said.values()))


def test_every_action_plugin_prints_through_it() -> None:
    for path in (ROOT / "plugins" / "action").glob("*.py"):
        assert "ansible.utils.display" not in path.read_text(), path.name
