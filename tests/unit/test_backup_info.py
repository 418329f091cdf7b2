# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What swarm_backup_info says of archives of real engines' states: everything but keys and payloads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import archive, backup_info
from ansible_collections.quorum.swarm.plugins.module_utils.archive import BadArchive, KeyNeeded

from .archives import OTHER_KEY, capture, of_capture

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PLAIN, LOCKED, OLD = "trixie-plain", "trixie-locked", "bookworm-locked"


def test_everything_that_is_known(tmp_path: Path) -> None:
    path = of_capture(PLAIN).write(tmp_path)
    facts = backup_info.describe(path, now=NOW)
    assert facts["age_seconds"] == 5 * 3600
    assert facts["sha256"] == archive.checksum(Path(path).read_bytes())
    assert facts["size"] == len(Path(path).read_bytes())
    assert facts["state_size"] == sum(map(len, capture(PLAIN).files.values()))
    assert facts["file_count"] == len(capture(PLAIN).files)
    assert (facts["keys_proven"], facts["contents_proven"], facts["unopened"]) == (True, True, "")
    assert [one["name"] for one in facts["objects"]["secret"]] == ["password"]
    assert facts["tasks"] == 5
    assert {one["address"] for one in facts["members"]} == set(facts["managers"].values())
    assert facts["uncommitted"] == []
    assert facts["certificate"]["valid"] is True
    assert not backup_info.describe(path, now=datetime(2027, 3, 1, tzinfo=UTC))["certificate"]["valid"]
    assert "files" not in facts
    assert set(backup_info.describe(path, with_files=True)["files"]) == set(capture(PLAIN).files)


@pytest.mark.parametrize("name", [PLAIN, LOCKED])
def test_it_is_json_without_keys_and_payloads(name: str, tmp_path: Path) -> None:
    key = capture(name).unlock_key
    text = json.dumps(backup_info.describe(of_capture(name).write(tmp_path), [key] if key else [], with_files=True))
    for secret in ("hunter2", "SWMKEY", "SWMTKN", "PRIVATE KEY", "raft-dek"):
        assert secret not in text


def test_the_kept_keys_of_its_own_swarm_are_tried(tmp_path: Path) -> None:
    path, swarm, key = (
        of_capture(LOCKED).write(tmp_path),
        of_capture(LOCKED).manifest.swarm_id,
        capture(LOCKED).unlock_key,
    )
    assert key
    assert backup_info.describe(path, kept_keys={swarm: [OTHER_KEY, key]})["contents_proven"]
    # Keys of other swarms say nothing of it.
    unopened = backup_info.describe(path, kept_keys={"other": [OTHER_KEY, key]})
    assert unopened["unopened"] == "it is autolocked, and no unlock key was given"
    assert [one["name"] for one in unopened["objects"]["secret"]] == ["password"]
    assert (unopened["tasks"], unopened["members"], unopened["uncommitted"]) == (None, None, None)
    with pytest.raises(KeyNeeded):
        backup_info.describe(path, kept_keys={swarm: [OTHER_KEY]})
    with pytest.raises(KeyNeeded):
        backup_info.describe(path, [OTHER_KEY], {swarm: [key]})


def test_a_time_that_is_none(tmp_path: Path) -> None:
    assert backup_info.describe(of_capture(PLAIN).say(taken_at="noon").write(tmp_path))["age_seconds"] is None


def folder(tmp_path: Path) -> str:
    """Three archives, one of them cut, and what else lies about."""
    for name, host, time in ((PLAIN, "m1", "20261121T030000Z"), (LOCKED, "m2", "20261122T030000Z")):
        packing = of_capture(name)
        packing.write(tmp_path, f"{packing.manifest.swarm_id}_{host}_{time}.tar.gz")
    cut = tmp_path / "s1_m3_20261120T030000Z.tar.gz"
    cut.write_bytes(Path(of_capture(OLD).write(tmp_path, cut.name)).read_bytes()[:5000])
    (tmp_path / ".new-x").write_bytes(b"draft")
    (tmp_path / "notes.txt").write_text("mine")
    return str(tmp_path)


def test_all_of_a_folder_the_newest_first(tmp_path: Path) -> None:
    rows = backup_info.describe_all(folder(tmp_path), now=NOW)
    assert [(row["file"].split("_")[1], bool(row["problem"])) for row in rows] == [
        ("m2", False),
        ("m1", False),
        ("m3", True),
    ]
    assert (rows[2]["swarm_id"], rows[2]["host"], rows[2]["size"]) == ("s1", "m3", 5000)
    assert rows[2]["age_seconds"] == 53 * 3600
    failure = backup_info.failure(rows, str(tmp_path))
    assert failure.startswith(
        f"1 of 3 archives in {tmp_path} cannot be restored from; the newest such: {tmp_path}/s1_m3"
    )
    assert backup_info.failure(rows[:2], str(tmp_path)) == ""


def test_a_folder_without_archives(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="holds no archive"):
        backup_info.describe_all(str(tmp_path))
    with pytest.raises(BadArchive, match="cannot be read: No such file or directory"):
        backup_info.describe_all(str(tmp_path / "none"))
