# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What swarm_info says of a host, whatever its engine is up to. The engine is scripted, its refusals are real."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import host, observe
from ansible_collections.quorum.swarm.plugins.module_utils.core import keyring
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, LocalState
from ansible_collections.quorum.swarm.plugins.module_utils.engine import EngineError

from tests.unit.modules.conftest import Host
from tests.unit.modules.scripted import SILENCE, TEXTS, Script, refusal

VERSIONS = sorted(TEXTS)
ANY = VERSIONS[-1]
SWARM = {"ID": "s1", "Version": {"Index": 9}, "Spec": {"Name": "default"}, "JoinTokens": {"Worker": "SWMTKN-1-x"}}
NODES = [{"ID": "n1", "Version": {"Index": 3}, "Spec": {"Role": "manager"}, "ManagerStatus": {"Leader": True}}]
TASKS = [
    {"ID": "t1", "DesiredState": "running", "Status": {"State": "running"}},
    {"ID": "t2", "DesiredState": "shutdown", "Status": {"State": "failed"}},
]


@pytest.fixture(autouse=True)
def _this_machine_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "engine_stopped", lambda: "")
    monkeypatch.setattr(host, "engine_installed", lambda: True)


def see(docker_host: str, *gather: str, api_timeout: float = 5.0) -> HostFacts:
    """What is observed, read as the core reads it."""
    params = {"docker_host": docker_host, "api_timeout": api_timeout, "gather": gather}
    return HostFacts.of("h1", observe.observe(params))


def test_a_manager_tells_all_that_was_asked_for(script: Script, here: Host) -> None:
    here.is_at("active", ControlAvailable=True, NodeID="n1", NodeAddr="198.51.100.11")
    here.certificate("n1", "swarm-manager")
    script.say("GET /swarm", (200, SWARM))
    script.say("GET /nodes", (200, NODES))
    script.say("GET /services", (200, [{"ID": "v1", "Spec": {"Name": "web", "Mode": {"Global": {}}}}]))
    script.say("GET /networks", (200, [{"Name": "open", "Options": None},
                                       {"Name": "secure", "Options": {"encrypted": ""}}]))
    script.say("GET /tasks", (200, TASKS))
    facts = see(script.host, "nodes", "swarm", "services", "tasks")
    assert (facts.problem, facts.detail) == ("", "")
    assert facts.engine.answers
    assert facts.membership.node_addr == "198.51.100.11"
    assert facts.swarm is not None
    assert facts.swarm.id == "s1"
    assert facts.swarm.encrypted_networks == ("secure",)
    assert [node.id for node in facts.nodes] == ["n1"]
    assert [service.name for service in facts.services] == ["web"]
    assert [task.id for task in facts.tasks] == ["t1"], "without the history"
    assert facts.certificate_expires == "2027-02-20T07:20:00+00:00"
    assert "SWMTKN" not in repr(facts)


def test_an_autolocked_swarm_tells_a_digest_of_its_key_and_not_the_key(script: Script, here: Host) -> None:
    here.is_at("active", ControlAvailable=True)
    key = "SWMKEY-1-" + "u" * 43
    script.say("GET /swarm", (200, {**SWARM, "Spec": {"EncryptionConfig": {"AutoLockManagers": True}}}))
    script.say("GET /swarm/unlockkey", (200, {"UnlockKey": key}))
    told = observe.observe({"docker_host": script.host, "api_timeout": 5, "gather": ["swarm"]})
    assert told["swarm"]["unlock_key_digest"] == keyring.digest(key)
    assert "uuuu" not in repr(told)


def test_a_swarm_that_is_not_autolocked_is_not_asked_for_a_key(script: Script, here: Host) -> None:
    here.is_at("active", ControlAvailable=True)
    script.say("GET /swarm", (200, SWARM))
    assert see(script.host, "swarm").swarm is not None
    assert not script.said("GET /swarm/unlockkey")


def test_only_what_was_asked_for_is_asked(script: Script, here: Host) -> None:
    here.is_at("active", ControlAvailable=True)
    assert see(script.host).problem == ""
    assert [f"{r.method} {r.path}" for r in script.asked] == ["GET /version", "GET /info"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("inactive", "not_member"),
        ("worker", "not_manager"),
        ("locked", "locked"),
        ("half_joined", "error"),
        ("no_leader_info", "no_leader"),
        ("restarted_without_quorum", "no_leader"),
    ],
)
def test_who_cannot_speak_for_a_swarm_says_why(
    script: Script, here: Host, version: str, place: str, problem: str
) -> None:
    here.place = TEXTS[version][place]["swarm"]
    facts = see(script.host, "nodes", "swarm")
    assert facts.problem == problem
    assert facts.detail
    assert facts.engine.answers
    assert facts.membership.state == here.place["LocalNodeState"]
    assert facts.swarm is None
    assert [request.path for request in script.asked] == ["/version", "/info"], "there is no answer to wait for"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_majority_that_dies_between_two_calls(script: Script, here: Host, version: str) -> None:
    here.is_at("active", ControlAvailable=True)
    script.say("GET /swarm", (200, SWARM))
    script.say("GET /nodes", refusal("no_leader_first", version))
    facts = see(script.host, "nodes", "swarm")
    assert (facts.problem, facts.nodes) == ("no_leader", ())
    assert facts.engine.answers
    assert facts.engine.error == ""


def test_what_is_of_the_moment_only_is_asked_again(script: Script, here: Host) -> None:
    """A manager that makes the swarm: no leader yet, then a voter of two that is reached alone, then both."""
    second = {"ID": "n2", "Version": {"Index": 4}, "Spec": {"Role": "manager"}}
    reached = {"ManagerStatus": {"Reachability": "reachable"}}
    first = {**NODES[0], "ManagerStatus": {"Leader": True, "Reachability": "reachable"}}
    here.is_at("active", ControlAvailable=True, NodeID="n1", NodeAddr="198.51.100.11")
    script.say("GET /swarm", (200, SWARM))
    script.say("GET /nodes", refusal("no_leader", ANY), (200, [first, second]), (200, [first, {**second, **reached}]))
    params = {"docker_host": script.host, "api_timeout": 5.0, "gather": ("nodes", "swarm")}
    facts = HostFacts.of("h1", observe.observe_settled(params, 5))
    assert [node.reachable for node in facts.nodes] == [True, True]


def test_a_stopped_engine_is_not_woken(script: Script, here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "engine_stopped", lambda: "docker.service is inactive (dead).")
    facts = see(script.host)
    assert (facts.problem, facts.engine.error) == ("no_engine", "docker.service is inactive (dead).")
    assert (facts.engine.installed, facts.engine.answers) == (True, False)
    assert script.asked == []


def test_no_engine_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "engine_installed", lambda: False)
    facts = see(f"unix://{tmp_path}/none")
    assert facts.problem == "no_engine"
    assert not facts.engine.installed
    assert facts.detail == "no Docker engine is installed on this host."
    assert facts.hostname


def test_an_engine_without_its_program_is_asked_all_the_same(
    script: Script, here: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may run from elsewhere: what counts is the socket."""
    monkeypatch.setattr(host, "engine_installed", lambda: False)
    facts = see(script.host)
    assert (facts.problem, facts.engine.installed) == ("not_member", True)


@pytest.mark.parametrize("silent", ["GET /version", "GET /info", "GET /swarm", "GET /nodes"])
def test_an_engine_that_hangs_costs_what_the_limit_says(
    script: Script, here: Host, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "SECONDS", 1.0)
    here.is_at("active", ControlAvailable=True)
    script.say("GET /swarm", (200, SWARM))
    script.say("GET /nodes", (200, NODES))
    script.say(silent, SILENCE)
    began = time.monotonic()
    facts = see(script.host, "nodes", "swarm", api_timeout=60)
    assert facts.problem == "timeout"
    assert time.monotonic() - began < 5
    assert facts.engine.answers is (silent in ("GET /swarm", "GET /nodes"))


def test_the_limit_is_what_the_documentation_says() -> None:
    assert observe.SECONDS == 25.0


def test_a_damaged_certificate_is_no_certificate(script: Script, here: Host) -> None:
    here.certificate("n1", "swarm-worker")
    (here.root / "swarm" / "certificates" / "swarm-node.crt").write_text("rubbish")
    assert see(script.host).certificate_expires == ""


def test_another_hosts_engine_is_refused() -> None:
    params: dict[str, Any] = {"docker_host": "tcp://198.51.100.1:2375", "api_timeout": 5, "gather": []}
    with pytest.raises(EngineError, match="only the socket of the host's own engine"):
        observe.observe(params)


# What lies on the disk.


def on_disk(script: Script) -> LocalState:
    return see(script.host, "state").state


def test_the_state_on_the_disk_is_told_with_the_time_of_its_certificate(script: Script, here: Host) -> None:
    here.certificate("n1", "swarm-manager")
    here.raft_log()
    found = on_disk(script)
    assert (found.swarm_id, found.node_id, found.role, found.raft_log) == ("s1", "n1", "manager", True)
    assert (found.not_before, found.not_after) == ("2026-11-22T07:20:00+00:00", "2027-02-20T07:20:00+00:00")
    assert found.unread == ""


def test_where_nothing_lies_nothing_is_unread(script: Script, here: Host) -> None:
    found = on_disk(script)
    assert (found.swarm_id, found.unread, found.root_dir) == ("", "", str(here.root))


def test_a_damaged_certificate_is_not_an_absent_one(script: Script, here: Host) -> None:
    here.certificate("n1", "swarm-manager")
    (here.root / "swarm" / "certificates" / "swarm-node.crt").write_text("no certificate")
    found = on_disk(script)
    assert "certificates/swarm-node.crt" in found.unread
    assert found.swarm_id == ""


@pytest.mark.parametrize("spoil", ["swarm/certificates/swarm-node.crt", "swarm/raft/wal-v3-encrypted", "swarm"])
def test_what_cannot_be_read_is_not_absent(script: Script, here: Host, spoil: str) -> None:
    here.certificate("n1", "swarm-manager")
    here.raft_log()
    path = here.root / spoil
    path.rename(here.root / "away")
    path.symlink_to(path)  # ELOOP, which stops root, too
    found = on_disk(script)
    assert f"{here.root}/swarm" in found.unread
    assert "symbolic links" in found.unread
    assert (found.swarm_id, found.raft_log) == ("", False), "nothing of it counts"
