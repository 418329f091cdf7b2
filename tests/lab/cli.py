# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's command line: one verb each for what a person does to a lab. Touches nothing itself."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import image, machine, odd, plan
from .console import LabError, in_parallel, say
from .lab import Lab, down_all
from .node import RUNNING, Node
from .probe import Failure


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit status: 0, or 1 after one line that says what is wrong."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command: list[str] = []
    if "--" in words:
        words, command = words[: words.index("--")], words[words.index("--") + 1 :]
    options = _parser().parse_args(words)
    options.command = command
    try:
        return int(options.verb(options) or 0)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"lab: {error.filename} belongs to another user: run this as root, or set QS_LAB_DIR.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.lab",
        description="Real Docker engines on one machine. State: QS_LAB_DIR, default /var/lib/quorum-swarm-lab.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, act: Callable[[argparse.Namespace], int | None], text: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=text)
        sub.add_argument("--name", default="lab", help="which lab (default: lab)")
        sub.set_defaults(verb=act)
        return sub

    sub = verb("prepare", _prepare, "make the machine ready: packages, engine, images")
    sub.add_argument("--suite", nargs="+", default=["trixie"], choices=image.SUITES)
    sub.add_argument("--bare", action="store_true", help="the bare images too")

    sub = verb("up", _up, "bring a lab up; reuses what runs, starts what is stopped, adds what is missing")
    sub.add_argument("--managers", type=int, default=5)
    sub.add_argument("--workers", type=int, default=2)
    sub.add_argument("--spares", type=int, default=0, help="hosts in no group of the swarm")
    sub.add_argument("--suite", default="trixie", choices=image.SUITES, help="of nodes that are made now")
    sub.add_argument("--bare", action="store_true", help="nodes made now have no engine, but can install one offline")

    sub.add_argument(
        "--odd",
        nargs="*",
        metavar="[NODE=]NAME[,NAME]",
        help="what is odd about all nodes, or about one; none: nothing any longer. One of " + ", ".join(odd.ODDITIES),
    )
    sub.add_argument("--engine", type=Path, metavar="DIR", help="nodes made now run the dockerd of a folder")

    verb("show", _show, "show all nodes, and what their engines say")
    verb("inventory", _inventory, "print the path of the Ansible inventory")

    verb("run", _run, "run a command on a node: run NODE -- COMMAND ...").add_argument("node", metavar="NODE")

    for name, act, text in (
        ("kill", Node.kill, "power loss"),
        ("start", Node.start, "power on, and wait for the boot"),
        ("freeze", Node.freeze, "stop all processes of nodes where they are"),
        ("thaw", Node.thaw, "let frozen nodes go on"),
        ("reconnect", Node.reconnect, "plug nodes in again"),
        ("lease", Node.lease, "make the addresses of nodes look like DHCP leases"),
    ):
        verb(name, _on_nodes(act), text).add_argument("nodes", nargs="+", metavar="NODE")

    sub = verb("partition", _partition, "unplug nodes; with --from, separate them only from those")
    sub.add_argument("nodes", nargs="+", metavar="NODE")
    sub.add_argument("--from", nargs="+", dest="others", metavar="NODE")

    sub = verb("split", _split, "separate two sets of nodes from each other: split m1,m2 / m3,m4,m5")
    sub.add_argument("left", metavar="A,B")
    sub.add_argument("slash", choices=["/"], metavar="/")
    sub.add_argument("right", metavar="C,D")
    verb("heal", lambda options: Lab.open(options.name).heal(), "end all splits, plug all nodes in")

    sub = verb("readdress", _readdress, "give a node another address of the lab's subnet")
    sub.add_argument("node")
    sub.add_argument("address")

    sub = verb("reset", _reset, "nodes (default: all) back to an engine without a swarm")
    sub.add_argument("nodes", nargs="*", metavar="NODE")

    sub = verb("workload", _workload, "a web server on each node that may have tasks")
    sub.add_argument("what", choices=["up", "down"])
    sub.add_argument("--manager", metavar="NODE")

    sub = verb("probe", _probe, "ask the workload on each node until interrupted; print each failed request")
    sub.add_argument("nodes", nargs="*", metavar="NODE", help="default: all that are to serve it")
    sub.add_argument("--period", type=float, default=0.2, help="seconds between requests to a node")
    sub.add_argument("--timeout", type=float, default=1.0, help="seconds until a request has failed")
    sub.add_argument("--seconds", type=float, help="stop after so many")
    sub.add_argument("--json", action="store_true", help="print one JSON object a line")

    sub = verb("down", _down, "remove a lab")
    sub.add_argument("--all", action="store_true", help="all labs, images, the engine that was started, the folder")
    return parser


def _prepare(options: argparse.Namespace) -> None:
    machine.prepare()
    wanted = [(suite, bare) for suite in options.suite for bare in ((False, True) if options.bare else (False,))]
    for suite, bare in wanted:
        image.ensure(suite, bare=bare)
    say("machine: ready")


def _up(options: argparse.Namespace) -> None:
    Lab.up(
        options.name,
        managers=options.managers,
        workers=options.workers,
        spares=options.spares,
        suite=options.suite,
        bare=options.bare,
        odd=None if options.odd is None else _oddities(options),
        engine=options.engine,
    )


def _oddities(options: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    """What the command line says is odd, by node. Raises LabError."""
    lab = Lab(options.name)
    counts = options.managers, options.workers, options.spares
    try:
        planned = [node.name for node in plan.nodes(plan.POOL, *counts)]
        there = [node.name for node in lab.nodes] if lab.exists() else []
        return odd.parse(options.odd, list(dict.fromkeys([*planned, *there])))
    except ValueError as error:
        raise LabError(f"--odd: {error}.") from error


def _inventory(options: argparse.Namespace) -> None:
    print(Lab.open(options.name).inventory)


def _show(options: argparse.Namespace) -> None:
    lab = Lab.open(options.name)
    rows: list[tuple[str, ...]] = [("NODE", "GROUP", "ZONE", "ADDRESS", "STATE", "ENGINE", "SWARM")]
    rows += in_parallel(lab.nodes, _row)
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"split: {','.join(left)} / {','.join(right)}" for left, right in lab.splits]
    print("\n".join(lines))


def _row(node: Node) -> tuple[str, ...]:
    state = node.state()
    engine = swarm = "-"
    if not node.connected():
        state += ", partitioned"
    if state.startswith(RUNNING):
        form = "{{.ServerVersion}}|{{.Swarm.LocalNodeState}}|{{.Swarm.ControlAvailable}}|{{.Swarm.Error}}"
        said = node.run(["docker", "info", "--format", form], check=False, timeout=5)
        if said.returncode == 0:
            engine, member, control, error = said.stdout.strip().split("|", 3)
            # Without a quorum the engine still says that it is in control: the error is what tells.
            swarm = f"{member}, no leader" if error else "manager" if control == "true" else member
        else:
            engine = "no answer" if said.returncode == 124 else "none"
    return (node.name, node.group, node.zone or "-", node.addr, state, engine, swarm)


def _run(options: argparse.Namespace) -> int:
    if not options.command:
        raise LabError("Nothing to run: python3 -m tests.lab run NODE -- COMMAND ...")
    return machine.docker_interactive(Lab.open(options.name).node(options.node).container, options.command)


def _on_nodes(act: Callable[[Node], None]) -> Callable[[argparse.Namespace], None]:
    def verb(options: argparse.Namespace) -> None:
        lab = Lab.open(options.name)
        in_parallel([lab.node(name) for name in options.nodes], act)

    return verb


def _partition(options: argparse.Namespace) -> None:
    lab = Lab.open(options.name)
    if options.others:
        lab.split(options.nodes, options.others)
    else:
        in_parallel([lab.node(name) for name in options.nodes], Node.partition)


def _split(options: argparse.Namespace) -> None:
    Lab.open(options.name).split(options.left.split(","), options.right.split(","))


def _readdress(options: argparse.Namespace) -> None:
    Lab.open(options.name).node(options.node).readdress(options.address)


def _reset(options: argparse.Namespace) -> None:
    Lab.open(options.name).reset(options.nodes)


def _workload(options: argparse.Namespace) -> None:
    lab = Lab.open(options.name)
    if options.what == "up":
        lab.workload_up(options.manager)
    else:
        lab.workload_down(options.manager)


def _probe(options: argparse.Namespace) -> int:
    """Status 1 if a request failed."""
    ended = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: ended.set())

    def show(failure: Failure) -> None:
        if options.json:
            print(json.dumps(failure._asdict()), flush=True)
        else:
            at = time.strftime("%H:%M:%S", time.localtime(failure.time)) + f"{failure.time % 1:.3f}"[1:]
            print(f"{at} {failure.node}: {failure.error}", flush=True)

    probe = Lab.open(options.name).probe(options.nodes or None, period=options.period, timeout=options.timeout)
    probe.on_failure = show
    with probe:
        say(f"probing {', '.join(probe.nodes)}")
        ended.wait(options.seconds)
    say(f"{probe.requests} requests, {len(probe.failures)} failed, longest outage {probe.longest_outage():.1f} s")
    return 1 if probe.failures else 0


def _down(options: argparse.Namespace) -> None:
    if options.all:
        down_all()
    else:
        machine.require()
        Lab(options.name).down()
