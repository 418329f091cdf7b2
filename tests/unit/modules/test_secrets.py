# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No token and no key in anything that Ansible prints, at its highest verbosity. Runs ansible-playbook on this host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.modules.conftest import Host
from tests.unit.modules.scripted import Script

ROOT = Path(__file__).resolve().parents[3]
GIVEN_TOKEN = "SWMTKN-1-" + "g" * 50 + "-" + "g" * 25
WORKER_TOKEN = "SWMTKN-1-" + "w" * 50 + "-" + "w" * 25
MANAGER_TOKEN = "SWMTKN-1-" + "m" * 50 + "-" + "m" * 25
GIVEN_KEY = "SWMKEY-1-" + "k" * 43
KEY = "SWMKEY-1-" + "u" * 43
SECRETS = [GIVEN_TOKEN, WORKER_TOKEN, MANAGER_TOKEN, GIVEN_KEY, KEY]


def play(folder: Path, tasks: list[dict[str, Any]]) -> str:
    """Run these tasks one after the other, whatever becomes of each; what was printed."""
    book = folder / "play.yml"
    tasks = [{"register": f"r{number}", "ignore_errors": True, **task} for number, task in enumerate(tasks)]
    book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-vvvv", "--diff", str(book)]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_DISPLAY_TRACEBACK": "always",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def everything_refused(text: str) -> dict[str, Any]:
    """What an engine might say that repeats every secret that it was given, and some more."""
    return {"message": f"{text}: {' '.join(SECRETS)} {{\\\"UnlockKey\\\":\\\"{KEY}\\\"}}"}


@pytest.fixture
def swarm(script: Script, here: Host) -> Script:
    """A manager with secrets, that refuses to do anything."""
    spec = {"Name": "default", "EncryptionConfig": {"AutoLockManagers": True}, "Orchestration": {}}
    tokens = {"Worker": WORKER_TOKEN, "Manager": MANAGER_TOKEN}
    raw = {"ID": "s1", "Version": {"Index": 1}, "Spec": spec, "JoinTokens": tokens}
    here.is_at("active", ControlAvailable=True, NodeID="n1")
    script.say("GET /swarm", (200, raw))
    script.say("GET /swarm/unlockkey", (200, {"UnlockKey": KEY}))
    script.say("GET /nodes", (200, []))
    for act in ("init", "join", "leave", "update", "unlock"):
        script.say(f"POST /swarm/{act}", (500, everything_refused(act)))
    return script


def test_nothing_secret_is_printed(swarm: Script, tmp_path: Path) -> None:
    at = {"docker_host": swarm.host}
    member = {**at, "state": "initialized", "advertise_addr": "198.51.100.11"}
    printed = play(
        tmp_path,
        [
            {"quorum.swarm.swarm_info": at},
            {"quorum.swarm.swarm_member": {**member, "return_worker_token": True}},
            {"quorum.swarm.swarm_member": {**member, "return_worker_token": True}, "no_log": True},
            {"quorum.swarm.swarm_settings": {**at, "return_unlock_key": True}},
            {"quorum.swarm.swarm_settings": {**at, "return_unlock_key": True}, "no_log": True},
            {"quorum.swarm.swarm_settings": {**at, "task_history_limit": 3}},
            {
                # What was returned under no_log is there for later tasks: that is what it is for.
                "ansible.builtin.assert": {
                    "that": [
                        "r1 is failed and 'set no_log' in r1.msg",
                        "r2.worker_token.startswith('SWMTKN-1-w')",
                        "r3 is failed and 'set no_log' in r3.msg",
                        "r4.unlock_key.startswith('SWMKEY-1-u')",
                        "r5 is failed and 'update: SWMTKN-(hidden)' in r5.msg",
                    ]
                },
                "ignore_errors": False,
            },
        ],
    )
    assert [secret for secret in SECRETS if secret[9:30] in printed] == []


def test_what_is_given_is_not_printed(swarm: Script, here: Host, tmp_path: Path) -> None:
    here.is_at("inactive")
    with socket.create_server(("127.0.0.1", 0)) as manager:
        join = {
            "docker_host": swarm.host,
            "state": "joined",
            "join_token": GIVEN_TOKEN,
            "remote_addrs": [f"127.0.0.1:{manager.getsockname()[1]}"],
            "known_nodes": [],
            "timeout": 1,
        }
        joined = play(
            tmp_path,
            [
                {"quorum.swarm.swarm_member": join},
                {"ansible.builtin.assert": {"that": "'join: SWMTKN-(hidden)' in r0.msg"}, "ignore_errors": False},
            ],
        )
    here.is_at("locked")
    unlock = {"docker_host": swarm.host, "unlock_key": GIVEN_KEY, "timeout": 1}
    unlocked = play(
        tmp_path,
        [
            {"quorum.swarm.swarm_unlock": unlock},
            {"ansible.builtin.assert": {"that": "'unlock: SWMTKN-(hidden)' in r0.msg"}, "ignore_errors": False},
        ],
    )
    assert swarm.said("POST /swarm/join")[0].body["JoinToken"] == GIVEN_TOKEN
    assert swarm.said("POST /swarm/unlock")[0].body["UnlockKey"] == GIVEN_KEY
    assert [secret for secret in SECRETS if secret[9:30] in joined + unlocked] == []
