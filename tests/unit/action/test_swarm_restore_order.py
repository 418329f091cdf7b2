# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a restore on the controller: the archive and its key are proven first, and every stage is handed on."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.action import swarm_restore_order
from ansible_collections.quorum.swarm.plugins.module_utils.core.keyring import Keyring

from tests.unit.archives import OTHER_KEY, capture, of_capture

KEY = capture("trixie-locked").unlock_key or ""
MANIFEST = of_capture("trixie-locked").manifest
ADDRESS = MANIFEST.raft_addr.rpartition(":")[0]
NODES = dict(MANIFEST.objects["node"])
OTHERS = {node_id: name for node_id, name in NODES.items() if node_id != MANIFEST.node_id}
HOST = NODES[MANIFEST.node_id]


class Controller:
    """The action, with the variables that the playbook would have."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ActionBase, "run", lambda *_args: {})
        self.home = home
        self.said: list[str] = []
        monkeypatch.setattr(swarm_restore_order, "_say", self.said.append)
        shared = {"swarm_controller_dir": str(home)}
        addresses = {NODES[node_id]: addr.rpartition(":")[0] for node_id, addr in MANIFEST.managers.items()}
        managers = sorted(addresses)
        self.hostvars: dict[str, dict[str, Any]] = {
            name: {**shared, "ansible_host": addresses[name], "swarm_zone": f"zone-{name}"} for name in managers
        }
        self.hostvars["localhost"] = {}
        self.groups = {"swarm_managers": managers}
        for name in managers:
            self.see(name)

    def see(self, name: str, **facts: Any) -> None:
        """What a host says."""
        addresses = [{"address": self.hostvars[name]["ansible_host"]}]
        engine = {"installed": True, "answers": True, "version": "26.1.5"}
        told = {"hostname": name, "addresses": addresses, "membership": {"state": "inactive"}, "engine": engine,
                "state": {"free": 1 << 40}, **facts}
        self.hostvars[name]["__swarm_restore_seen"] = {"facts": told}

    def __call__(self, stage: str, check: bool = False, **args: Any) -> dict[str, Any]:
        action = swarm_restore_order.ActionModule.__new__(swarm_restore_order.ActionModule)
        action._task = SimpleNamespace(args={"stage": stage, **args}, check_mode=check)
        result: dict[str, Any] = action.run(None, {"groups": self.groups, "hostvars": self.hostvars})
        name = {"preflight": "source", "order": "order", "members": "members", "followed": "rest",
                "provisioned": "times"}.get(stage, "report")
        self.hostvars["localhost"][f"__swarm_restore_{name}"] = result
        return result


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Controller:
    (tmp_path / "unlock-keys").mkdir()
    (tmp_path / "backups").mkdir()
    of_capture("trixie-locked").write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return Controller(tmp_path, monkeypatch)


def keep(home: Path, *keys: str) -> None:
    (home / "unlock-keys" / f"{MANIFEST.swarm_id}.json").write_text(Keyring(keys[0], keys[1:]).dump(MANIFEST.swarm_id))


def test_no_archive(controller: Controller) -> None:
    with pytest.raises(AnsibleActionFail, match="swarm_restore_archive=FILE"):
        controller("preflight", archive="")
    with pytest.raises(AnsibleActionFail, match=r"Refused, and nothing was changed\. .*cannot be read"):
        controller("preflight", archive="nowhere.tar.gz")


def test_a_damaged_archive(controller: Controller) -> None:
    whole = (controller.home / "archive.tar.gz").read_bytes()
    (controller.home / "archive.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AnsibleActionFail, match="damaged"):
        controller("preflight", archive="archive.tar.gz")


def test_no_key_and_a_wrong_one(controller: Controller) -> None:
    with pytest.raises(AnsibleActionFail, match=r"no unlock key of swarm .* -e swarm_unlock_key_file=FILE"):
        controller("preflight", archive="archive.tar.gz")
    keep(controller.home, OTHER_KEY)
    with pytest.raises(AnsibleActionFail, match=r"does not open it .* -e swarm_unlock_key_file=FILE") as caught:
        controller("preflight", archive="archive.tar.gz")
    assert OTHER_KEY not in str(caught.value)


def test_a_former_key_or_one_from_a_file_opens_it_and_is_not_told(controller: Controller) -> None:
    keep(controller.home, OTHER_KEY, KEY)
    told = controller("preflight", archive="archive.tar.gz")
    assert (told["manifest"]["swarm_id"], told["manifest"]["files"]) == (MANIFEST.swarm_id, {})
    keep(controller.home, OTHER_KEY)
    (controller.home / "key").write_text(f"the key: {KEY}\n")
    told = controller("preflight", archive="archive.tar.gz", unlock_key_file="key")
    assert KEY not in json.dumps(told)
    assert KEY.removeprefix("SWMKEY-1-") not in json.dumps(told)


def test_a_whole_run(controller: Controller) -> None:
    keep(controller.home, KEY)
    lost = sorted(OTHERS.values())[0]
    controller.hostvars[lost]["__swarm_restore_seen"] = {"unreachable": True, "msg": "Connection timed out"}
    controller("preflight", archive="archive.tar.gz", host=HOST)
    with pytest.raises(AnsibleActionFail, match=rf'"swarm_restore_lost": \["{lost}"\]'):
        controller("order")
    controller("preflight", archive="archive.tar.gz", host=HOST, lost=[lost])

    planned = controller("order", check=True)
    assert planned["phases"]["restore"] == []
    assert HOST in planned["would"]
    assert lost not in planned["would"]
    assert "swarm " + MANIFEST.swarm_id in planned["would"][HOST]
    del controller.hostvars["localhost"]["__swarm_restore_order"]

    order = controller("order")
    assert (order["what"], order["phases"]) == (
        "restore", {"engine": [], "stop": [], "restore": [HOST], "would": []})  # fmt: skip
    up = {"state": "ready", "voter": True, "leader": True, "reachability": "reachable"}
    nodes = [{"id": node_id, "hostname": name, "role": "manager", "state": "down",
              **(up if node_id == MANIFEST.node_id else {})} for node_id, name in NODES.items()]
    controller.hostvars[HOST]["__swarm_restored"] = {"changed": True, "nodes": nodes, "rotated": True}

    members = controller("members")
    assert {item["node_id"] for item in members["ghosts"]} == set(OTHERS)
    assert members["remover"] == [HOST]
    assert members["managers"] == [[MANIFEST.node_id, MANIFEST.raft_addr]]
    rest = controller("followed")
    assert (rest["ghosts"], rest["remover"], rest["backup"], rest["pause"]) == ([], [], True, True)
    controller("provisioned")
    report = Path(controller("report")["report"])
    assert report.parent == controller.home / "reports"
    assert (report.stat().st_mode & 0o777, report.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    data = json.loads(report.read_text())
    assert (data["what"], data["lost"], data["unlock_key_changed"]) == ("restore", [lost], True)
    assert data["hosts"][lost]["way"] == "lost"
    assert len(list(report.parent.iterdir())) == 1
    assert KEY not in report.read_text() + "\n".join(controller.said)
    assert any(line.startswith("restored: swarm") for line in controller.said)


def test_restored_already_and_backed_up(controller: Controller) -> None:
    keep(controller.home, KEY)
    told = controller("preflight", archive="archive.tar.gz", host=HOST)
    done = {"what": "restore", "archive": told["sha256"], "step": "finished", "finished_at": "2026-11-25T03:00:00Z"}
    controller.see(HOST, membership={"state": "active", "control": True, "node_id": MANIFEST.node_id},
                   state={"swarm_id": MANIFEST.swarm_id, "node_id": MANIFEST.node_id, "reinit": done},
                   swarm={"id": MANIFEST.swarm_id}, nodes=[{"id": MANIFEST.node_id, "hostname": HOST, "voter": True}])
    assert controller("order")["what"] == "nothing"
    controller.hostvars[HOST]["__swarm_restored"] = {"changed": False, "nodes": []}
    controller("members")
    assert controller("followed")["backup"] is True
    (controller.home / "backups" / f"{MANIFEST.swarm_id}_{HOST}_20261125T030100Z.tar.gz").write_bytes(b"")
    assert controller("followed")["backup"] is False
