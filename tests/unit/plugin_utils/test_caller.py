# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a later run is told of this one's command line, by ansible-core's own reading of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from ansible import constants, context
from ansible.cli.playbook import PlaybookCLI
from ansible_collections.quorum.swarm.plugins.module_utils.core.schedule import STANDARD_PATH, Caller
from ansible_collections.quorum.swarm.plugins.plugin_utils import caller

PROGRAM = Path(sys.executable).parent / "ansible-playbook"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with an inventory, and a shell without Ansible's variables."""
    (tmp_path / "hosts.yml").touch()
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ANSIBLE_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(constants, "CONFIG_FILE", None)
    monkeypatch.setattr(sys, "argv", [str(PROGRAM)])
    monkeypatch.setenv("HOME", "/home/alice")
    return tmp_path


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> Caller:
    """What is made of `ansible-playbook WORDS quorum.swarm.schedule_backup`."""
    cli = PlaybookCLI(["ansible-playbook", *words, "quorum.swarm.schedule_backup"])
    cli.init_parser()
    options = cli.post_process_args(cli.parser.parse_args(cli.args[1:]))
    monkeypatch.setattr(context, "CLIARGS", vars(options))
    return caller.caller()


def test_paths_are_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = called(
        monkeypatch, "-i", "hosts.yml", "-i", "x1,x2,", "-e", "@night.yml", "--vault-password-file", "vault",
        "--vault-id", "night@vault2", "--vault-id", "vault3", "--become-password-file", "become", "-u", "ops",
        "--private-key", "~/id",
    )  # fmt: skip
    assert found.inventories == (f"{folder}/hosts.yml", "x1,x2,")
    assert found.folder == str(folder)
    assert found.missing == ()
    assert found.inline == ()
    assert found.asks == ()
    assert list(found.options) == [
        "--user", "ops", "--private-key", "/home/alice/id", "--become-password-file", f"{folder}/become",
        "--vault-password-file", f"{folder}/vault", "--vault-id", f"night@{folder}/vault2", "--vault-id",
        f"{folder}/vault3", "-e", f"@{folder}/night.yml",
    ]  # fmt: skip


def test_an_inventory_that_is_a_folder_is_where_it_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "prod").mkdir()
    assert called(monkeypatch, "-i", "prod").folder == f"{folder}/prod"
    assert called(monkeypatch, "-i", "x1,").folder == "/home"


def test_inventories_that_will_not_be_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = called(monkeypatch, "-i", "gone.yml", "-i", "/dev/stdin", "-i", "hosts.yml")
    assert found.missing == (f"{folder}/gone.yml", "/dev/stdin")


@pytest.mark.usefixtures("folder")
def test_variables_of_the_command_line_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["-e", "swarm_a=1 swarm_b='x y'", "-e", '{"swarm_c": [1]}', "-e", "no equals sign"]
    assert called(monkeypatch, *words).inline == ("swarm_a", "swarm_b", "swarm_c")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "asks"),
    [
        (["-k"], "--ask-pass"),
        (["-K"], "--ask-become-pass"),
        (["-J"], "--ask-vault-password"),
        (["--vault-id", "night@prompt"], "--vault-id prompt"),
        (["--vault-id", "prompt"], "--vault-id prompt"),
    ],
)
def test_what_would_be_typed(words: list[str], asks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = called(monkeypatch, *words)
    assert found.asks == (asks,)
    assert found.options == ()


def test_the_program_is_the_one_that_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert called(monkeypatch).program == (str(PROGRAM),)
    monkeypatch.setattr(sys, "argv", [str(PROGRAM.parent / "ansible")])
    assert called(monkeypatch).program == (str(PROGRAM),)
    monkeypatch.setattr(sys, "argv", ["/usr/lib/python3/dist-packages/ansible/__main__.py"])
    assert called(monkeypatch).program == (sys.executable, "-m", "ansible", "playbook")
    monkeypatch.setattr(sys, "argv", [str(folder / "other")])
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    assert called(monkeypatch).program == ()
    # A link stays one, as pipx makes them: what it leads to changes with an upgrade.
    (folder / "ansible-playbook").symlink_to(PROGRAM)
    monkeypatch.setattr(sys, "argv", ["ansible-playbook"])
    assert called(monkeypatch).program == (f"{folder}/ansible-playbook",)


def test_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert called(monkeypatch).environment == {
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true",
        "HOME": "/home/alice",
        "LANG": "C.UTF-8",
        "PATH": f"{PROGRAM.parent}:{STANDARD_PATH}",
    }
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", "~/one:two")
    monkeypatch.setenv("ANSIBLE_BECOME_PASS", "hunter2")
    monkeypatch.setattr(constants, "CONFIG_FILE", "ansible.cfg")
    found = called(monkeypatch).environment
    assert found["ANSIBLE_COLLECTIONS_PATH"] == f"/home/alice/one:{folder}/two"
    assert found["ANSIBLE_CONFIG"] == f"{folder}/ansible.cfg"
    assert "hunter2" not in str(found)
