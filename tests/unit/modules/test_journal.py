# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers of its last reinit."""

from __future__ import annotations

import datetime
import json
import stat
from pathlib import Path

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import journal
from ansible_collections.quorum.swarm.plugins.module_utils.journal import STEPS, Entry, Journal, Unreadable

FULL = Entry("restore", "s1", "n1", "ab" * 32, journal.PLACED, "/var/lib/quorum.swarm/aside/x/swarm", False, True,
             True, "2026-11-25T03:15:00+00:00", "2026-11-25T03:16:00+00:00")  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    kept = Journal(str(tmp_path / "own" / "reinit.json"))
    assert kept.read() is None
    for entry in (FULL, Entry("drill", "s2", "n2")):
        assert kept.write(entry) == entry
        assert kept.read() == entry
    assert stat.S_IMODE(Path(kept.path).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(kept.path).parent.stat().st_mode) == 0o700
    assert [path.name for path in Path(kept.path).parent.iterdir()] == ["reinit.json"]


def test_a_later_version_may_know_more(tmp_path: Path) -> None:
    path = tmp_path / "reinit.json"
    path.write_text(json.dumps({"what": "restore", "swarm_id": "s1", "node_id": "n1", "colour": "blue"}))
    assert Journal(str(path)).read() == Entry("restore", "s1", "n1")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"7",
        b"null",
        b'"x"',
        b"{}",
        b'{"what": "restore", "swarm_id": "s1"}',
        b'{"what": "restore", "swarm_id": "s1", "node_id": "n1", "step": "jumped"}',
        b'{"what": "restore", "swarm_id": "s1", "node_id": "n1", "step": ["placed"]}',
        b'{"what": "restore", "swarm_id": "s1", "node_id": "n1", "aside": 7}',
        b'{"what": "restore", "swarm_id": "s1", "node_id": "n1", "opened": "yes"}',
        b"\xff\xfe",
    ],
)
def test_what_cannot_be_read_is_told_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reinit.json"
    path.write_bytes(content)
    words = rf"^The journal {path} cannot be read \(.+\)\. Look at it, and move it away\.$"
    with pytest.raises(Unreadable, match=words):
        Journal(str(path)).read()
    assert path.read_bytes() == content


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "reinit.json").mkdir()
    with pytest.raises(Unreadable):
        Journal(str(tmp_path / "reinit.json")).read()


def test_what_is_behind() -> None:
    for at, step in enumerate(STEPS):
        entry = Entry("restore", "s1", "n1", step=step)
        assert [entry.reached(other) for other in STEPS] == [other <= at for other in range(len(STEPS))]
    assert STEPS == ("begun", "aside", "placed", "forcing", "forced", "restarted", "finished")


def test_each_time_has_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.datetime(2026, 11, 25, 3, 15, tzinfo=datetime.UTC)
    assert journal.place_aside("restore", moment) == "/var/lib/quorum.swarm/aside/20261125T031500Z-restore/swarm"
    monkeypatch.setattr(journal, "ASIDE", str(tmp_path))
    made = []
    for _time in range(3):
        made.append(journal.place_aside("restore", moment))
        Path(made[-1]).parent.mkdir()
    names = ["20261125T031500Z-restore", "20261125T031500Z-restore-2", "20261125T031500Z-restore-3"]
    assert made == [str(tmp_path / name / "swarm") for name in names], "two states in one folder"
