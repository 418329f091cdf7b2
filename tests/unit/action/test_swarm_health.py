# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action makes of registered results, as ansible-core 2.19 wrote them, of keyrings, and of its report file."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.action import swarm_health
from ansible_collections.quorum.swarm.plugins.module_utils.core import drill, health, keyring
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.keyring import Keyring
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import Judgement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, LocalState, Swarm, View
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller_dir

UNREACHABLE = (
    'Task failed: Data could not be sent to remote host "198.18.2.13". Make sure this host can be reached over ssh: '
    "ssh: connect to host 198.18.2.13 port 22: Connection timed out"
)
BROKEN_MASTER = (
    'Task failed: Data could not be sent to remote host "198.18.2.12". Make sure this host can be reached over ssh: '
    "mux_client_request_session: read from master failed: Broken pipe\r\nConnection timed out during banner exchange"
)


@pytest.mark.parametrize(
    ("registered", "why"),
    [
        (None, health.NOT_ASKED),
        ({}, health.NOT_ASKED),
        ({"skipped": True, "changed": False, "false_condition": "x"}, health.NOT_ASKED),
        (
            {"unreachable": True, "msg": UNREACHABLE},
            "ssh: connect to host 198.18.2.13 port 22: Connection timed out",
        ),
        ({"unreachable": True, "msg": BROKEN_MASTER}, "Connection timed out during banner exchange"),
        (
            {"failed": True, "msg": "Task failed: Timed out after 28 second(s).", "timedout": {"period": 28}},
            "no answer within 28 s",
        ),
        ({"failed": False, "msg": "Task failed: sudo: a password is required."}, "sudo: a password is required"),
        (
            {"failed": False, "rc": 127, "module_stderr": "/bin/sh: 1: python3: not found\n"},
            "/bin/sh: 1: python3: not found",
        ),
        ({"failed": False}, "the question failed"),
    ],
)
def test_a_host_that_did_not_answer(registered: dict[str, Any] | None, why: str) -> None:
    facts = swarm_health.answer("m3", registered)
    assert (facts.host, facts.answered, facts.why_not) == ("m3", False, why)


def test_a_host_that_answered() -> None:
    facts = swarm_health.answer("m1", {"changed": False, "facts": {"hostname": "m1", "problem": "locked"}})
    assert (facts.host, facts.answered, facts.problem) == ("m1", True, "locked")


LOCKING = Swarm("abc", spec={"EncryptionConfig": {"AutoLockManagers": True}})
KEPT = replace(LOCKING, unlock_key_digest=keyring.digest("SWMKEY-1-x"))
ROTATED = replace(LOCKING, unlock_key_digest=keyring.digest("SWMKEY-1-y"))


@pytest.mark.parametrize(
    ("swarm", "said", "swarm_id", "kept", "status"),
    [
        (Swarm("abc"), "healthy", "", None, "not_needed"),
        (LOCKING, "healthy", "", None, "missing"),
        (LOCKING, "healthy", "", "abc", "unchecked"),
        (KEPT, "healthy", "", "abc", "kept"),
        (ROTATED, "healthy", "", "abc", "wrong"),
        (KEPT, "healthy", "", "other", "missing"),
        (LOCKING, "healthy", "", "other", "missing"),
        (LOCKING, "healthy", "", "torn", "missing"),
        (None, "no_quorum", "", None, "unchecked"),
        (None, "locked", "", None, "missing"),
        (None, "locked", "", "other", "unchecked"),
        (None, "locked", "abc", "other", "missing"),
        (None, "locked", "abc", "abc", "unchecked"),
    ],
)
def test_whether_the_unlock_key_is_kept(
    tmp_path: Path, swarm: Swarm | None, said: str, swarm_id: str, kept: str | None, status: str
) -> None:
    (tmp_path / "unlock-keys").mkdir()
    if kept == "torn":
        (tmp_path / "unlock-keys" / "abc.json").write_text("{")
    elif kept:
        (tmp_path / "unlock-keys" / f"{kept}.json").write_text(Keyring("SWMKEY-1-x").dump(kept))
    wanted = Wanted((), swarm_id=swarm_id, controller_dir=str(tmp_path))
    judgement = Judgement(said, "", View(swarm, ()) if swarm else None)
    assert swarm_health._unlock_key(judgement, wanted) == status
    without = swarm_health._unlock_key(judgement, replace(wanted, controller_dir=""))
    assert without == ("missing" if status != "not_needed" and said != "no_quorum" else status)


def test_what_is_kept_of_this_swarm(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, 8, tzinfo=UTC)
    for file in ("abc_m1_20261120T030000Z.tar.gz", "abc_m2_20261122T030000Z.tar.gz", "x_m3_20261122T040000Z.tar.gz"):
        (tmp_path / file).touch()
    wanted = Wanted((), backup_dir=str(tmp_path))
    seen, blind = Judgement("healthy", "", View(Swarm("abc"), ())), Judgement("no_quorum", "")
    newest = health.Backup(str(tmp_path), "abc_m2_20261122T030000Z.tar.gz", "m2", timedelta(hours=5),
                           swarm_id="abc")
    disk = {"w1": HostFacts("w1", state=LocalState("/var/lib/docker", "abc", "node-w1", "worker"))}
    assert swarm_health._backup(blind, wanted, disk, now) == newest
    assert swarm_health._backup(seen, wanted, {}, now) == newest
    assert swarm_health._backup(blind, replace(wanted, swarm_id="abc"), {}, now) == newest
    assert swarm_health._backup(blind, wanted, {}, now) is None
    assert swarm_health._backup(seen, replace(wanted, backup_dir=""), {}, now) == health.Backup("")
    missing = str(tmp_path / "none")
    assert swarm_health._backup(seen, replace(wanted, backup_dir=missing), {}, now) == health.Backup(missing)
    (tmp_path / "file").touch()
    broken = swarm_health._backup(seen, replace(wanted, backup_dir=str(tmp_path / "file")), {}, now)
    assert broken is not None
    assert broken.problem.endswith("cannot be read: Not a directory.")


def test_when_the_last_good_drill_was(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, 8, tzinfo=UTC)
    (tmp_path / "abc_m2_20261122T030000Z.tar.gz").touch()
    wanted = Wanted((), backup_dir=str(tmp_path), controller_dir=str(tmp_path / "c"))
    seen = Judgement("healthy", "", View(Swarm("abc"), ()))

    def found() -> health.Backup:
        backup = swarm_health._backup(seen, wanted, {}, now)
        assert backup is not None
        return backup

    assert (found().recorded, found().drilled) == (True, None)
    record = drill.Drill("abc", "f", "w1", "2026-11-22T03:00:00Z", "2026-11-22T05:00:00Z", 8.4, {}, {}, "26.1.5")
    path = controller_dir.keep_drill(wanted.controller_dir, "abc", record)
    assert found().drilled == health.Drilled(timedelta(hours=3), "w1", 8.4)
    Path(path).write_text("{")
    words = f"The record of the last drill in {path} cannot be read: it is not the record of a drill."
    assert found().drill_problem == words
    nowhere = swarm_health._backup(seen, replace(wanted, controller_dir=""), {}, now)
    assert nowhere == health.Backup(str(tmp_path), "abc_m2_20261122T030000Z.tar.gz", "m2", timedelta(hours=5),
                                    swarm_id="abc")


def test_the_report_is_replaced_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    swarm_health._write(str(path), "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("path", "words"), [("report.json", "not absolute"), ("/nowhere/at/all/report.json", "No such file or directory")]
)
def test_a_report_that_cannot_be_written_is_one_sentence(path: str, words: str) -> None:
    with pytest.raises(AnsibleActionFail, match=words):
        swarm_health._write(path, "x")


def test_a_report_in_the_place_of_a_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(AnsibleActionFail, match="cannot be written"):
        swarm_health._write(str(tmp_path / "report.json"), "x")
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]
