# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds README.md against the code: its playbooks, variables, inventories, and every refusal with its message.

Each refusal is provoked in the core, and the row of the README has to say what the core says. Which refusals there
are is read from the source, so that a new one cannot be forgotten here. Calls ansible tools; changes no file.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    coerce,
    expel,
    heal,
    inventory,
    member,
    plan,
    provision,
    recover,
    restart,
    restore,
    schedule,
    unread,
    variables,
    verdict,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.manifest import Manifest
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import (
    LABEL_HOST,
    Address,
    Engine,
    HostFacts,
    LocalState,
    Membership,
    Node,
    Python,
    Service,
    Swarm,
    View,
)
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller, controller_dir, systemd

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "plugins" / "module_utils" / "core"
README = (ROOT / "README.md").read_text()
ENVIRONMENT = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"), "ANSIBLE_NOCOLOR": "1"}
BIN = Path(sys.executable).parent

# Findings of the planner that no run ends with: the playbook hands over to another manager instead.
NEVER_SHOWN = {"acts_here"}


# -- an inventory, what its hosts say, and what is refused -----------------------------------------------------------

HOSTS = {
    "m1": {"ansible_host": "192.0.2.11", "swarm_zone": "a"},
    "m2": {"ansible_host": "192.0.2.12", "swarm_zone": "b"},
    "m3": {"ansible_host": "192.0.2.13", "swarm_zone": "c"},
    "m4": {"ansible_host": "192.0.2.14", "swarm_zone": "a"},
    "m5": {"ansible_host": "192.0.2.15", "swarm_zone": "b"},
    "w1": {"ansible_host": "192.0.2.31"},
    "w2": {"ansible_host": "192.0.2.32"},
}


@dataclass(frozen=True)
class World:
    """An inventory and what was seen of its hosts."""

    managers: Sequence[str] = ("m1", "m2", "m3")
    workers: Sequence[str] = ("w1",)
    absent: Sequence[str] = ()
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What differs from ``HOSTS``."""
    shared: Mapping[str, Any] = field(default_factory=dict)
    seen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What differs from a host with an engine and no swarm."""
    nodes: Sequence[Node] = ()
    """The swarm, as m1 tells it; empty: there is none."""
    services: Sequence[Service] = ()
    encrypted: tuple[str, ...] = ()
    short_life: str = ""

    @property
    def groups(self) -> dict[str, list[str]]:
        return {"swarm_managers": [*self.managers], "swarm_workers": [*self.workers], "swarm_absent": [*self.absent]}

    def wanted(self) -> inventory.Wanted:
        names = [*self.managers, *self.workers, *self.absent]
        return inventory.read(
            self.groups, {name: {**HOSTS[name], **self.hosts.get(name, {})} for name in names}, self.shared
        )

    def facts(self) -> dict[str, HostFacts]:
        found = {}
        for name in [*self.managers, *self.workers, *self.absent]:
            engine = Engine(True, True, "26.1.5", f"engine-{name}")
            own = next((node for node in self.nodes if node.host == name), None)
            place = Membership("active", own.id, control=own.voter) if own else Membership("inactive")
            item = HostFacts(
                name,
                name,
                engine=engine,
                membership=place,
                state=LocalState("/var/lib/docker", "swarm-1" if own else "", own.id if own else ""),
                addresses=(Address(str(HOSTS[name]["ansible_host"]), 24, "eth0"),),
            )
            if name == "m1" and self.nodes:
                told = Swarm("swarm-1", encrypted_networks=self.encrypted)
                item = replace(item, swarm=told, nodes=tuple(self.nodes), services=tuple(self.services))
            found[name] = replace(item, **dict(self.seen.get(name, {})))
        return found

    def examined(self) -> list[Finding]:
        """What the inventory alone gives reason to refuse."""
        return inventory.examine(self.groups, self.wanted())

    def decided(self) -> provision.Decision:
        """What a run of ``provision`` makes of it."""
        wanted, facts = self.wanted(), self.facts()
        judgement = verdict.judge([facts[name] for name in self.managers], wanted.swarm_id)
        return provision.decide(wanted, judgement, facts, short_life=self.short_life)


def voter(name: str, **others: Any) -> Node:
    data: dict[str, Any] = {
        "role": "manager",
        "availability": "drain",
        "labels": labels(name),
        "voter": True,
        "reachability": "reachable",
        "manager_addr": f"{HOSTS[name]['ansible_host']}:2377",
    }
    return Node(f"node-{name}", name, **{**data, **others})


def worker(name: str, **others: Any) -> Node:
    return Node(f"node-{name}", name, **{"labels": labels(name), **others})


def labels(name: str) -> dict[str, str]:
    zone = HOSTS[name].get("swarm_zone")
    return {LABEL_HOST: name, **({"zone": str(zone)} if zone else {})}


SWARM = (voter("m1", leader=True), voter("m2"), voter("m3"), worker("w1"))


def silent(name: str) -> dict[str, Any]:
    why = f"ssh: connect to host {HOSTS[name]['ansible_host']} port 22: Connection timed out"
    return {name: {"answered": False, "why_not": why}}


def limit(tmp_path: Path) -> str:
    """What a run with --limit fails with; the guard is before anything that contacts a host."""
    names = ("m1", "m2", "m3")
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"swarm_managers": {"hosts": {n: HOSTS[n] for n in names}}}))
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", "inventory.yml", "quorum.swarm.provision", "--limit", "m1"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (line, *_again) = [line for line in done.stderr.splitlines() if line.startswith("[ERROR]:")]
    return line.partition("Refused, and nobody was contacted. ")[2]


INVENTORY_ALONE = {
    "backup_dir_relative": World(shared={"swarm_backup_dir": "backups"}),
    "autolock_without_controller_dir": World(shared={"swarm_autolock": True}),
    "controller_dir_relative": World(shared={"swarm_controller_dir": "keys"}),
    "deadly_zone": World(("m1", "m2", "m3", "m4", "m5"), hosts={"m5": {"swarm_zone": "a"}}),
    "duplicate_advertise_addr": World(hosts={name: {"swarm_advertise_addr": "192.0.2.11"} for name in ("m1", "m2")}),
    "even_managers": World(("m1", "m2", "m3", "m4")),
    "host_in_two_groups": World(workers=("m3",)),
    "manager_without_zone": World(hosts={"m2": {"swarm_zone": ""}}),
    "no_manager": World(()),
    "single_manager": World(("m1",)),
    "too_few_zones": World(hosts={"m3": {"swarm_zone": "b"}}),
    "two_managers": World(("m1", "m2")),
}

def lies(swarm_id: str, role: str) -> LocalState:
    """The state of a node of this swarm."""
    return LocalState("/var/lib/docker", swarm_id, "node-x", role, role == "manager",
                      written="2026-11-22T08:00:00+00:00")


HOSTS_AND_SWARM = {
    "absent_host_silent": World(("m1", "m2", "m3"), (), ("w1",), nodes=SWARM, seen=silent("w1")),
    "address_drift": World(nodes=(SWARM[0], voter("m2", manager_addr="192.0.2.99:2377"), *SWARM[2:])),
    "address_not_on_host": World(hosts={"m2": {"swarm_advertise_addr": "192.0.2.99"}}),
    "address_pool_invalid": World(shared={"swarm_default_addr_pool": "10.55.0.0/16", "swarm_subnet_size": 30}),
    "address_pool_overlap": World(shared={"swarm_default_addr_pool": "192.0.2.0/24"}),
    "ambiguous_address": World(hosts={"m2": {"swarm_advertise_cidr": "198.51.100.0/24"}}),
    "blocked_ports": World(seen={"w1": {"blocked": ("192.0.2.11:2377/tcp",)}}),
    "certificates_ended": World(
        seen={
            name: {
                "membership": Membership("error", error="certificate has expired"),
                "problem": "error",
                "state": LocalState("/var/lib/docker", "swarm-1", f"node-{name}", "manager", True,
                                    not_after="2026-11-22T08:00:00+00:00", clock="2026-11-29T08:00:00+00:00"),
            }
            for name in ("m1", "m2", "m3")
        }
    ),
    "cloned_hosts": World(seen={"w1": {"engine": Engine(True, True, "26.1.5", "engine-m3")}}),
    "duplicate_hostname": World(seen={"m2": {"hostname": "debian"}, "m3": {"hostname": "debian"}}),
    "discard_refused": World(shared={"swarm_id": "swarm-0", "swarm_discard_state": {"w1": "swarm-0"}},
                             seen={"w1": {"state": lies("swarm-0", "worker")}}),
    "dynamic_address": World(seen={"m2": {"addresses": (Address("192.0.2.12", 24, "eth0", True),)}}),
    "engine_silent": World(seen={"w1": {"engine": Engine(True)}}),
    "engine_unknown": World(seen={"w1": {
        "engine": Engine(True), "problem": "unknown",
        "detail": "there is nothing on this host to ask the engine's socket with: no curl, Python 3, Perl or nc."}}),
    "library_broken": World(seen={"m2": {"python": Python("3.13.5", "/usr/bin/python3", broken={
        "nacl": "1.5.0 ImportError: cannot import name '_sodium' from 'nacl'"})}}),
    "engine_too_old": World(seen={"w1": {"engine": Engine(True, True, "19.03.15", "engine-w1")}}),
    "encrypted_overlay_mix": World(
        nodes=tuple(replace(node, engine_version="26.1.5") for node in SWARM[:3]),
        encrypted=("secure",),
        seen={"w1": {"engine": Engine(True, True, "29.1.3", "engine-w1")}},
    ),
    "ephemeral_controller": World(
        shared={"swarm_autolock": True, "swarm_controller_dir": "/runner/keys"},
        short_life="it lies in a pod's emptyDir",
    ),
    "firewall_nftables": World(seen={"w1": {"engine": Engine(True, True, "29.5.0", "engine-w1", firewall="nftables")}}),
    "foreign": World(shared={"swarm_id": "swarm-2"}, nodes=SWARM),
    "foreign_host": World(seen={"w1": {"membership": Membership("active", "node-x")}}, nodes=SWARM),
    "homeless_service": World(
        ("m1", "m2", "m3"),
        ("w1",),
        hosts={"w1": {"swarm_availability": "drain"}},
        nodes=SWARM,
        services=(Service("s1", "db", replicas=1, constraints=("node.hostname == w1",)),),
    ),
    "host_silent": World(seen=silent("w1")),
    "host_unable": World(seen={"w1": {"answered": False, "reached": True, "why_not": "its disk is full"}}),
    "ipv6_overlay": World(
        hosts={"m2": {"swarm_advertise_addr": "2001:db8::12"}},
        seen={
            "m2": {
                "engine": Engine(True, True, "20.10.24", "engine-m2"),
                "addresses": (Address("2001:db8::12", 64, "eth0"),),
            }
        },
    ),
    "live_restore": World(seen={"w1": {"engine": Engine(True, True, "26.1.5", "engine-w1", live_restore=True)}}),
    "locked": World(
        seen={name: {"membership": Membership("locked"), "problem": "locked"} for name in ("m1", "m2", "m3")}
    ),
    "manager_locked": World(nodes=SWARM, seen={"m3": {"membership": Membership("locked"), "problem": "locked"}}),
    "no_advertise_addr": World(hosts={"m2": {"ansible_host": "m2.example.net"}}),
    "no_quorum": World(
        seen={
            "m1": {"membership": Membership("active", "node-m1", control=True), "problem": "no_leader"},
            **silent("m2"),
            **silent("m3"),
        }
    ),
    "service_without_room": World(
        workers=("w1",),
        absent=("m5",),
        nodes=(*SWARM, worker("m5")),
        services=(Service("s1", "db", replicas=2, max_replicas=1, constraints=("node.role == worker",)),),
    ),
    "split": World(
        nodes=(SWARM[0], voter("m2", reachability="unreachable"), SWARM[2]),
        seen={
            "m2": {
                "swarm": Swarm("swarm-1"),
                "nodes": (voter("m1", reachability="unreachable"), voter("m2", leader=True), voter("m3")),
            }
        },
    ),
    "state_found": World(seen={"m2": {"state": lies("swarm-0", "manager")}}),
    "state_unread": World(seen={"w1": {"state": LocalState(unread="/var/lib/docker/swarm: Permission denied")}}),
    "swarm_without_managers": World(
        seen={"w1": {"membership": Membership("active", "node-w1", remote_managers=(("node-m1", "192.0.2.11:2377"),)),
                     "state": lies("swarm-1", "worker")}}
    ),
    "unknown": World(seen=silent("m3")),
    "unlisted_manager": World(("m1", "m2", "m3"), (), nodes=(*SWARM[:3], voter("m4", labels={}))),
}

UNFINISHED = {
    "compromised_member": World(absent=("w2",), hosts={"w2": {"swarm_compromised": True}},
                                nodes=(*SWARM, worker("w2"))),
    "host_silent": World(nodes=SWARM[:3], seen=silent("w1")),
    "host_unable": World(nodes=SWARM, seen={"m3": {
        "answered": False, "reached": True, "why_not": "it has no Python that Ansible could use"}}),
    "not_ready": World(nodes=(*SWARM[:3], worker("w1", state="down")), seen=silent("w1")),
    "waits_for_managers": World(
        ("m1", "m2", "m4"), ("m3",), nodes=(*SWARM[:3], worker("m4", state="down")), hosts={"m4": {"swarm_zone": "c"}}
    ),
}


def refused(world: World) -> list[Finding]:
    return [*world.examined(), *world.decided().refusals]


def row(finding: Finding) -> tuple[str, str, str]:
    """As it stands in the README."""
    message = replace(finding, relaxed_by="").sentence()
    return f"`{finding.id}`", message, f"`{finding.relaxed_by}`" if finding.relaxed_by else "none"


def refusal_cases(world: World, identifier: str) -> list[Finding]:
    return [finding for finding in refused(world) if finding.id == identifier]


def tables(heading: str) -> list[tuple[str, ...]]:
    """The rows of the table under a heading of the README, without its first two lines."""
    section = re.split(r"^#+ ", README.split(f" {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in rows[2:]]


def expected(worlds: Mapping[str, World]) -> list[tuple[str, str, str]]:
    rows = []
    for identifier, world in worlds.items():
        found = refusal_cases(world, identifier)
        assert found, f"{identifier} was not provoked; what was: {[item.id for item in refused(world)]}"
        rows.append(row(found[0]))
    return rows


def markdown(rows: Iterable[Sequence[str]]) -> str:
    """What to paste into the README."""
    return "\n" + "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def ids_in(source: Path, severities: set[str]) -> set[str]:
    """The identifiers of findings of these severities that a file makes."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
            first, second = (getattr(argument, "value", None) for argument in node.args[:2])
            if isinstance(first, str) and second in severities:
                found.add(first)
    return found


def held_ids() -> set[str]:
    """The identifiers of what the planner holds back."""
    tree = ast.parse((CORE / "plan.py").read_text())
    return {
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "_held"
        and isinstance(node.args[0], ast.Constant)
    }


# -- refusals --------------------------------------------------------------------------------------------------------


def test_every_refusal_of_the_source_has_a_case_here() -> None:
    inventory_alone = ids_in(CORE / "inventory.py", {"critical"}) - {
        "address_not_on_host",
        "ambiguous_address",
        "dynamic_address",
        "no_advertise_addr",
    }  # said of a host's addresses
    assert inventory_alone == {*INVENTORY_ALONE, "unplayable_name"}
    verdicts = set(verdict.VERDICTS) - {"absent", "healthy", "degraded"}
    critical = set().union(
        *(ids_in(CORE / name, {"critical"}) for name in (
            "inventory.py", "lifetime.py", "provision.py", "remains.py", "verdict.py"))
    )
    assert critical | verdicts == {*INVENTORY_ALONE, *HOSTS_AND_SWARM, "unplayable_name"}
    assert ids_in(CORE / "phases.py", {"critical"}) == {"limit", "phase_without_result", "phase_failed"}


def test_what_the_inventory_alone_gives_reason_to_refuse(tmp_path: Path) -> None:
    rows = expected(INVENTORY_ALONE)
    message = limit(tmp_path)
    before, allowed = message.rsplit(" (-e ", 1)
    rows.append(("`limit`", before, f"`{allowed.split('=')[0]}`"))
    rows += [row(item) for item in inventory.unplayable({"swarm_workers": ["w1,w2"]}, ())]
    assert sorted(tables("The inventory, before any host is asked")) == sorted(rows), markdown(sorted(rows))


def test_what_hosts_and_the_swarm_give_reason_to_refuse() -> None:
    rows = expected(HOSTS_AND_SWARM)
    assert sorted(tables("The hosts and the swarm, before anything is changed")) == sorted(rows), markdown(sorted(rows))


def test_every_allowance_stands_beside_a_refusal() -> None:
    named = {
        cell[2].strip("`")
        for heading in (
            "The inventory, before any host is asked",
            "The hosts and the swarm, before anything is changed",
            "The schedule of backups, before it is written",
            "A restore, before anything is changed",
            "A host whose disk was not read, before anything is changed",
            "A rejoin, before the host is touched",
            "An expulsion, before anything is changed",
        )
        for cell in tables(heading)
    }
    # Not of provision: it lets a restart of Docker pass, in a swarm of one or two managers.
    assert set(inventory.ALLOWANCES) - {restart.ALLOW} <= named
    assert named <= set(inventory.ALLOWANCES) | {"swarm_force", "none"}


RESTORE_ALLOWANCES = {restore.RUNNING, restore.FOREIGN, restore.OLDER, restore.UNFINISHED, restore.NEW_WORKERS,
                      unread.ALLOW}


def test_what_is_allowed_passes() -> None:
    """The variable that a message names lets just that refusal pass."""
    passed = []
    for identifier, world in {**INVENTORY_ALONE, **HOSTS_AND_SWARM}.items():
        finding = refusal_cases(world, identifier)[0]
        if not finding.relaxed_by:
            continue
        allowed = replace(world, shared={**world.shared, finding.relaxed_by: "true"})
        left = inventory.refused([*allowed.examined(), *allowed.decided().refusals], allowed.wanted().allowed)
        assert identifier not in [item.id for item in left]
        passed.append(finding.relaxed_by)
    # Not of the decision on a swarm.
    assert set(inventory.ALLOWANCES) - set(passed) == {
        restart.ALLOW, "swarm_allow_limit", schedule.ALLOW_OTHER, *RESTORE_ALLOWANCES, expel.ALLOW
    }  # fmt: skip


def scheduled() -> list[Finding]:
    """Everything that the schedule of backups is refused for."""
    caller = schedule.Caller(("/usr/bin/ansible-playbook",), ("/srv/swarm/inventory.yml",), "/srv/swarm")
    timer = schedule.Unit("quorum-swarm-backup.timer", "/etc/systemd/system/quorum-swarm-backup.timer")
    other = schedule.timer_text(schedule.Request(), replace(caller, inventories=("/srv/other/inventory.yml",)))
    wrong = replace(
        caller,
        program=(),
        missing=("/dev/fd/63",),
        inline=("swarm_controller_dir",),
        asks=("--ask-become-pass",),
        folder="/srv/\n",
    )
    findings = []
    for asked, called, no_systemd, text in (
        (schedule.Request(), caller, systemd.NOT_BOOTED, None),
        (schedule.Request(calendar="2020-01-01"), wrong, "", other),
        (schedule.Request(), caller, "", "[Timer]"),
    ):  # fmt: skip
        calendar = schedule.calendar_problem(asked.calendar, 0, "Next elapse: never") if called is wrong else ""
        findings += schedule.examine(
            asked, called, managers=int(called is caller), place="/srv" if called is caller else "",
            no_systemd=no_systemd, calendar=calendar, units=[replace(timer, text=text)],
        )  # fmt: skip
    return findings


def test_what_the_schedule_is_refused_for() -> None:
    rows = [row(finding) for finding in scheduled()]
    assert {cells[0].strip("`") for cells in rows} == ids_in(CORE / "schedule.py", {"critical"})
    named = tables("The schedule of backups, before it is written")
    assert sorted(named) == sorted(rows), markdown(sorted(rows))


ARCHIVED = restore.Source(
    Manifest(
        "swarm-1", "node-m2", "m2", "m2", "2026-11-25T01:00:00Z", "26.1.5", raft_addr="192.0.2.12:2377",
        managers={f"node-{name}": f"{HOSTS[name]['ansible_host']}:2377" for name in ("m1", "m2", "m3")},
        objects={"node": tuple((f"node-{name}", name) for name in ("m1", "m2", "m3", "w1"))},
    ),
    "5be1c0ffee00aa", "/srv/swarm/backups/archive.tar.gz", 40_000_000, ("old",),
)  # fmt: skip
"""The archive of m2 that the restores below are asked to bring back."""
RESTORED_BEFORE = {"what": "restore", "archive": "f00dd00dcafe11", "step": "placed", "started_at": "2026-11-25T02:00"}


def held(swarm_id: str, role: str, state: str = "active", **others: Any) -> dict[str, Any]:
    """A host that has a state of a swarm on its disk."""
    control = role == "manager" and state == "active"
    return {"state": LocalState(swarm_id=swarm_id, node_id="node-x", role=role, raft_log=role == "manager"),
            "membership": Membership(state, "node-x" if state else "", control=control), **others}


REACHED: dict[str, Any] = {"answered": False, "reached": True,
                           "why_not": "its disk is full: no room is left in /root/.ansible/tmp"}  # fmt: skip
"""A host that the connection reaches, and that cannot run a module."""

RESTORES: dict[str, tuple[World, dict[str, Any]]] = {
    "restore_address": (World(seen={"m2": {"addresses": (Address("192.0.2.99", 24, "eth0"),)}}), {}),
    "restore_address_of_another": (World(
        seen={"m3": {"addresses": (Address("192.0.2.13", 24, "eth0"), Address("192.0.2.12", 24, "eth0"))}}),
        {"asked_host": "m3"}),
    "restore_foreign": (World(seen={"w1": held("swarm-2", "worker")}), {}),
    "restore_host_silent": (World(seen=silent("m2")), {}),
    "restore_no_room": (World(seen={"m2": {"state": LocalState(free=50_000_000)}}), {}),
    "restore_older_engine": (World(seen={"m2": {"engine": Engine(True, True, "20.10.24", "engine-m2")}}), {}),
    "restore_reached": (World(seen={"w1": REACHED}), {}),
    "restore_running": (World(seen={"m1": held("swarm-1", "manager")}), {}),
    "restore_silent": (World(seen={**silent("m1"), "m3": held("swarm-1", "manager", "")}), {}),
    "restore_unfinished": (World(seen={"m2": {"state": LocalState(reinit=RESTORED_BEFORE)}}), {}),
    "restore_unlisted_manager": (World(("m1", "m2", "m4")), {}),
    "restore_workers_cannot_follow": (World(seen={"w1": {"state": LocalState(
        swarm_id="swarm-1", node_id="node-w1", role="worker", roots=("new",))}}), {}),
    "restore_host_lost": (World(), {"lost": ["m2"]}),
    "restore_host_no_manager": (World(), {"asked_host": "w1"}),
    "restore_lost_unknown": (World(), {"lost": ["m9"]}),
    "restore_no_manager": (World(()), {}),
    "restore_other_swarm": (World(shared={"swarm_id": "swarm-2"}), {}),
    "restore_without_controller_dir": (World(), {"autolock": True}),
}


def restore_findings(world: World, asked: Mapping[str, Any]) -> list[Finding]:
    """What a restore is refused for, before and after the hosts are asked."""
    asked = dict(asked)
    source = replace(ARCHIVED, manifest=replace(ARCHIVED.manifest, autolock=asked.pop("autolock", False)))
    wanted = world.wanted()
    start = restore.preflight(source, wanted, world.groups, **asked)
    if start.refusals:
        return list(start.refusals)
    return list(restore.decide(source, wanted, start.host, world.facts(), asked.get("lost", ())).refusals)


UNREAD = LocalState("/srv/docker", unread="/srv/docker/swarm: Permission denied")


def unread_findings() -> list[Finding]:
    """What a host is refused for whose disk was not read: by any playbook, and by a restore on it."""
    world = World(seen={"m2": {"state": UNREAD}})
    found = [item for item in restore_findings(world, {}) if item.id == "state_unread"]
    allowed = replace(world, shared={unread.ALLOW: "true"})
    assert found
    assert "state_unread" not in [item.id for item in restore_findings(allowed, {})]
    stopped = HostFacts("m2", "m2", engine=Engine(True), state=UNREAD)
    return [*unread.not_root([replace(stopped, root=False)]), unread.finding(stopped), *found]


def test_what_a_host_is_refused_for_whose_disk_was_not_read() -> None:
    rows = sorted(row(finding) for finding in unread_findings())
    heading = "A host whose disk was not read, before anything is changed"
    assert sorted(tables(heading)) == rows, markdown(rows)


def test_what_a_restore_is_refused_for() -> None:
    rows = []
    for identifier, (world, asked) in RESTORES.items():
        found = [item for item in restore_findings(world, asked) if item.id == identifier]
        assert found, f"{identifier} was not provoked; what was: {restore_findings(world, asked)}"
        rows.append(row(found[0]))
        if found[0].relaxed_by:
            allowed = replace(world, shared={**world.shared, found[0].relaxed_by: "true"})
            assert identifier not in [item.id for item in restore_findings(allowed, asked)]
    assert set(RESTORES) == ids_in(CORE / "restore.py", {"critical"})
    assert sorted(tables("A restore, before anything is changed")) == sorted(rows), markdown(sorted(rows))


LOST = {"m1": "silent", "m2": "silent"}
KNOWN = tuple((f"node-{name}", f"{HOSTS[name]['ansible_host']}:2377") for name in ("m1", "m2", "m3"))


def left(says: Mapping[str, str]) -> dict[str, HostFacts]:
    """Three managers and a worker after a loss, in a word each: silent, left, or other, with another swarm's state."""
    found = {}
    for name in ("m1", "m2", "m3", "w1"):
        word = says.get(name, "left" if name.startswith("m") else "")
        state = LocalState(swarm_id="swarm-2" if word == "other" else "swarm-1", node_id=f"node-{name}", role="manager",
                           raft_log=True, managers=KNOWN)  # fmt: skip
        found[name] = HostFacts.silent(name, "no route") if word == "silent" else HostFacts(
            name, name, engine=Engine(True, True), membership=Membership(node_id=f"node-{name}" if word else ""),
            state=LocalState(unread="Permission denied") if word == "unread" else state if word else LocalState(),
            **(REACHED if word == "reached" else {}))
    return found


def lost(**says: str) -> recover.Loss:
    """What is left of it."""
    addresses = {name: str(values["ansible_host"]) for name, values in HOSTS.items()}
    return recover.loss(World().wanted(), left({**LOST, **says}), addresses)


NIGHT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


def dated(begins: int, ends: int, clock: int = 0) -> dict[str, HostFacts]:
    """The same managers, all there, with certificates of these days from now on, and clocks that are ahead by days."""
    days = [(NIGHT + timedelta(days=number)).isoformat() for number in (begins, ends, clock)]
    return {name: replace(item, state=replace(item.state, not_before=days[0], not_after=days[1], clock=days[2]))
            for name, item in left({}).items() if item.state.swarm_id}


def survivor(host: str = "m3", **more: Any) -> recover.Candidate:
    return recover.Candidate(host, 87, 2, 87, members=("node-m1", "node-m2", "node-m3"), **more)


TORN = ("raft/wal-v3-encrypted/0000000000000000-0000000000000000.wal: 512 bytes behind the last record",)


def recovery_findings() -> list[Finding]:
    """Everything that a recovery is refused for."""
    seen = {"m3": {"listening": ["m1"]}, "w1": {"connected": ["m2"]}}
    here = lost()
    choices = [
        recover.choose(here, [survivor(damage=TORN)]),
        recover.choose(here, [survivor()], "m9"),
        recover.choose(here, [survivor(), recover.Candidate("m4", error="swarm-node.key: the file is missing")]),
        recover.choose(here, [survivor(), recover.Candidate("m4", unread="No space left on device")]),
        recover.choose(here, [recover.Candidate("m3", error="swarm-node.key: the file is missing")]),
        recover.choose(here, [replace(survivor(), members=("node-m1", "node-m2", "node-m3", "node-m4"))]),
        recover.choose(here, [survivor(), recover.Candidate("m2", 91, 2, 91, early="from 2026-12-29 03:00 UTC on")]),
    ]
    return [
        *lost(m3="silent").refusals, *lost(m2="other").refusals, *recover.alive(lost(m2="left")),
        *recover.alive(lost(m2="reached")),
        *recover.clocks(dated(-1, 89, 400), NIGHT), *recover.not_yet(recover.loss(World().wanted(), dated(30, 120))),
        recover.evidence(here, seen)[0], *recover.confirm(here, "", []), *recover.confirm(here, "swarm-1", ["m1"]),
        *(finding for choice in choices for finding in choice.refusals),
    ]  # fmt: skip


def test_what_a_recovery_is_refused_for() -> None:
    rows = [row(finding) for finding in recovery_findings()]
    assert {cells[0].strip("`") for cells in rows} == ids_in(CORE / "recover.py", {"critical"})
    assert sorted(tables("A recovery, before anybody is given up")) == sorted(rows), markdown(sorted(rows))


def rejoin_findings() -> list[Finding]:
    """Everything that a rejoin is refused for, beside what holds the planner back."""
    four = [voter(f"m{number}", leader=number == 1) for number in range(1, 5)]
    lame = View(Swarm("swarm-1"), (*four, voter("m5", reachability="unreachable", state="down")))
    facts = {
        name: HostFacts(name, name, membership=Membership("active", f"node-{name}", control=True),
                        addresses=(Address(str(values["ansible_host"])),))
        for name, values in HOSTS.items()
    }  # fmt: skip
    wanted = World().wanted()
    alone = View(Swarm("swarm-1"), (voter("m1", leader=True),))
    works = [heal.work(wanted, alone, facts, ["m1"], {}, ""),
             heal.work(wanted, lame, facts, ["m2"], {}, "node-m1")]  # fmt: skip
    return [finding for work in works for finding in work.refusals]


def test_what_a_rejoin_is_refused_for() -> None:
    rows = [row(finding) for finding in rejoin_findings()]
    assert {cells[0].strip("`") for cells in rows} == ids_in(CORE / "heal.py", {"critical"})
    assert sorted(tables("A rejoin, before the host is touched")) == sorted(rows), markdown(sorted(rows))


def expulsion_findings() -> list[Finding]:
    """Everything that an expulsion is refused for; and what its memory keeps others from."""
    wanted, known = World().wanted(), list(HOSTS)
    lame = (voter("m1", leader=True), voter("m2"), voter("m3", reachability="unreachable", state="down"))
    lost = (voter("m1", leader=True), *(voter(name, reachability="unreachable", state="down") for name in ("m2", "m3")))
    entry = expel.Entry("node-m2", "m2", True, 1_800_000_000)
    done = expel.written({}, [entry])
    return [
        *expel.targets(["web-7"], SWARM, (), wanted, known)[1],
        *expel.targets(["w2"], (*SWARM, worker("w2", labels={})), (), wanted, known)[1],
        *expel.refuse(lame, {"node-m2"}), *expel.refuse(lost, {"node-m2"}), *expel.refuse(SWARM[:1], {"node-m1"}),
        *expel.unconfirmed([entry], [], ["m2"]), *expel.barred(done, ["m2"], ()),
        *expel.unfinished([replace(entry, todo=(expel.CA,))], ()),
    ]  # fmt: skip


def test_what_an_expulsion_is_refused_for() -> None:
    rows = [row(finding) for finding in expulsion_findings()]
    assert {cells[0].strip("`") for cells in rows} == ids_in(CORE / "expel.py", {"critical"})
    assert sorted(tables("An expulsion, before anything is changed")) == sorted(rows), markdown(sorted(rows))


# -- what a run leaves undone, and what is refused at the moment of acting ---------------------------------------------


def unfinished_rows() -> list[tuple[str, str]]:
    rows = []
    for identifier, world in UNFINISHED.items():
        found = [item for item in world.decided().unsettled if item.id == identifier]
        assert found, f"{identifier}: {world.decided()}"
        rows.append((f"`{identifier}`", found[0].sentence()))
    lost = plan.next_steps((voter("m1", leader=True), voter("m2", reachability="unreachable")), ())
    # m2 shall be a worker; m3, which the inventory does not list, is dead and still counts.
    stuck = plan.whole(
        (voter("m1", leader=True), voter("m2"), voter("m3", reachability="unreachable", state="down")),
        [plan.Order("m1", "manager", "drain", labels("m1")), plan.Order("m2", "worker", "drain", labels("m2"))],
    )
    # m2 was promoted and did not arrive; so m3, a worker, is not promoted beside it.
    pending = plan.next_steps(
        (voter("m1", leader=True), replace(voter("m2"), voter=False, reachability=""),
         replace(voter("m3"), role="worker", voter=False, reachability="")),
        [plan.Order(host, "manager", "drain", labels(host)) for host in ("m1", "m2", "m3")],
    )  # fmt: skip
    rows += [(f"`{item.id}`", item.sentence()) for item in (*lost.held, *stuck.held, *pending.held)]
    return rows


def test_what_a_run_leaves_undone() -> None:
    rows = unfinished_rows()
    ids = {cells[0].strip("`") for cells in rows}
    assert ids == held_ids() - NEVER_SHOWN | ids_in(CORE / "provision.py", {"warning"}) - {"fixed_at_init"}
    assert sorted(tables("What a run leaves undone")) == sorted(rows), markdown(sorted(rows))


def acting() -> dict[str, str]:
    """What modules refuse when they act, by what was asked for."""
    three, two = SWARM[:3], SWARM[:2]
    here = Membership("active", "node-m1", control=True)
    broken = (*two, voter("m3", reachability="unreachable"))
    return {
        "restarting Docker on a manager while another is away": restart.refusal(here, broken),
        "restarting Docker on one of two managers": restart.refusal(here, two),
        "the same, autolocked": restart.refusal(here, two, autolock=True),
        "restarting Docker on a manager of a swarm without quorum": restart.refusal(
            replace(here, error="The swarm does not have a leader"), three
        ),
        "a manager that leaves by force": member.why_no_leave(broken, "node-m1"),
    }


def test_what_is_refused_at_the_moment_of_acting() -> None:
    rows = sorted(acting().items())
    assert all(message for _asked, message in rows)
    assert sorted(tables("At the moment of acting")) == rows, markdown(rows)


def bad_values() -> list[str]:
    found = []
    for name, value in (
        ("m1", {"swarm_advertise_addr": "192.0.2.1:2377"}),
        ("m1", {"swarm_advertise_cidr": "192.0.2.0/99"}),
        ("w1", {"swarm_availability": "maybe"}),
        ("w1", {"swarm_labels": {LABEL_HOST: "x"}}),
        ("m1", {"swarm_spare_manager": True}),
    ):
        with pytest.raises(coerce.BadValue) as caught:
            World(hosts={name: value}).wanted()
        found.append(str(caught.value))
    for name, text in (
        ("swarm_autolock", "maybe"),
        ("swarm_cert_expiry", "90 days"),
        ("swarm_cert_expiry", "30m"),
        ("swarm_snapshot_interval", "0"),
        ("swarm_backup_max_age", "a week"),
    ):
        with pytest.raises(coerce.BadValue) as caught:
            World(shared={name: text}).wanted()
        found.append(str(caught.value))
    disagreeing: dict[str, dict[str, Any]] = {"m1": {"swarm_autolock": True}, "m2": {}}
    with pytest.raises(AnsibleActionFail) as failed:
        controller.wanted_of({"groups": {"swarm_managers": list(disagreeing)}, "hostvars": disagreeing})
    found.append(str(failed.value))
    told = {"swarm_allow_everything": True, "swarm_recover_timout": 60, "swarm_recover_timeout": "2 minutes"}
    found += [line.split(" Known are ")[0] for line in variables.check(
        {"m1": told}, {("m1", "swarm_zone"): "'rack' is undefined"}, ("m1",))]
    with pytest.raises(AnsibleActionFail) as failed:
        controller_dir.prepare("/proc/swarm")
    found.append(str(failed.value))
    return found


def test_what_cannot_be_read() -> None:
    rows = [(message,) for message in bad_values()]
    assert sorted(tables("What cannot be read")) == sorted(rows), markdown(sorted(rows))


# -- playbooks, variables, inventories ---------------------------------------------------------------------------------


def test_every_playbook_has_a_line_and_no_other() -> None:
    named = {cells[0].strip("`").removeprefix("quorum.swarm.") for cells in tables("The playbooks")}
    assert named == {path.stem for path in (ROOT / "playbooks").glob("*.yml")}


def test_every_playbook_that_a_message_sends_to_exists_or_is_announced() -> None:
    """Remedies name playbooks of later releases, too: the README says which."""
    here = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    sources = [
        path
        for folder in ("plugins", "roles", "playbooks")
        for path in (ROOT / folder).rglob("*.*")
        if path.is_file() and path.suffix in (".py", ".yml", ".md")
    ]
    sent = set().union(
        *(
            re.findall(r"ansible-playbook (?:-i INVENTORY )?quorum\.swarm\.([a-z_]+)", path.read_text())
            for path in sources
        )
    ) | {name.split(".")[-1] for name in verdict.NEXT_PLAYBOOK.values()}
    later = set(re.findall(r"`quorum\.swarm\.([a-z]+)`", README.split("## Not there yet\n")[1].split("\n## ")[0]))
    assert sent - here <= later
    assert not later & here


def role_defaults() -> set[str]:
    return {
        str(name) for path in ROOT.glob("roles/*/defaults/main.yml") for name in yaml.safe_load(path.read_text()) or {}
    }


def known_variables() -> set[str]:
    return {*controller.HOST_VARS, *controller.SHARED_VARS, *role_defaults()}


def test_every_variable_is_named() -> None:
    missing = [name for name in sorted(known_variables()) if f"`{name}`" not in README]
    assert missing == []


def test_no_other_variable_is_named() -> None:
    named = set(re.findall(r"`(swarm_[a-z_]+|engine_[a-z_]+)`", README))
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}
    identifiers = {*INVENTORY_ALONE, *HOSTS_AND_SWARM, *UNFINISHED, *RESTORES, "engine_defect"}
    assert named - known_variables() - modules - identifiers - set(inventory.GROUPS) == set()


EXAMPLES = list(re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
INVENTORIES = [text for text in EXAMPLES if "swarm_managers:" in text]


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.split(":")[0])
def test_every_example_is_yaml(text: str) -> None:
    assert yaml.safe_load(text)


@pytest.mark.parametrize("number", range(len(INVENTORIES)))
def test_every_inventory_passes(number: int, tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text(INVENTORIES[number])
    done = subprocess.run(
        [str(BIN / "ansible-inventory"), "-i", "inventory.yml", "--list"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    told = json.loads(done.stdout)
    groups = {name: told.get(name, {}).get("hosts", []) for name in inventory.GROUPS}
    hostvars = {host: told["_meta"]["hostvars"].get(host, {}) for hosts in groups.values() for host in hosts}
    wanted = controller.wanted_of({"groups": groups, "hostvars": hostvars})
    assert wanted.managers
    assert inventory.refused(inventory.examine(groups, wanted), wanted.allowed) == []
    ours = {name for variables in hostvars.values() for name in variables if name.startswith(("swarm_", "engine_"))}
    assert ours <= known_variables()


def test_there_are_inventories_to_look_at() -> None:
    assert len(INVENTORIES) >= 2
