# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`heal` of one node that takes no part in its swarm, where nobody can stand in for it: a worker, a manager, the
leader.

Three managers in three zones and two workers. A point makes one node ill, waits until the swarm has noticed, and
heals. What no playbook can mend (a host without power, a configuration that no engine takes, a full disk) has to be
said in one sentence, twice the same, and nothing may be worse afterwards; then it is mended by hand, and healed. What a
spare is for is in shard_heal.py.

The checker after each run: one swarm with one leader; the managers of the inventory are managers, reachable, one a
zone, the others ready workers; nodes that were not ill are the nodes that they were; all objects are there; new tasks
read the secret and the config, and reach each other over the overlay network; the kept unlock key is right, no key lies
in clear and none was printed; no lease is left. No request failed on the workers that were not ill, from before the
illness until after the last run, and that changed nothing.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.illness import (
    BACK,
    BREAK,
    CONFIG,
    DAMAGED,
    DISK,
    EMPTIED,
    EXPIRED,
    FLAG,
    FROZEN,
    MEND,
    OFF,
    STOPPED,
    Authority,
    reset,
)
from tests.faults.shard_recover import told_briefly
from tests.lab.lab import Lab
from tests.testinfra import objects, restored, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run

TITLE = "`heal` of one node that takes no part in its swarm, where no spare stands in."
COLUMNS = ("ill", "what heal saw", "came of it", "healed after", "failed requests", "then")

MANAGERS, WORKERS = ["m1", "m2", "m3"], ["w1", "w2"]
LIMIT = 400
"""Seconds after which a run counts as hung."""

WORKER, MANAGER, LEADER = "a worker", "a manager", "the leader"

CASES = (
    # suite, what is wrong, with whom, autolock
    ("trixie", DISK, MANAGER, True),
    ("trixie", CONFIG, LEADER, True),
    ("trixie", FLAG, MANAGER, True),
    ("trixie", BACK, MANAGER, True),
    ("trixie", OFF, LEADER, True),
    ("trixie", EXPIRED, MANAGER, True),
    ("trixie", EMPTIED, WORKER, True),
    ("trixie", DAMAGED, LEADER, True),
    ("trixie", FROZEN, WORKER, True),
    ("trixie", STOPPED, WORKER, True),
    ("trixie", CONFIG, WORKER, False),
    ("trixie", BACK, LEADER, False),
    ("trixie", OFF, MANAGER, False),
    ("trixie", OFF, WORKER, False),
    ("trixie", EMPTIED, MANAGER, False),
    ("trixie", DAMAGED, MANAGER, False),
    ("trixie", FROZEN, LEADER, False),
    ("trixie", STOPPED, LEADER, False),
    ("bookworm", EXPIRED, MANAGER, True),
    ("bookworm", DAMAGED, LEADER, True),
    ("forky", EXPIRED, MANAGER, True),
    ("forky", DAMAGED, LEADER, True),
    ("bookworm", DISK, MANAGER, True),
    ("forky", DISK, MANAGER, True),
    ("trixie", DISK, LEADER, False),
    ("trixie", FLAG, WORKER, False),
)
NEEDS_HANDS = (CONFIG, FLAG, OFF, DISK)
"""What no playbook mends."""
SAYS = {CONFIG: "unable to configure the Docker daemon with file /etc/docker/daemon.json", FLAG: "no-such-flag",
        DISK: "its disk is full"}  # fmt: skip
"""What heal has to say of what it cannot mend."""
NEW_NODE = (EMPTIED, DAMAGED, EXPIRED, DISK)
"""What makes the host a new node."""


@dataclass
class Scene:
    """A swarm that works, and what it is. The points of one kind of swarm share it, one after the other."""

    lab: Lab
    operator: Operator
    inventory: Path
    controller: Path
    locked: bool
    objects: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, operator: Operator, lab: Lab, folder: Path, locked: bool) -> Scene:
        """Provision it, and put things into it."""
        folder.mkdir()
        controller = folder / "controller"
        wanted: dict[str, Any] = {"swarm_controller_dir": str(controller), "ansible_timeout": 5}
        if locked:
            wanted["swarm_autolock"] = True
        inventory = Inventories(lab, folder).write(MANAGERS, WORKERS, **wanted)
        scene = cls(lab, operator, inventory, controller, locked)
        operator.provision(scene.inventory)
        objects.populate(lab, "m1")
        scene.objects = objects.listed(lab, "m1")
        return scene

    def heal(self, *arguments: str) -> Run:
        """Run `heal`."""
        done = self.operator.start("heal", self.inventory, *arguments).wait(seconds=LIMIT)
        print(f"heal {' '.join(arguments)}: status {done.status}, {done.seconds:.1f} s")
        assert "SWMKEY-1-" not in done.output
        return done

    def nodes(self, asked: str) -> dict[str, swarms.Member]:
        """What this manager lists, by inventory name."""
        return swarms.by_hostname(swarms.host(self.lab, asked))

    def wait_whole(self, asked: str, ill: str) -> dict[str, swarms.Member]:
        """Wait until everybody has their place.

        :param ill: who is listed, and takes no part; empty: nobody.
        """
        wanted = {**dict.fromkeys(MANAGERS, "manager"), **dict.fromkeys(WORKERS, "worker")}

        def whole() -> dict[str, swarms.Member]:
            found = self.nodes(asked)
            assert {name: node.role for name, node in found.items()} == wanted
            for name, node in found.items():
                if name != ill:
                    assert node.state == "ready", node
                    assert node.reachability == ("reachable" if name in MANAGERS else ""), node
            return found

        return dict(swarms.eventually(whole, "everybody has their place", seconds=30))

    def check(self, asked: str, was: dict[str, swarms.Member], ill: str = "", new: str = "") -> None:
        """All that has to hold after a run.

        :param new: who is another node than before; empty: nobody.
        """
        found = self.wait_whole(asked, ill)
        assert [name for name, node in found.items() if node.id != was[name].id] == ([new] if new else [])
        assert sum(node.leader for node in found.values()) == 1
        assert {found[name].labels.get("zone") for name in MANAGERS} == {"a", "b", "c"}
        for name, node in found.items():
            assert (node.availability, node.labels) == (was[name].availability, was[name].labels), node
        listed = objects.listed(self.lab, asked)
        for name in ("service", "network", "secret", "config"):
            assert listed[name] == self.objects[name], name
        spec = swarms.swarm(swarms.host(self.lab, asked))["Spec"]
        assert "quorum.swarm/lease" not in (spec.get("Labels") or {})
        restored.assert_works(self.lab, asked, [name for name in WORKERS if name != ill])
        if self.locked:
            restored.assert_keys(self.lab, asked, [name for name in MANAGERS if name != ill], self.controller)

    def settled(self) -> None:
        """Run `heal` once more: nothing is changed."""
        again = self.heal()
        assert not again.changed, again.report


@dataclass
class Shared:
    """One lab and one swarm at a time: the next comes up with the first point that needs it."""

    operator: Operator
    folder: Path
    scene: Scene | None = None
    lab: Lab | None = None
    suite: str = ""
    broken: bool = False
    """Whether a point failed, so that the next one begins with a new swarm."""

    def of(self, suite: str, locked: bool) -> Scene:
        """The swarm of this kind, with nobody ill."""
        if self.suite != suite or self.lab is None:
            self.end()
            self.lab, self.suite = Lab.up(f"alone-{suite}", managers=3, workers=2, suite=suite), suite
            self.scene = None
        if self.scene is None or self.scene.locked != locked or self.broken:
            reset(self.lab)
            folder = self.folder / f"swarm-{time.monotonic_ns()}"
            self.scene, self.broken = Scene.of(self.operator, self.lab, folder, locked), False
        return self.scene

    def end(self) -> None:
        """Take down what is up."""
        if self.lab is not None:
            self.lab.down()
        self.lab = None


def points() -> list[str]:
    """Every case, those of one swarm one after the other."""
    return [f"{suite}: {what}, {who}, {'autolock' if locked else 'no autolock'}" for suite, what, who, locked in CASES]


@contextmanager
def session() -> Iterator[Shared]:
    """A lab of its own, one engine at a time."""
    with tempfile.TemporaryDirectory() as name:
        shared = Shared(Operator(Path(name)), Path(name))
        try:
            yield shared
        finally:
            shared.end()


def run(shared: Shared, point: str) -> list[str]:
    """Make one node ill, heal it, and look."""
    suite, what, who, locked = CASES[points().index(point)]
    with told_briefly():
        scene = shared.of(suite, locked)
        shared.broken = True
        cells = _run(scene, what, who)
        shared.broken = what == DISK  # the small disk goes with the next reset
        return cells


def _run(scene: Scene, what: str, who: str) -> list[str]:
    """One point, once its swarm is there."""
    lab = scene.lab
    first = scene.nodes("m1")
    leader = next(name for name, node in first.items() if node.leader)
    victim = {WORKER: "w1", LEADER: leader, MANAGER: next(name for name in MANAGERS if name != leader)}[who]
    asked = next(name for name in MANAGERS if name != victim)
    if what == EXPIRED:
        authority = Authority(lab, "m1", (*MANAGERS, *WORKERS))
    was = scene.nodes(asked)
    asks = [name for name in WORKERS if name != victim]
    with lab.probe(asks, period=0.1, timeout=5) as probe:
        if what == EXPIRED:
            authority.expire(victim, was[victim].id)
        else:
            BREAK[what](lab, victim)
        swarms.eventually(lambda: _is_ill(scene, asked, victim, what), f"the swarm notices that {victim} takes no part",
                          seconds=90)
        done = scene.heal()
        seen, then = _told(done, victim), ""
        new = victim if what in NEW_NODE else ""
        if what in NEEDS_HANDS:
            assert SAYS.get(what, "") in done.output, done.report
            assert not done.ok, done.report
            scene.check(asked, was, ill=victim)
            again = scene.heal()
            assert SAYS.get(what, "") in again.output, again.report
            assert set(again.changed) <= {victim, asked}, again.report
            scene.check(asked, was, ill=victim)
            MEND[what](lab, victim)
            mended = scene.heal()
            assert mended.ok, mended.report
            if what == DISK and scene.nodes(asked)[victim].id == was[victim].id:
                new = ""  # an engine that repairs its log, as 20.10 does, is the node that it was
            then = f"mended by hand, and healed after {mended.seconds:.0f} s"
        else:
            assert done.ok, done.report
        scene.check(asked, was, new=new)
        scene.settled()
        assert "SWMKEY-1-" not in json.dumps(_kept(scene))
    assert not probe.failures, probe.failures[:3]
    then += ", as a new node" * bool(then and new)
    came = "said, and left as it is" if then else "a new node" if new else "the node that it was"
    return [victim, seen, came, f"{done.seconds:.0f} s", f"0 of {probe.requests}", then]


def _is_ill(scene: Scene, asked: str, victim: str, what: str) -> bool:
    node = scene.nodes(asked)[victim]
    # Where only its log cannot go on, its worker's half does.
    return node.reachability != "reachable" and (node.state == "down" or what == DISK)


def _told(done: Run, victim: str) -> str:
    """The sentence by which heal tells what it saw."""
    line = next(line for line in done.output.splitlines() if line.startswith(f"sick: {victim} "))
    return line.removeprefix(f"sick: {victim} ")[:200]


def _kept(scene: Scene) -> list[dict[str, Any]]:
    """The reports that were kept; a run that could do nothing keeps none."""
    paths = list((scene.controller / "reports").glob("heal-*.json"))
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in paths)
    return [json.loads(path.read_text()) for path in paths]
