# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`verify_backup` as an operator runs it: what it prints, what it fails with, and that no verbosity shows a key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils.core.keyring import Keyring
from ansible_collections.quorum.swarm.plugins.plugin_utils import backups, controller_dir

from tests.unit.archives import OTHER_KEY, capture, of_capture

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"), "ANSIBLE_NOCOLOR": "1"}
KEY = capture("trixie-locked").unlock_key or ""
SWARM = of_capture("trixie-locked").manifest.swarm_id
LOCKED, PLAIN = f"{SWARM}_m2_20261122T030000Z.tar.gz", f"{SWARM}_m3_20261121T030000Z.tar.gz"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A controller's folder with two archives and the keys of their swarm, the right one being a former one."""
    (tmp_path / "backups").mkdir()
    (tmp_path / "unlock-keys").mkdir()
    of_capture("trixie-locked").write(tmp_path / "backups", LOCKED)
    of_capture("trixie-plain").say(taken_at="2026-11-21T03:00:00Z").write(tmp_path / "backups", PLAIN)
    (tmp_path / "unlock-keys" / f"{SWARM}.json").write_text(Keyring(OTHER_KEY, (KEY,)).dump(SWARM))
    (tmp_path / "key").write_text(f"To unlock a swarm manager after it restarts, …\n\n    {KEY}\n")
    return tmp_path


def verify(home: Path, *more: str, verbosity: str = "-v") -> tuple[int, str]:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), verbosity, "quorum.swarm.verify_backup", *more],
        cwd=home, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("given", ["swarm_unlock_key_file=key", "swarm_controller_dir={home}"])
def test_no_verbosity_shows_a_key(home: Path, given: str) -> None:
    status, output = verify(
        home, "-e", f"swarm_backup_archive=backups/{LOCKED}", "-e", given.format(home=home), verbosity="-vvvvv"
    )
    assert status == 0, output
    assert "PROVEN: the state of the manager m2" in output
    for key in (KEY, OTHER_KEY):
        assert key.removeprefix("SWMKEY-1-")[:20] not in output


def test_without_a_key_it_is_intact(home: Path) -> None:
    status, output = verify(home, "-e", f"swarm_backup_archive=backups/{LOCKED}", "--check")
    assert status == 0, output
    assert "INTACT, NOT OPENED" in output
    assert "changed=0" in output


def test_all_of_the_folder(home: Path) -> None:
    status, output = verify(home, "-i", "localhost,", "-e", f"swarm_controller_dir={home}")
    assert status == 0, output
    rows = [line.split() for line in output.splitlines() if line.startswith("2026-")]
    assert [(row[0], row[-1]) for row in rows] == [("2026-11-22", "yes"), ("2026-11-21", "yes")]
    cut = home / "backups" / f"{SWARM}_m1_20261120T030000Z.tar.gz"
    cut.write_bytes((home / "backups" / PLAIN).read_bytes()[:9000])
    status, output = verify(home, "-e", f"swarm_controller_dir={home}")
    assert status == 2, output
    assert f"1 of 3 archives in {home}/backups cannot be restored from; the newest such: {cut}" in output
    assert [line.split()[-1] for line in output.splitlines() if line.startswith("2026-")] == ["yes", "yes", "NO"]
    assert '"archives"' not in output


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "Neither swarm_backup_dir nor swarm_controller_dir is set"),
        (["swarm_backup_archive=none"], "none cannot be read: No such file or directory."),
        (["swarm_backup_dir={home}/unlock-keys"], "unlock-keys holds no archive."),
        (["swarm_backup_archive=backups/" + LOCKED, "swarm_unlock_key_file=other"], "the unlock key does not open it"),
        (["swarm_backup_archive=backups/" + LOCKED, "swarm_unlock_key_file=/dev/null"], "holds no unlock key"),
    ],
)
def test_what_it_fails_with(home: Path, given: list[str], words: str) -> None:
    (home / "other").write_text(OTHER_KEY)
    status, output = verify(home, *(part for one in given for part in ("-e", one.format(home=home))))
    assert status == 2
    (line,) = [line for line in output.splitlines() if line.startswith("[ERROR]")]
    assert words in line


def test_keys_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(json.dumps({"current": KEY, "former": [OTHER_KEY, KEY]}))
    assert controller_dir.keys_in_file(str(path)) == [KEY, OTHER_KEY]
    with pytest.raises(AnsibleActionFail, match="cannot be read: No such file"):
        controller_dir.keys_in_file(str(tmp_path / "none"))


def test_the_newest_of_a_swarm(home: Path) -> None:
    found = backups.newest(str(home / "backups"), SWARM)
    assert found is not None
    assert found.file == LOCKED
    assert backups.newest(str(home / "backups"), "other") is None
    assert backups.newest(str(home / "none"), SWARM) is None
    with pytest.raises(AnsibleActionFail, match="cannot be read: Not a directory"):
        backups.newest(str(home / "key"), SWARM)
