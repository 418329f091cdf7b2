# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit files on disk, and what is said where there is no systemd. What systemd does: molecule/schedule."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils.core.schedule import Step
from ansible_collections.quorum.swarm.plugins.plugin_utils import systemd
from ansible_collections.quorum.swarm.plugins.plugin_utils.systemd import Systemd

ASK = "#!/bin/sh\ncase \"$*\" in *--version) exit 0;; *'show --property=Version') exit 1;; esac\n"


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """A systemd whose folders are ours, and whose programs are in `bin`: none at first."""
    monkeypatch.setattr(systemd, "BOOTED", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = Systemd()
    found.units, found.stamps = str(tmp_path / "units"), str(tmp_path / "stamps")
    (tmp_path / "bin").mkdir()
    return found


def program(folder: Path, name: str, text: str) -> None:
    (folder / "bin" / name).write_text(text)
    (folder / "bin" / name).chmod(0o755)


def test_no_systemd(one: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one.why_not() == "There is no systemctl here, so that nothing would start a backup."
    monkeypatch.setattr(systemd, "BOOTED", str(tmp_path / "none"))
    assert one.why_not() == systemd.NOT_BOOTED


def test_a_systemd_that_does_not_answer(one: Systemd, tmp_path: Path) -> None:
    for name in ("systemctl", "systemd-analyze"):
        program(tmp_path, name, ASK.replace("exit 1", "echo 'Failed to connect to bus.' >&2; exit 1"))
    one.system = True
    one = _with_path(one, tmp_path)
    assert one.why_not() == "systemd does not answer (Failed to connect to bus)."
    one.system, one.user = False, "alice"
    assert "sudo loginctl enable-linger alice" in one.why_not()


def test_files_are_written_whole_and_removed(one: Systemd, tmp_path: Path) -> None:
    path = tmp_path / "units" / "x.timer"
    one.do(Step("write", str(path), "[Timer]\n"))
    assert path.read_text() == "[Timer]\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]
    one.do(Step("remove", str(path)))
    one.do(Step("remove", str(path)))
    assert not path.exists()
    (tmp_path / "file").touch()
    with pytest.raises(AnsibleActionFail, match="could not be written: File exists"):
        one.do(Step("write", str(tmp_path / "file" / "x.timer"), ""))


def test_what_there_is_of_a_unit(one: Systemd, tmp_path: Path) -> None:
    units, stamps = tmp_path / "units", tmp_path / "stamps"
    (units / "timers.target.wants").mkdir(parents=True)
    stamps.mkdir()
    told = ("Id=x.timer", "LoadState=loaded", "NeedDaemonReload=yes", "ActiveState=active")
    program(tmp_path, "systemctl", "#!/bin/sh\n" + "".join(f"echo {line}\n" for line in told))
    one = _with_path(one, tmp_path)
    link = units / "timers.target.wants" / "x.timer"
    link.symlink_to(units / "x.timer")
    (stamps / "stamp-x.timer").touch()
    gone = one.unit("x.timer")
    assert (gone.text, gone.loaded, gone.stale, gone.active, gone.enabled) == (None, True, True, True, True)
    # A link whose unit is gone is nothing that systemctl could disable.
    assert gone.leftovers == (str(link), str(stamps / "stamp-x.timer"))
    (units / "x.timer").write_text("[Timer]\n")
    assert one.unit("x.timer").text == "[Timer]\n"
    assert one.unit("x.timer").leftovers == (str(stamps / "stamp-x.timer"),)
    (units / "x.timer").unlink()
    (units / "x.timer").symlink_to("/dev/null")
    assert one.unit("x.timer").text == "", "masked: it is not ours"


def _with_path(one: Systemd, folder: Path) -> Systemd:
    """The same, with a shell for the programs."""
    one._environment["PATH"] = f"{folder}/bin:/usr/bin:/bin"
    return one
