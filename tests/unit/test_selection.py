# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines that select a part of a playbook, or give it what cannot be read: nobody is contacted.

Runs the real ansible-playbook. Its ssh is a script that notes whom it was to reach, and reaches nobody: so "contacted"
is what Ansible did, and not what it printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MANAGERS = {f"m{number}": {"ansible_host": f"192.0.2.{number}", "swarm_zone": zone}
            for number, zone in enumerate("abc", 1)}  # fmt: skip
INVENTORY: dict[str, Any] = {
    "swarm_managers": {"hosts": MANAGERS},
    "swarm_workers": {"hosts": {"w1": {"ansible_host": "192.0.2.4"}}},
    "web": {"hosts": {"web1": {"ansible_host": "192.0.2.5"}}},
}
SITE = [
    {"name": "Swarm", "ansible.builtin.import_playbook": "quorum.swarm.provision", "tags": ["swarm"]},
    {"name": "Web", "hosts": "localhost", "gather_facts": False, "tags": ["web"],
     "tasks": [{"name": "Deploy", "ansible.builtin.debug": {"msg": "deployed"}}]},
]  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """One run that has ended."""

    status: int
    output: str
    contacted: set[str]
    """The addresses that ssh was to reach."""

    @property
    def said(self) -> str:
        return f"status {self.status}, contacted {sorted(self.contacted)}\n{self.output}"


Play = Callable[..., Ended]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a playbook on an inventory whose hosts nobody reaches."""
    ssh, log = tmp_path / "ssh", tmp_path / "contacted"
    ssh.write_text(f'#!/bin/sh\necho "$@" >> {log}\necho "ssh: no route" >&2\nexit 255\n')
    ssh.chmod(0o755)
    config = tmp_path / "ansible.cfg"
    config.write_text(f"[defaults]\ncollections_path = {os.environ.get('ANSIBLE_COLLECTIONS_PATH') or ''}\n")

    def run(playbook: Any, *arguments: str, inventory: Any = None, **variables: Any) -> Ended:
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(
            {**(inventory or INVENTORY), "all": {"vars": {"ansible_ssh_executable": str(ssh), "ansible_user": "x",
                                                          "swarm_controller_dir": str(tmp_path / "kept")}}}))
        if not isinstance(playbook, str):
            (tmp_path / "site.yml").write_text(yaml.safe_dump(playbook))
            playbook = "site.yml"
        more = [word for name, value in variables.items() for word in ("-e", json.dumps({name: value}))]
        done = subprocess.run(
            [str(BIN / "ansible-playbook"), "-i", "inventory.yml", playbook, *arguments, *more], cwd=tmp_path,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
                 "ANSIBLE_CONFIG": str(config)},
            capture_output=True, text=True, timeout=240, check=False)  # fmt: skip
        lines = log.read_text() if log.exists() else ""
        contacted = {word for word in lines.split() if word.startswith("192.0.2.")}
        return Ended(done.returncode, done.stdout + done.stderr, contacted)

    return run


# -- called directly ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tags", "x"], "--tags x selects nothing"),
        (["--tags", "tagged"], "--tags tagged selects nothing"),
        (["--skip-tags", "untagged"], "--skip-tags untagged selects nothing"),
        (["--skip-tags", "all"], "--skip-tags all selects nothing"),
        (["--start-at-task", "Place"], "--start-at-task Place would begin in the middle"),
        (["--limit", "m1"], "--limit m1 is given"),
        (["--limit", "m1", "-e", "swarm_allow_limit=true"], "it has to name localhost"),
        (["--limit", "m1,localhost"], "--limit m1,localhost is given"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_part_of_a_playbook_is_refused(play: Play, arguments: list[str], says: str) -> None:
    ended = play("quorum.swarm.provision", *arguments)
    assert ended.status != 0, ended.said
    assert says in ended.output, ended.said
    assert "Refused, and n" in ended.output, ended.said
    assert ended.contacted == set(), ended.said


# That the first play of every playbook is the guard is held by test_phases.py, without running it.
@pytest.mark.parametrize("playbook", ["recover", "backup", "health", "verify_backup"])
def test_other_playbooks_refuse_tags(play: Play, playbook: str) -> None:
    ended = play(f"quorum.swarm.{playbook}", "--tags", "x")
    assert ended.status != 0, ended.said
    assert "--tags x selects nothing of this playbook" in ended.output, ended.said
    assert ended.contacted == set(), ended.said


@pytest.mark.parametrize(
    "arguments",
    [["--skip-tags", "always"], ["--tags", "untagged"],
     ["--limit", "m1,m2,localhost", "-e", "swarm_allow_limit=true"]],
    ids=" ".join,
)  # fmt: skip
def test_what_selects_all_of_it_runs(play: Play, arguments: list[str]) -> None:
    ended = play("quorum.swarm.provision", *arguments)
    assert {"192.0.2.1", "192.0.2.2"} <= ended.contacted, ended.said


# -- imported ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--tags", "web"], ["--skip-tags", "swarm"], ["--limit", "web1,localhost"]],
                         ids=" ".join)  # fmt: skip
def test_an_import_that_is_not_meant_contacts_nobody(play: Play, arguments: list[str]) -> None:
    ended = play(SITE, *arguments)
    assert ended.status == 0, ended.said
    assert "deployed" in ended.output, ended.said
    assert ended.contacted == set(), ended.said


def test_an_import_beside_a_limit_without_localhost_contacts_nobody(play: Play) -> None:
    ended = play(SITE, "--limit", "web1")
    assert (ended.status, ended.contacted) == (0, set()), ended.said


@pytest.mark.parametrize("arguments", [[], ["--tags", "swarm"], ["--tags", "web,swarm"]], ids=" ".join)
def test_an_import_that_is_selected_runs(play: Play, arguments: list[str]) -> None:
    ended = play(SITE, *arguments)
    assert {"192.0.2.1", "192.0.2.2", "192.0.2.3"} <= ended.contacted, ended.said
    assert "192.0.2.5" not in ended.contacted, ended.said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--start-at-task", "Deploy"], "--start-at-task Deploy"), (["--limit", "m1,localhost"], "--limit m1,localhost")],
)
def test_an_import_that_would_be_run_in_part_is_refused(play: Play, arguments: list[str], says: str) -> None:
    ended = play(SITE, *arguments)
    assert ended.status != 0, ended.said
    assert says in ended.output, ended.said
    assert ended.contacted == set(), ended.said


# -- variables ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("playbook", ["provision", "recover", "expel", "schedule_backup", "verify_backup"])
def test_a_variable_that_cannot_be_read_is_refused(play: Play, playbook: str) -> None:
    ended = play(f"quorum.swarm.{playbook}", swarm_recover_timeout="2 minutes", swarm_zome="a")
    assert ended.status != 0, ended.said
    assert "swarm_recover_timeout is '2 minutes'; it takes a number of seconds" in ended.output, ended.said
    assert "swarm_zome: no such variable, and swarm_zone is one" in ended.output, ended.said
    assert ended.contacted == set(), ended.said


def test_a_variable_that_cannot_be_templated_is_no_state_of_a_host(play: Play) -> None:
    hosts = {**MANAGERS, "m2": {**MANAGERS["m2"], "swarm_advertise_addr": "{{ ansible_eth0.ipv4.address }}"}}
    ended = play("quorum.swarm.recover", inventory={**INVENTORY, "swarm_managers": {"hosts": hosts}})
    assert ended.status != 0, ended.said
    assert "m2: swarm_advertise_addr cannot be read on the controller" in ended.output, ended.said
    assert ended.contacted == set(), ended.said


def test_a_variable_of_the_operators_own_passes(play: Play) -> None:
    """Also one that only the operator's own plays could template."""
    ended = play("quorum.swarm.health", swarm_zones=["a", "b"], swarm_own_variables=["swarm_zones"],
                 swarm_registry="{{ ansible_facts.fqdn }}")  # fmt: skip
    assert ended.contacted, ended.said


@pytest.mark.parametrize("name", ["m4,m1", "m*", "web"])
def test_a_name_that_ansible_takes_apart_is_refused(play: Play, name: str) -> None:
    hosts = {**MANAGERS, name: {"ansible_host": "192.0.2.9", "swarm_zone": "a"}}
    ended = play("quorum.swarm.health", inventory={**INVENTORY, "swarm_workers": {"hosts": hosts}})
    assert ended.status != 0, ended.said
    assert ended.contacted == set(), ended.said


# -- compromised hosts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("playbook", "name"),
    [("provision", "fd00::9"), ("recover", "fd00::9"), ("recover", "old"), ("expel", "old"), ("health", "old")],
)
def test_a_compromised_host_is_contacted_by_nobody(play: Play, playbook: str, name: str) -> None:
    absent = {name: {"ansible_host": "192.0.2.9", "swarm_compromised": "yes"}, "gone": {"ansible_host": "192.0.2.8"}}
    ended = play(f"quorum.swarm.{playbook}", inventory={**INVENTORY, "swarm_absent": {"hosts": absent}},
                 swarm_drill_archive="site.yml", swarm_node="w1")  # fmt: skip
    assert "192.0.2.9" not in ended.contacted, ended.said


def test_no_drill_on_a_compromised_host(play: Play, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("")
    absent = {"old": {"ansible_host": "192.0.2.9", "swarm_compromised": True}}
    ended = play("quorum.swarm.drill", inventory={**INVENTORY, "swarm_absent": {"hosts": absent}},
                 swarm_drill_archive=str(tmp_path / "archive"), swarm_drill_host="old")  # fmt: skip
    assert ended.status != 0, ended.said
    assert "which is compromised (swarm_compromised): no playbook contacts it" in ended.output, ended.said
    assert ended.contacted == set(), ended.said


# -- what only a fault of the collection gives -------------------------------------------------------------------------


def hosts_of(playbook: str, phase: str) -> str:
    return f"{{{{ hostvars | default({{}}) | quorum.swarm.phase('{playbook}', '{phase}') }}}}"


def guarded(playbook: str, register: str) -> dict[str, Any]:
    task = {"quorum.swarm.swarm_guard": {"playbook": playbook, "scope": "look"}, "register": register}
    return {"hosts": hosts_of(playbook, "guard"), "gather_facts": False, "tasks": [task]}


@pytest.mark.parametrize(
    ("phase", "says"),
    [("fences", "fences is no phase of the playbook recover"),
     ("bring_back", "The stage judge of recover left no result (__swarm_recover_judged)")],
)  # fmt: skip
def test_a_misspelt_name_ends_the_playbook(play: Play, phase: str, says: str) -> None:
    act = {"hosts": hosts_of("recover", phase), "gather_facts": False, "tasks": [{"ansible.builtin.ping": {}}]}
    ended = play([guarded("recover", "__swarm_guard_recover"), act])
    assert ended.status != 0, ended.said
    assert says in ended.output, ended.said
    assert ended.contacted == set(), ended.said
