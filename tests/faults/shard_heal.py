# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`heal` of a swarm in which the leader's host, and in some cases a worker's, is ill in one way or another.

Three managers in three zones, two workers, and one more that may stand in for a manager. One run with the illness; then
it ends (the host is powered on), and where that is needed one more; the last one changes nothing. Where no spare stands
in: shard_heal_alone.py.

The checker: one swarm with its ID and all objects; in the end the managers of the inventory, reachable, drained, in
their zones, and the spare a worker again; new tasks read the secret and the config, and reach each other over the
overlay network; labels are kept; the kept unlock key is right, no key lies in clear; no request fails on workers that
are not ill, from before the illness until after the last run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.illness import (
    BREAK,
    CONFIG,
    EMPTIED,
    EXPIRED,
    FROZEN,
    LOOPING,
    MEND,
    OFF,
    STOPPED,
    Authority,
)
from tests.faults.shard_recover import told_briefly
from tests.lab.lab import Lab
from tests.testinfra import objects, restored, swarms
from tests.testinfra.inventories import Inventories
from tests.testinfra.playbooks import Operator, Run

TITLE = "`heal` of a swarm of three managers whose leader's host is ill."
COLUMNS = ("ill", "the run with it", "a spare stood in", "when it is over", "failed requests")

MANAGERS, WORKERS, SPARE = ["m1", "m2", "m3"], ["w1", "w2", "s1"], "s1"
LIMIT = 600

CASES = (
    # suite, illness, autolock, also a worker
    ("trixie", STOPPED, True, True),
    ("trixie", LOOPING, True, False),
    ("trixie", OFF, True, False),
    ("trixie", EXPIRED, True, False),
    ("trixie", EMPTIED, True, True),
    ("trixie", FROZEN, True, False),
    ("trixie", CONFIG, True, False),
    ("trixie", EXPIRED, False, True),
    ("trixie", OFF, False, False),
    ("trixie", FROZEN, False, True),
    ("bookworm", STOPPED, True, True),
    ("bookworm", OFF, True, False),
    ("bookworm", EMPTIED, True, False),
    ("forky", STOPPED, True, True),
    ("forky", OFF, True, False),
    ("forky", EMPTIED, True, False),
)
KEEPS_ITS_NODE = (STOPPED, FROZEN)
"""Illnesses after which the host is the node that it was."""


@dataclass
class Shared:
    """What all points use. One lab at a time."""

    operator: Operator
    folder: Path
    labs: dict[str, Lab] = field(default_factory=dict)

    def lab(self, suite: str) -> Lab:
        """The lab of an engine, with nothing in it."""
        if suite not in self.labs:
            self.end()
        self.labs[suite] = Lab.up(f"heal-{suite}", managers=3, workers=2, spares=1, suite=suite)
        self.labs[suite].reset()
        return self.labs[suite]

    def end(self) -> None:
        """Take down what is up."""
        while self.labs:
            self.labs.popitem()[1].down()


@dataclass
class Scene:
    """A swarm, and who of it is ill."""

    lab: Lab
    operator: Operator
    inventory: Path
    controller: Path
    locked: bool
    swarm_id: str
    nodes: dict[str, swarms.Member]
    objects: dict[str, set[tuple[str, str]]]
    ill: list[str]
    """The leader first."""

    @property
    def asked(self) -> str:
        """A manager that is not ill."""
        return next(name for name in MANAGERS if name not in self.ill)

    def heal(self) -> Run:
        """Run `heal`."""
        done = self.operator.start("heal", self.inventory).wait(seconds=LIMIT)
        print(f"heal: status {done.status}, {done.seconds:.1f} s{': ' * bool(done.failures)}{done.failures}")
        assert "SWMKEY-1-" not in done.output
        return done

    def takes_no_part(self, name: str) -> bool:
        """Whether the swarm sees that this node is ill."""
        node = swarms.by_hostname(swarms.host(self.lab, self.asked)).get(name)
        return node is None or (node.state == "down" and node.reachability != "reachable")

    def assert_whole(self, kept: list[str]) -> None:
        """Every host is the node that it shall be.

        :param kept: hosts that are the nodes that they were.
        """
        by_manager = swarms.host(self.lab, self.asked)

        def ready() -> bool:
            return all(node.state == "ready" and node.reachability in ("", "reachable")
                       for node in swarms.members(by_manager))  # fmt: skip

        swarms.eventually(ready, "all nodes are ready", seconds=60)
        found = swarms.by_hostname(by_manager)
        roles = {name: node.role for name, node in found.items()}
        assert roles == {**dict.fromkeys(MANAGERS, "manager"), **dict.fromkeys(WORKERS, "worker")}, roles
        for name, node in found.items():
            was = self.nodes[name]
            assert (node.labels, node.availability) == (was.labels, was.availability), (name, node, was)
            assert (node.id == was.id) == (name in kept), f"{name} is {'another' if name in kept else 'the same'} node"
        assert swarms.swarm(by_manager)["ID"] == self.swarm_id
        for kind, things in objects.listed(self.lab, self.asked).items():
            assert kind == "node" or things == self.objects[kind], kind
        labels = swarms.swarm(by_manager)["Spec"]["Labels"]
        assert "quorum.swarm/lease" not in labels, labels
        restored.assert_works(self.lab, self.asked, ["w1", "w2"])
        if self.locked:
            restored.assert_keys(self.lab, self.asked, MANAGERS, self.controller)


def points() -> list[str]:
    """Every case, the most telling first."""
    return [f"{suite}: {what}, {'autolock' if locked else 'no autolock'}{', on a worker too' if too else ''}"
            for suite, what, locked, too in CASES]


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
    """Make the swarm, make it ill, heal it, and end what made it ill."""
    number = points().index(point)
    suite, what, locked, too = CASES[number]
    folder = shared.folder / f"point-{number}-{time.monotonic_ns()}"
    folder.mkdir()
    lab = shared.lab(suite)
    with told_briefly():
        scene = _scene(shared.operator, lab, folder, locked, too)
        try:
            return _run(scene, what)
        except BaseException:
            _tell(scene)
            raise
        finally:
            for name in scene.ill:
                lab.node(name).remove()  # with whatever it has on it


def _tell(scene: Scene) -> None:
    """Print what the managers' engines wrote last, for whoever looks for the reason."""
    for name in MANAGERS:
        if scene.lab.node(name).state() == "running":
            wrote = scene.lab.node(name).run("journalctl -u docker -n 80 --no-pager --output=short-precise | grep -v "
                                             "'kernel parameter' | cut -c1-300", check=False)  # fmt: skip
            print(f"-- {name}\n{wrote.stdout}")


def _scene(operator: Operator, lab: Lab, folder: Path, locked: bool, too: bool) -> Scene:
    controller = folder / "controller"
    inventory = Inventories(lab, folder).write(
        MANAGERS, WORKERS, hosts={SPARE: {"swarm_spare_manager": True, "swarm_zone": "c"}},
        swarm_controller_dir=str(controller), ansible_timeout=5, swarm_autolock=locked,
    )  # fmt: skip
    operator.provision(inventory)
    objects.populate(lab, "m1")
    lab.node("m1").run("docker node update --label-add rack=7 m3")
    found = swarms.by_hostname(swarms.host(lab, "m1"))
    leader = next(name for name, node in found.items() if node.leader)
    return Scene(lab, operator, inventory, controller, locked, str(swarms.swarm(swarms.host(lab, "m1"))["ID"]), found,
                 objects.listed(lab, "m1"), [leader, *(["w1"] if too else [])])


def _run(scene: Scene, what: str) -> list[str]:
    """One point, once its swarm is there."""
    lab, well = scene.lab, [name for name in ("w1", "w2") if name not in scene.ill]
    with lab.probe(well, period=0.1) as probe:
        if what == EXPIRED:
            authority = Authority(lab, scene.asked, (*MANAGERS, *WORKERS))
        for name in scene.ill:
            if what == EXPIRED:
                authority.expire(name, scene.nodes[name].id)
            else:
                BREAK[what](lab, name)
        for name in scene.ill:
            swarms.eventually(lambda name=name: scene.takes_no_part(name), f"{name} takes no part", seconds=120)  # type: ignore[misc]
        first = scene.heal()
        managers = swarms.by_hostname(swarms.host(lab, scene.asked))
        stands_in = managers[SPARE].reachability == "reachable"
        assert sum(node.reachability == "reachable" for node in managers.values()) == 3 or not first.ok, first.report
        for name in scene.ill:
            MEND.get(what, lambda _lab, _name: None)(lab, name)
        second = scene.heal()
        assert second.ok, second.report
        kept = [name for name in scene.nodes if name not in scene.ill or what in KEEPS_ITS_NODE]
        scene.assert_whole(kept)
        again = scene.heal()
        assert again.ok, again.report
        assert not again.changed, again.report
    assert not probe.failures, probe.failures[:3]
    said = "healed" if first.ok and not stands_in else _words(first) if not first.ok else "replaced"
    then = f"healed, {second.seconds:.0f} s" if second.changed else "nothing to do"
    return [", ".join(scene.ill), f"{said}, {first.seconds:.0f} s", "yes" if stands_in else "no", then,
            f"0 of {probe.requests}"]  # fmt: skip


def _words(run: Run) -> str:
    """What a run that could not heal all said, without its address."""
    text = " ".join(run.failures.split())
    return f"told: {text[:160]}"
