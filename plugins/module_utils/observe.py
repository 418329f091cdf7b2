# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one host knows: the dictionary that ``view.HostFacts`` reads. Asks engine.py, host.py and statedir.py.

Never fails because of the engine: that is a ``problem``. Changes nothing, and does not start a stopped engine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import (
    host,
    journal,
    libraries,
    rejoin_journal,
    services,
    statedir,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core import daemon, keyring, unread, verdict, view
from ansible_collections.quorum.swarm.plugins.module_utils.engine import (
    Engine,
    EngineError,
    NoEngine,
    NoSdk,
    NotManager,
    engine_facts,
    error_of,
    is_of_task,
    is_present,
    membership_facts,
    node_facts,
    service_facts,
    swarm_facts,
    task_facts,
    wait_until,
)

SECONDS = 25.0
"""For everything that the engine is asked: the 20 s after which it gives up by itself, and some more."""


def observe(params: Mapping[str, Any]) -> dict[str, Any]:
    """All that this host says.

    :param params: ``docker_host``, ``api_timeout`` and ``gather``.
    :raises EngineError: only for a ``docker_host`` that is not this host's own.
    """
    engine = Engine.of_params(params, budget=SECONDS)
    facts: dict[str, Any] = {
        "hostname": host.hostname(),
        "root": host.is_root(),
        "not_at_boot": host.boot_problem(),
        "engine": dict(asdict(view.Engine()), installed=host.engine_installed()),
        "membership": asdict(view.Membership()),
        "addresses": host.addresses(),
        "problem": "",
        "detail": "",
        "swarm": None,
        "nodes": [],
        "services": [],
        "tasks": [],
        "certificate_expires": "",
        "pending_restart": pending_restart(),
        "unfinished": _unfinished(),
        "auto_upgrades": host.auto_upgrades(),
        "state": {},
    }
    try:
        _ask(engine, params["gather"], facts)
    except EngineError as error:
        facts["problem"] = error.problem
        facts["detail"] = error.text
        if isinstance(error, NoSdk):
            facts["python"] = libraries.facts()
        if not facts["engine"]["answers"]:
            facts["engine"]["error"] = error.text
    if "state" in params["gather"]:
        facts["state"] = _on_disk(facts["engine"]["root_dir"], _task_containers(engine, facts["engine"]))
        facts["state"]["clock"] = datetime.now(timezone.utc).isoformat()
        facts["state"]["written"] = statedir.last_written(facts["state"]["root_dir"])
    return facts


def _on_disk(answered: str, containers: list[str]) -> dict[str, Any]:
    """``view.LocalState``, by what lies on the disk. What cannot be read is ``unread``, never "there is none"."""
    there = services.OWN_DIRECTORY
    while not os.path.exists(there):
        there = os.path.dirname(there)
    try:
        last = journal.Journal().read()
    except journal.Unreadable:
        last = None
    known = view.LocalState(free=shutil.disk_usage(there).free, containers=tuple(containers),
                            reinit=asdict(last) if last else {}, rejoin=rejoin_journal.pending())
    try:
        root_dir = services.root_dir(answered)
        known = replace(known, root_dir=root_dir, room=_room(root_dir))
        return asdict(_of_swarm(known))
    except statedir.Unread as error:
        return asdict(replace(known, unread=str(error) if host.is_root() else f"{unread.NOT_ROOT} ({error})"))


def _of_swarm(known: view.LocalState) -> view.LocalState:
    """The same with what its state directory says.

    :raises statedir.Unread: part of it cannot be read: then nothing of it counts.
    """
    root_dir = known.root_dir
    found = statedir.node_certificate(root_dir)
    known = replace(known, raft_log=statedir.holds_raft_log(root_dir),
                    managers=tuple(statedir.known_managers(root_dir)))
    if found is None:
        return known
    return replace(known, swarm_id=found.swarm, node_id=found.node, role=found.role.removeprefix("swarm-"),
                   roots=statedir.trusted_roots(root_dir),
                   not_before=found.not_before.isoformat(), not_after=found.not_after.isoformat())


def _room(path: str) -> int | None:
    """Bytes that root may still write there; None: nobody knows."""
    try:
        while not os.path.exists(path):
            path = os.path.dirname(path)
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bfree * found.f_frsize


def _task_containers(engine: Engine, told: Mapping[str, Any]) -> list[str]:
    """The IDs of running containers that a swarm started; none where the engine does not answer."""
    try:
        return sorted(raw["Id"] for raw in engine.containers() if is_of_task(raw)) if told["answers"] else []
    except EngineError:
        return []


def observe_settled(params: Mapping[str, Any], patience: float) -> dict[str, Any]:
    """The same, asked again for so many seconds while it may be of the moment only."""
    def is_settled(facts: dict[str, Any]) -> bool:
        return not verdict.in_between(view.HostFacts.of(facts["hostname"], facts))

    return wait_until(lambda: observe(params), is_settled, patience)[1]


def pending_restart() -> str:
    """Why Docker waits to be restarted; a note that is older than the engine that runs is through."""
    note = host.pending_restart()
    if not note:
        return ""
    process = services.engine_process()
    return note if daemon.waits(services.written(host.PENDING_RESTART), process.started if process else None) else ""


def _unfinished() -> str:
    """A restore or recovery that was broken off here, in a few words; empty: there is none."""
    try:
        last = journal.Journal().read()
    except journal.Unreadable as error:
        return str(error).rstrip(".")
    if last is None or (last.reached(journal.FINISHED) and last.settled):
        return ""
    return f"a {last.what} of swarm {last.swarm_id}, begun {last.started_at}, ended after the step '{last.step}'"


def _ask(engine: Engine, gather: list[str], facts: dict[str, Any]) -> None:
    """Fill ``facts`` from the engine, as far as it answers.

    :raises EngineError: the reason why it did not get further.
    """
    stopped = host.engine_stopped()
    if stopped:
        raise NoEngine(stopped)
    if not facts["engine"]["installed"] and not engine.socket_exists():
        raise NoEngine("no Docker engine is installed on this host.")
    info = engine.info()
    facts["engine"] = engine_facts(info)
    if facts["engine"]["firewall"] == "nftables":
        facts["engine"]["swarm_nftables"] = services.feature("swarm-nftables")
    facts["membership"] = membership_facts(info)
    facts["membership"]["joined_through"] = statedir.joined_through(facts["engine"]["root_dir"])
    facts["membership"]["advertises"] = statedir.advertises(facts["engine"]["root_dir"])
    with contextlib.suppress(statedir.Unread):
        certificate = statedir.node_certificate(facts["engine"]["root_dir"])
        facts["certificate_expires"] = certificate.not_after.isoformat() if certificate else ""
    problem, detail = _problem(facts["membership"])
    if problem:
        facts["problem"], facts["detail"] = problem, detail
        return
    if "swarm" in gather:
        facts["swarm"] = swarm_facts(engine.swarm())
        if (facts["swarm"]["spec"].get("EncryptionConfig") or {}).get("AutoLockManagers"):
            facts["swarm"]["unlock_key_digest"] = keyring.digest(engine.unlock_key())
    if "nodes" in gather:
        facts["nodes"] = [node_facts(raw) for raw in engine.nodes()]
    if "services" in gather:
        facts["services"] = [service_facts(raw) for raw in engine.services()]
        if facts["swarm"]:
            facts["swarm"]["encrypted_networks"] = engine.encrypted_networks()
    if "tasks" in gather:
        facts["tasks"] = [task_facts(raw) for raw in engine.tasks() if is_present(raw)]


def _problem(membership: Mapping[str, Any]) -> tuple[str, str]:
    """Why this node cannot speak for a swarm, and the words for it; empty where it may be asked.

    ``ControlAvailable`` is true without a quorum, too: what tells is ``Swarm.Error`` [26.1].
    """
    state, error = membership["state"], membership["error"]
    if state == "inactive":
        return "not_member", "this host is in no swarm."
    if error:
        return error_of(error).problem, error
    if state == "active" and not membership["control"]:
        return NotManager.problem, "this host is a worker."
    if state != "active":
        return "error", f"this host's place in the swarm is '{state}'."
    return "", ""
