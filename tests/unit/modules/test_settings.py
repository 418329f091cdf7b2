# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What settings.py asks of an engine, and what it waits for. The engine is scripted: it keeps what it is given."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import settings
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.settings import NotDone, Wanted

from tests.unit.modules.scripted import TEXTS, Script, refusal

ANY = sorted(TEXTS)[-1]
OLD, NEW = "SWMKEY-1-old", "SWMKEY-1-new"


class Swarm:
    """A swarm object that is updated as a manager would, with a new key and a new root a little later."""

    def __init__(self, script: Script) -> None:
        self.raw: dict[str, Any] = {
            "ID": "s1",
            "Version": {"Index": 7},
            "Spec": {
                "Name": "default",
                "EncryptionConfig": {"AutoLockManagers": True},
                "Raft": {"KeepOldSnapshots": 0, "SnapshotInterval": 10000},
                "Orchestration": {"TaskHistoryRetentionLimit": 5},
                "CAConfig": {"NodeCertExpiry": 7776000000000000},
            },
            "TLSInfo": {"TrustRoot": "root"},
        }
        self.keys = [OLD]
        self.rotates_for = 0
        self.late = False
        script.say("GET /swarm", self.read)
        script.say("POST /swarm/update", self.update)
        script.say("GET /swarm/unlockkey", self.key)
        self.script = script

    def read(self, _request: object) -> tuple[int, Any]:
        if self.late:  # the manager that is asked is a moment behind the leader
            self.late, self.rotates_for = False, 3
            return 200, copy.deepcopy(self.raw)
        if self.rotates_for:
            self.rotates_for -= 1
            if not self.rotates_for:
                self.raw["TLSInfo"] = {"TrustRoot": "new root"}
        return 200, {**copy.deepcopy(self.raw), "RootRotationInProgress": self.rotates_for > 0}

    def update(self, request: Any) -> tuple[int, Any]:
        if "ForceRotate" in request.body["CAConfig"]:
            self.late = True
        self.raw = {**self.raw, "Spec": request.body, "Version": {"Index": self.raw["Version"]["Index"] + 1}}
        if request.query.get("rotateManagerUnlockKey"):
            self.keys = [OLD, OLD, NEW]
        return 200, None

    def key(self, _request: object) -> tuple[int, Any]:
        return 200, {"UnlockKey": self.keys.pop(0) if len(self.keys) > 1 else self.keys[0]}

    @property
    def updates(self) -> list[Any]:
        return self.script.said("POST /swarm/update")


@pytest.fixture
def swarm(script: Script) -> Swarm:
    return Swarm(script)


@pytest.fixture
def engine(script: Script) -> Engine:
    return Engine(script.host, timeout=5.0)


def test_what_differs_is_set_once(engine: Engine, swarm: Swarm) -> None:
    wanted = Wanted({"snapshot_interval": 4000, "keep_old_snapshots": 0})
    done = settings.apply(engine, wanted, check=False)
    assert done.changed
    assert (done.before["snapshot_interval"], done.after["snapshot_interval"]) == (10000, 4000)
    assert swarm.raw["Spec"]["EncryptionConfig"] == {"AutoLockManagers": True}, "what is not declared is left alone"
    assert not settings.apply(engine, wanted, check=False).changed
    assert len(swarm.updates) == 1


@pytest.mark.parametrize("rotation", ["worker_token", "manager_token", "unlock_key", "ca"])
def test_check_mode_only_says_what_would_change(engine: Engine, swarm: Swarm, rotation: str) -> None:
    done = settings.apply(engine, Wanted({"task_history_limit": 0}, **{rotation: True}), check=True)
    assert done.changed
    assert done.after["task_history_limit"] == 0
    assert not swarm.updates


def test_tokens_are_rotated_in_the_same_update(engine: Engine, swarm: Swarm) -> None:
    done = settings.apply(engine, Wanted({"task_history_limit": 3}, worker_token=True, manager_token=True), check=False)
    assert done.changed
    (update,) = swarm.updates
    assert update.query == {"version": "7", "rotateWorkerToken": "true", "rotateManagerToken": "true"}
    assert update.body["Orchestration"] == {"TaskHistoryRetentionLimit": 3}


def test_a_new_unlock_key_is_waited_for(engine: Engine, swarm: Swarm) -> None:
    settings.apply(engine, Wanted({}, unlock_key=True, seconds=5), check=False)
    assert swarm.keys == [NEW]


def test_an_unlock_key_that_stays_is_told(engine: Engine, swarm: Swarm) -> None:
    swarm.script.say("GET /swarm/unlockkey", (200, {"UnlockKey": OLD}))
    with pytest.raises(NotDone, match="still the old one"):
        settings.apply(engine, Wanted({}, unlock_key=True, seconds=0.2), check=False)


def test_without_autolock_there_is_no_key_to_rotate(engine: Engine, swarm: Swarm) -> None:
    swarm.raw["Spec"]["EncryptionConfig"] = {"AutoLockManagers": False}
    with pytest.raises(NotDone, match="not autolocked"):
        settings.apply(engine, Wanted({}, unlock_key=True), check=False)
    assert not swarm.updates
    settings.apply(engine, Wanted({"autolock": True}, unlock_key=True, seconds=5), check=False)
    assert len(swarm.updates) == 1, "turned on in the same run, there is"


def test_a_new_root_is_waited_for(engine: Engine, swarm: Swarm) -> None:
    settings.apply(engine, Wanted({}, ca=True, seconds=5), check=False)
    (update,) = swarm.updates
    assert update.body["CAConfig"] == {"NodeCertExpiry": 7776000000000000, "ForceRotate": 1}
    assert swarm.raw["TLSInfo"] == {"TrustRoot": "new root"}


def test_a_rotation_under_way_is_waited_for_not_begun_again(engine: Engine, swarm: Swarm) -> None:
    swarm.rotates_for = 4
    assert settings.apply(engine, Wanted({}, ca=True, seconds=5), check=False).changed
    assert not swarm.updates
    assert swarm.raw["TLSInfo"] == {"TrustRoot": "new root"}


def test_nodes_that_keep_a_rotation_from_ending_are_named(engine: Engine, swarm: Swarm) -> None:
    swarm.rotates_for = 99
    swarm.raw["TLSInfo"]["CertIssuerPublicKey"] = "new"
    described = [("m1", "new", "ready"), ("w1", "old", "ready"), ("w2", "old", "down"), ("w3", "new", "down")]
    nodes = [
        {
            "ID": f"id-{name}",
            "Description": {"Hostname": name, "TLSInfo": {"CertIssuerPublicKey": key}},
            "Status": {"State": state},
        }
        for name, key, state in described
    ]
    swarm.script.say("GET /nodes", (200, nodes))
    with pytest.raises(NotDone, match=r"missing: w1 \(ready\), w2 \(down\)\. The rotation goes on"):
        settings.apply(engine, Wanted({}, ca=True, seconds=0.2), check=False)


@pytest.mark.parametrize("why", ["not_manager", "no_leader", "locked_nodes"])
def test_the_engines_refusal_is_the_failure(engine: Engine, swarm: Swarm, why: str) -> None:
    swarm.script.say("GET /swarm", refusal(why, ANY))
    with pytest.raises(EngineError):
        settings.apply(engine, Wanted({"task_history_limit": 0}), check=False)
    assert not swarm.updates
