# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides what one run of ``provision`` does, shows it, and hands each phase the hosts it is for.

Runs on the controller alone. Refuses before anything is changed.
"""

from __future__ import annotations

import time
from dataclasses import asdict

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.action.swarm_judge import judge, last_recovery
from ansible_collections.quorum.swarm.plugins.module_utils.core import lease, provision, remains
from ansible_collections.quorum.swarm.plugins.plugin_utils import backups, console, controller, controller_dir

PHASES = ("discards", "returned", "engines", "init", "begin", "joins", "stand_ins", "actor", "heir", "leaves", "closer",
          "settler", "pins", "giver")
"""The phases that act."""


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Refuse, or return the phases of the run."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({
            "engine_check": {"type": "bool", "default": False},
            "engine_config": {"type": "dict", "default": {}},
            "look": {"type": "int", "default": 1},
        })
        wanted = controller.wanted_of(task_vars)
        judgement, facts = judge(task_vars, wanted)
        facts.update(controller.facts_of(task_vars, provision.to_ask(wanted, judgement, facts, args["engine_check"])))
        view = judgement.view
        kept = ""
        if wanted.controller_dir and view is not None:
            kept = controller_dir.kept_keys(wanted.controller_dir, view.swarm.id).digest
        recovery = last_recovery(wanted, facts.values())
        decision = provision.decide(wanted, judgement, facts, bool(args["engine_config"]), args["engine_check"], kept,
                                    recovery.hosts if recovery is not None else (),
                                    controller_dir.short_life(wanted.controller_dir), _archives(wanted, facts))
        owner, now = controller.owner(), time.time()
        # In check mode nobody is waited for: the plan is what it would be at this moment.
        other = None if self._task.check_mode else provision.changer(facts, owner, now, controller.is_dead)
        if provision.in_doubt(wanted, judgement, facts, decision, args["look"], other is not None):
            if other is None:
                console.say(f"note: {judgement.verdict} so far; that may be of the moment only.")
            return {"changed": False, "doubt": True, "look": args["look"], "awaits": other[0] if other else "",
                    "owner": owner, "phases": {name: [] for name in (*PHASES, "would")}}
        controller.refuse(decision.refusals, task_vars)
        for finding in decision.notes:
            console.say(f"{finding.severity}: {finding.sentence()}")
        if decision.steps:
            console.say(f"Plan ({len(decision.steps)} step{'s' * (len(decision.steps) != 1)}):")
            for line in _lines(decision.steps):
                console.say("  " + line)
        held = lease.read(view.swarm.labels) if view is not None else None
        would = _by_host(decision)
        return {
            "changed": False,
            "doubt": False,
            "look": args["look"],
            "awaits": decision.actor,
            "swarm_id": view.swarm.id if view is not None else "",
            "steps": [step.as_dict() for step in decision.steps],
            "would": would,
            "phases": _phases(decision, list(would), bool(self._task.check_mode), _is_stale(held)),
            "asked": sorted(facts),
            "discards": dict(decision.discards),
            "init": asdict(decision.init) if decision.init else {},
            "joins": [asdict(join) for join in decision.joins],
            "orders": [asdict(order) for order in decision.orders],
            "removals": [asdict(item) for item in decision.removals],
            "settings": dict(decision.settings),
            "keep_key": decision.keep_key,
            "pins": {pin.host: pin.address for pin in decision.pins},
            "actor": decision.actor,
            "closer": decision.closer,
            "releaser": "" if decision.lingers else decision.closer or decision.actor,
            "stand_ins": dict(decision.stand_ins),
            "managers": [[node.id, node.manager_addr] for node in view.reachable] if view is not None else [],
            "remote_addrs": list(decision.remote_addrs),
            "known_nodes": list(decision.known_nodes),
            "allow": sorted(wanted.allowed),
            "ways": dict(decision.into.targets),
            "triers": list(decision.into.triers),
            "swarm": {
                "default_addr_pool": list(wanted.default_addr_pool),
                "subnet_size": wanted.subnet_size,
                "data_path_port": wanted.data_path_port,
            },
            "force": wanted.force,
            "owner": owner,
            "unsettled": [item.as_dict() for item in decision.unsettled],
        }


def _archives(wanted, facts):
    """The youngest archive of each swarm whose state lies on a disk; a folder that cannot be read has none to offer."""
    found = {}
    for swarm_id in remains.swarm_ids(facts.values()) if wanted.backup_dir else ():
        try:
            name = backups.newest(wanted.backup_dir, swarm_id)
        except AnsibleActionFail:
            continue
        if name is not None:
            found[swarm_id] = remains.Kept(f"{wanted.backup_dir}/{name.file}", name.host)
    return found


def _is_stale(held):
    """Whether a lease is there that nobody holds any more: its time is over, or its run is known to be dead."""
    return held is not None and (held.expires < time.time() or controller.is_dead(held.owner))


def _phases(decision, would, check_mode, stale_lease):
    """The hosts of each play. In check mode nobody acts, and each host says what it would have.

    A lease that a killed run left is taken and given back, also where there is nothing else to do.
    """
    acts = decision.places_nodes and bool(decision.actor)
    begins = (acts or decision.lingers or stale_lease) and bool(decision.actor) and decision.init is None
    told = {
        "discards": list(decision.discards),
        "returned": list(decision.returned),
        "engines": list(decision.engines),
        "init": [decision.init.host] if decision.init else [],
        "begin": [decision.actor] if begins else [],
        "joins": [join.host for join in decision.joins],
        "stand_ins": list(decision.stand_ins),
        "actor": [decision.actor] if acts else [],
        "heir": [decision.closer] if decision.hands_over else [],
        "leaves": list(decision.leaves),
        "closer": [decision.closer] if decision.closer else [],
        "settler": [decision.closer or decision.actor] if decision.settles else [],
        "pins": [pin.host for pin in decision.pins],
        "giver": [decision.closer or decision.actor] if decision.lingers or (begins and not acts) else [],
    }
    # The ways are tried in check mode, too: nothing is changed by it, and a plan that cannot come true is refused.
    ways = {"ways": list(decision.into.targets), "triers": list(decision.into.triers)}
    if check_mode:
        return {**{name: [] for name in PHASES}, **ways, "would": would}
    return {**told, **ways, "would": []}


def _lines(steps):
    """The plan as a table: what, where, and why."""
    kind = max(len(step.kind) for step in steps)
    host = max(len(step.host) for step in steps)
    return [f"{step.kind:<{kind}}  {step.host:<{host}}  {step.why}".rstrip() for step in steps]


def _by_host(decision):
    """What would change on, or for, each host: one text a host, in the order of the plan."""
    texts: dict[str, list[str]] = {}
    for step in decision.steps:
        host = step.host or decision.closer or decision.actor
        texts.setdefault(host, []).append(f"{step.kind}: {step.why}")
    return {host: "\n".join(lines) + "\n" for host, lines in texts.items()}
