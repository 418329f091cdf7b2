# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab: its nodes together, what it remembers in lab.json, and the inventory it writes for Ansible.

Touches the lab's own folder below machine.folder(), and through node and network the engine.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import image, machine, network, plan
from . import odd as oddities
from .console import LabError, in_parallel, locked, say
from .node import ABSENT, FROZEN, OFF, RUNNING, Node
from .probe import Probe
from .workload import PORT, Workload


class Lab:
    """A running lab. Get one from Lab.up or Lab.open; it reads lab.json anew each time, so it is never out of date."""

    def __init__(self, name: str) -> None:
        if not plan.valid_name(name):
            raise LabError(f"'{name}' is no name for a lab: up to 20 of a-z, 0-9 and '-'.")
        self.name = name
        self.folder = machine.folder() / "labs" / name

    # Getting one, and giving it back.

    @classmethod
    def open(cls, name: str = "lab") -> Lab:
        """The lab of this name, which is up. Raises LabError if there is none or no engine answers."""
        lab = cls(name)
        if not lab.exists():
            raise LabError(f"There is no lab '{name}': `python3 -m tests.lab up --name {name}` makes one.")
        machine.require()
        return lab

    @classmethod
    def up(
        cls,
        name: str = "lab",
        *,
        managers: int = 5,
        workers: int = 2,
        spares: int = 0,
        suite: str = "trixie",
        bare: bool = False,
        odd: Mapping[str, Iterable[str]] | Iterable[str] | None = None,
        engine: Path | None = None,
    ) -> Lab:
        """Bring a lab up and return it: nodes that run are reused, stopped ones started, missing ones made.

        Nodes that are there keep the suite they were made with; nodes beyond the counts stay.

        odd: what is odd (odd.ODDITIES): names for all nodes, or by node; None: as it was. engine: a folder with the
        programs of an engine, for nodes that are made now. A node that is there becomes odd, or is no longer so, at its
        next reset. Raises LabError.
        """
        lab = cls(name)
        if engine and not (engine / "dockerd").is_file():
            raise LabError(f"{engine} is no folder with an engine: it has no file dockerd.")
        machine.prepare()
        lab.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(lab.folder / "lock"):
            image.ensure(suite, bare=bare)
            with machine.lock():
                subnet = network.ensure(name)
            try:
                planned = plan.nodes(subnet, managers, workers, spares)
            except ValueError as error:
                raise LabError(str(error)) from error
            lab._plan_nodes(subnet, planned, suite=suite, bare=bare, engine=engine)
            lab._plan_oddities(odd)
            in_parallel(lab.nodes, lab._bring_up)
        say(f"{name}: up, {len(lab.nodes)} nodes; inventory: {lab.inventory}")
        return lab

    def down(self) -> None:
        """Remove the lab: nodes with their disks, network, folder. Also what is left of one that came up by half."""
        say(f"{self.name}: taking down")
        with machine.lock():
            in_parallel(_containers(self.name), lambda container: machine.docker("rm", "-f", "-v", container))
            if network.exists(self.name):
                network.remove(self.name)
            _remove_cgroups(self.name)
            shutil.rmtree(self.folder, ignore_errors=True)

    def exists(self) -> bool:
        """Whether there is a lab of this name, up or not."""
        return self._file.exists()

    @staticmethod
    def names() -> list[str]:
        """The labs of this machine's folder, up or not."""
        return sorted(folder.name for folder in (machine.folder() / "labs").glob("*") if folder.is_dir())

    # What it is.

    @property
    def nodes(self) -> list[Node]:
        """All nodes: managers, workers, spares."""
        return [Node(self, name) for name in self._state()["nodes"]]

    @property
    def managers(self) -> list[Node]:
        """The nodes in the inventory's group swarm_managers."""
        return [node for node in self.nodes if node.group == plan.MANAGERS]

    @property
    def workers(self) -> list[Node]:
        """The nodes in the inventory's group swarm_workers."""
        return [node for node in self.nodes if node.group == plan.WORKERS]

    @property
    def spares(self) -> list[Node]:
        """Hosts with an engine that are in no group of the swarm."""
        return [node for node in self.nodes if node.group == plan.SPARES]

    def node(self, name: str) -> Node:
        """The node of this name. Raises LabError if there is none."""
        if name not in self._state()["nodes"]:
            raise LabError(f"{self.name} has no node {name}: there are {', '.join(self._state()['nodes'])}.")
        return Node(self, name)

    def record(self, name: str) -> dict[str, Any]:
        """What lab.json says of a node."""
        return dict(self._state()["nodes"][name])

    @property
    def subnet(self) -> ipaddress.IPv4Network:
        """The lab's own /24. Its first address is this machine's."""
        return ipaddress.IPv4Network(self._state()["subnet"])

    @property
    def splits(self) -> list[tuple[list[str], list[str]]]:
        """The splits in force: pairs of sets of nodes that are separated from each other."""
        return [(left, right) for left, right in self._state()["splits"]]

    @property
    def unplugged(self) -> list[str]:
        """The names of the nodes that are partitioned from everyone."""
        return list(self._state()["unplugged"])

    @property
    def inventory(self) -> Path:
        """The Ansible inventory."""
        return self.folder / "inventory.yml"

    @property
    def ssh_config(self) -> Path:
        """For people: `ssh -F FILE m1`."""
        return self.folder / "ssh_config"

    # Faults between nodes. (Faults of one node are methods of the node.)

    def split(self, left: Collection[str], right: Collection[str]) -> None:
        """Separate two sets of nodes from each other, both ways, silently; the controller still reaches them all.

        Splits add up, and outlive kill, start and readdress, until heal. Raises LabError.
        """
        nodes = [self.node(name) for name in (*left, *right)]
        with self._changing() as state:
            state["splits"].append([sorted(left), sorted(right)])
        in_parallel(nodes, Node.apply_network)

    def heal(self) -> None:
        """End all splits and plug all nodes in."""
        with self._changing() as state:
            state["splits"] = []
            state["unplugged"] = []
        in_parallel(self.nodes, Node.apply_network)

    def plug(self, nodes: Collection[Node], *, plugged: bool) -> None:
        """Plug nodes in, or unplug them, until heal; nothing else ends it. Raises LabError."""
        names = {node.name for node in nodes}
        with self._changing() as state:
            others = set(state["unplugged"]) - names
            state["unplugged"] = sorted(others if plugged else others | names)
        in_parallel(nodes, Node.apply_network)

    def readdress(self, node: Node, addr: str) -> None:
        """Give a node another address, in the inventory too. Raises LabError if it is taken or outside the subnet."""
        network.require_inside(self.subnet, addr)
        with self._changing() as state:
            for name, record in state["nodes"].items():
                if addr in (record["addr"], record["home"]) and name != node.name:
                    raise LabError(f"{addr} is the address of {name}.")
            state["nodes"][node.name]["addr"] = addr
        # The others, too, may have to be deaf to the new address.
        in_parallel(self.nodes, Node.apply_network)

    def network_script(self, name: str) -> str:
        """What makes a node's network what the lab wants it to be. See network.node_script."""
        state = self._state()
        cut = plan.cut_peers(state["splits"], name)
        record = state["nodes"][name]
        script = network.node_script(
            record["addr"],
            unheard=[state["nodes"][peer]["addr"] for peer in cut],
            unplugged=name in state["unplugged"],
        )
        return script + oddities.boot_script(record["odd"], record["home"])

    # All back to the start.

    def reset(self, names: Sequence[str] = ()) -> None:
        """Bring nodes (default: all) back to "an engine, no swarm", at their first addresses, connected and running.

        A node that is off, bare, odd or too broken to be wiped in place is made anew. Splits end where all are reset.
        What is odd about a node stays so.
        """
        nodes = [self.node(name) for name in names] or self.nodes
        with self._changing() as state:
            for node in nodes:
                state["nodes"][node.name]["addr"] = state["nodes"][node.name]["home"]
            if not names:
                state["splits"] = []
            state["unplugged"] = [name for name in state["unplugged"] if name not in {node.name for node in nodes}]
        in_parallel(nodes, self._reset_node)
        say(f"{self.name}: reset {', '.join(node.name for node in nodes)}")

    def _reset_node(self, node: Node) -> None:
        if node.state() == FROZEN:
            node.thaw()
        record = self.record(node.name)
        if node.state() == RUNNING and not any(record[name] for name in ("bare", "odd", "made_odd", "engine")):
            try:
                node.apply_network()
                node.wipe()
                return
            except LabError as error:
                say(f"{node.name}: making it anew, since it could not be wiped: {error}")
        if node.state() != ABSENT:
            node.remove()
        self._bring_up(node)

    # Something to keep alive.

    def workload_up(self, manager: str | None = None) -> list[Node]:
        """Start the workload from a manager (default: any that answers); returns the nodes that serve it."""
        return Workload(self).up(manager)

    def workload_down(self, manager: str | None = None) -> None:
        """Remove the workload's service."""
        Workload(self).down(manager)

    def probe(self, nodes: Iterable[Node | str] | None = None, *, period: float = 0.2, timeout: float = 1.0) -> Probe:
        """A probe of the workload on these nodes (default: those whose engines are to serve it). See probe.Probe."""
        chosen = Workload(self).nodes() if nodes is None else list(nodes)
        named = [self.node(node) if isinstance(node, str) else node for node in chosen]
        return Probe({node.name: f"http://{node.addr}:{PORT}/" for node in named}, period=period, timeout=timeout)

    # What it remembers.

    @property
    def _file(self) -> Path:
        return self.folder / "lab.json"

    def _state(self) -> dict[str, Any]:
        try:
            state = dict(json.loads(self._file.read_text()))
        except FileNotFoundError as error:
            raise LabError(f"The lab '{self.name}' is gone.") from error
        # A lab may be older than oddities are.
        none: dict[str, Any] = {"odd": [], "made_odd": [], "engine": ""}
        return {**state, "nodes": {name: {**none, **record} for name, record in state["nodes"].items()}}

    def _changing(self) -> _Change:
        return _Change(self)

    def _plan_nodes(
        self,
        subnet: ipaddress.IPv4Network,
        planned: list[plan.NodePlan],
        *,
        suite: str,
        bare: bool,
        engine: Path | None,
    ) -> None:
        """Add the nodes that the lab does not know yet, and write all files."""
        if not self.exists():
            empty = {"name": self.name, "subnet": str(subnet), "nodes": {}, "splits": [], "unplugged": []}
            _write(self._file, json.dumps(empty))
        with self._changing() as state:
            for node in planned:
                if node.name not in state["nodes"]:
                    state["nodes"][node.name] = {
                        **asdict(node),
                        "home": node.addr,
                        "suite": suite,
                        "bare": bare,
                        "engine": str(engine.absolute()) if engine else "",
                        "made_odd": [],
                    }
            order = {group: at for at, group in enumerate((plan.MANAGERS, plan.WORKERS, plan.SPARES))}
            state["nodes"] = dict(
                sorted(state["nodes"].items(), key=lambda item: (order[item[1]["group"]], int(item[0][1:])))
            )

    def _plan_oddities(self, wanted: Mapping[str, Iterable[str]] | Iterable[str] | None) -> None:
        """Note what is to be odd. Raises LabError where that is nothing that a node can be."""
        if wanted is None:
            return
        with self._changing() as state:
            every = () if isinstance(wanted, Mapping) else tuple(wanted)
            by_node = wanted if isinstance(wanted, Mapping) else dict.fromkeys(state["nodes"], every)
            unknown = sorted(set(by_node) - set(state["nodes"]))
            if unknown:
                raise LabError(f"{self.name} has no node {', '.join(unknown)}: there are {', '.join(state['nodes'])}.")
            for name, record in state["nodes"].items():
                try:
                    record["odd"] = list(oddities.check(by_node.get(name, ())))
                except ValueError as error:
                    raise LabError(f"{name}: {error}.") from error

    def _bring_up(self, node: Node) -> None:
        state = node.state()
        record = self.record(node.name)
        if state != ABSENT and record["odd"] != record["made_odd"]:
            say(f"{self.name}: {node.name} changes what is odd about it at its next reset")
        if state == RUNNING:
            return
        if state == FROZEN:
            node.thaw()
        elif state == OFF:
            node.start()
        else:
            made_of = image.ensure(str(record["suite"]), bare=bool(record["bare"]))
            node.create(made_of, cgroup_version=machine.cgroup_version())
            node.wait_booted(healthy=True)
            node.apply_network()
            node.make_odd(record["odd"], Path(record["engine"]) if record["engine"] else None)
            with self._changing() as changed:
                changed["nodes"][node.name]["made_odd"] = record["odd"]
        say(f"{self.name}: {node.name} is up at {node.addr}")


class _Change:
    """Holds the lab's state for one change, then writes it and all files that follow from it."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._lock = locked(lab.folder / "state.lock")

    def __enter__(self) -> dict[str, Any]:
        self._lock.__enter__()
        self._state = self._lab._state()
        return self._state

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                lab = self._lab
                names = plan.NodePlan.__dataclass_fields__
                nodes = [plan.NodePlan(**{key: node[key] for key in names}) for node in self._state["nodes"].values()]
                _write(lab._file, json.dumps(self._state, indent=1) + "\n")
                key, control = machine.private_key(), machine.control_folder()
                _write(lab.inventory, plan.inventory(lab.name, nodes, key, control))
                _write(lab.ssh_config, plan.ssh_config(nodes, key, control))
        finally:
            self._lock.__exit__(None, None, None)


def _write(path: Path, text: str) -> None:
    """Replace a file in one step: others read it at any moment."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    beside.rename(path)


def _containers(lab: str) -> list[str]:
    filters = ["--filter", f"label={machine.LABEL}={lab}", "--filter", f"label={machine.owner_label()}"]
    return machine.docker("ps", "--all", "--quiet", *filters).split()


def _remove_cgroups(lab: str) -> None:
    """On a hybrid cgroup v1 machine each node made a cgroup of its own, which outlives its container."""
    for tree in Path("/sys/fs/cgroup/unified").glob(f"qs-{lab}-*"):
        if not re.fullmatch(rf"qs-{lab}-[a-z]\d+", tree.name):
            continue  # of a lab whose name begins with this one's
        for folder in sorted((path for path in tree.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        tree.rmdir()


def down_all() -> None:
    """Remove every lab, every image, the engine that the lab started and the folder: no trace but apt's packages."""
    if not machine.folder().exists():
        return
    machine.wake()
    for name in Lab.names():
        Lab(name).down()
    image.remove_all()
    machine.remove()
    say("machine: no trace of any lab is left (packages that apt installed stay)")
