# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What swarm_heal and swarm_await do: a service that is scripted, an engine that is scripted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.quorum.swarm.plugins.module_utils import healing, stopped
from ansible_collections.quorum.swarm.plugins.module_utils.engine import Engine, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.healing import Awaited
from ansible_collections.quorum.swarm.plugins.module_utils.leasing import Holder
from ansible_collections.quorum.swarm.plugins.module_utils.stopped import Refused

from tests.unit.modules.conftest import Host
from tests.unit.modules.scripted import Script
from tests.unit.modules.systemd import Systemd

KEYS = ["SWMKEY-1-" + "a" * 43, "SWMKEY-1-" + "b" * 43]


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is the test's own, and nothing is waited for."""
    monkeypatch.setattr(stopped, "RUNTIME", str(tmp_path / "run"))
    monkeypatch.setattr(stopped, "LOCK", str(tmp_path / "run" / "stop.lock"))
    monkeypatch.setattr(healing, "ANSWER", 0.2)
    monkeypatch.setattr(healing, "STAYS", 0.0)


def bring_back(script: Script, restart: bool = True, check: bool = False, swarm: str = "s1") -> dict[str, Any]:
    return healing.bring_back(Engine(script.host), restart, swarm, KEYS, 1.0, check)


def node(name: str, reachability: str = "", state: str = "ready") -> dict[str, Any]:
    """As the engine lists one."""
    raw: dict[str, Any] = {"ID": name, "Version": {"Index": 1}, "Status": {"State": state},
                           "Spec": {"Role": "manager" if reachability else "worker", "Availability": "active"},
                           "Description": {"Hostname": name}}  # fmt: skip
    return {**raw, "ManagerStatus": {"Reachability": reachability, "Addr": "192.0.2.1:2377"}} if reachability else raw


def started(systemd: Systemd) -> list[str]:
    return [call for call in systemd.calls if call.startswith(("restart", "start"))]


def test_what_stands_still_is_started(here: Host, script: Script, systemd: Systemd) -> None:
    systemd.docker = "inactive"
    here.is_at("active", NodeID="n1")
    assert bring_back(script, restart=False, check=True)["did"] == ["start"]
    assert started(systemd) == []
    done = bring_back(script, restart=False)
    assert (done["changed"], done["did"], done["state"]) == (True, ["start"], "active")
    assert any("reset-failed" in call for call in systemd.calls), "one that failed a few times is not started else"


def test_what_runs_is_restarted_only_where_that_is_allowed(here: Host, script: Script, systemd: Systemd) -> None:
    here.is_at("active", NodeID="n1")
    assert bring_back(script, restart=False) == {"changed": False, "did": [], "state": "active"}
    assert started(systemd) == []
    assert bring_back(script)["did"] == ["restart"]


def test_one_that_does_not_answer_is_no_exception(script: Script, systemd: Systemd) -> None:
    script.say("GET /info", (500, {"message": "no"}))
    with pytest.raises(EngineError):
        bring_back(script, restart=False)
    assert started(systemd) == []


def test_a_manager_that_works_is_never_restarted(here: Host, script: Script, systemd: Systemd) -> None:
    here.is_at("active", NodeID="n1", ControlAvailable=True)
    script.say("GET /nodes", (200, [node("n1", "reachable"), node("n2", "reachable")]))
    assert not bring_back(script)["changed"]
    assert started(systemd) == []
    script.say("GET /nodes", (200, [node("n1", "unreachable"), node("n2", "reachable")]))
    assert bring_back(script)["did"] == ["restart"]


def test_a_locked_manager_is_unlocked_with_the_key_that_fits(here: Host, script: Script, systemd: Systemd) -> None:
    here.is_at("locked")

    def unlock(request: Any) -> tuple[int, Any]:
        if request.body["UnlockKey"] != KEYS[1]:
            return 401, {"message": "swarm could not be unlocked: invalid key provided"}
        here.is_at("active", NodeID="n1", ControlAvailable=True)
        return 200, None

    script.say("POST /swarm/unlock", unlock)
    assert bring_back(script)["did"] == ["unlock"]
    assert started(systemd) == []
    here.is_at("locked")
    script.say("POST /swarm/unlock", (401, {"message": "invalid key"}))
    with pytest.raises(Refused, match="none of the 2 unlock keys that are kept fits"):
        bring_back(script)


def test_another_swarm_is_left_alone(here: Host, script: Script, systemd: Systemd) -> None:
    here.is_at("active", NodeID="n1")
    here.certificate("n1", "swarm-worker", swarm="s2")
    with pytest.raises(Refused, match=r"the state on this host is of swarm s2, not of s1\."):
        bring_back(script)
    assert started(systemd) == []


def test_nodes_are_awaited_as_what_they_are(script: Script) -> None:
    script.say("GET /nodes", (200, [node("n1", "reachable"), node("n2", "unreachable"), node("n3", state="down")]),
               (200, [node("n1", "reachable"), node("n2", "unreachable"), node("n3")]))  # fmt: skip
    engine = Engine(script.host)
    awaited = [Awaited("m1", "n1", True), Awaited("m2", "n2", True), Awaited("w3", "n3"), Awaited("w4", "n4")]
    done = healing.await_nodes(engine, Holder(engine, ""), awaited, 0.3)
    assert (done["back"], done["missing"]) == (["m1", "w3"], ["m2", "w4"])
