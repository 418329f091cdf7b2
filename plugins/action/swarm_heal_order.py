# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks ``heal`` and ``rejoin`` do, in which order and on which hosts; and afterwards, what came of it.

Runs on the controller alone, over what the hosts registered. Refuses before anything is changed.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    coerce,
    expel,
    finding,
    heal,
    inventory,
    reach,
    report,
    returning,
    verdict,
)
from ansible_collections.quorum.swarm.plugins.plugin_utils import console, controller, controller_dir

START, JUDGED, PLAN, EMPTIED, MADE = (
    "__swarm_heal_start", "__swarm_heal_judged", "__swarm_heal_plan", "__swarm_heal_emptied", "__swarm_heal_made")
"""The variables of localhost in which the playbooks register the stages."""
SEEN, DAEMON, REBOOTED = "__swarm_heal_seen", "__swarm_heal_daemon", "__swarm_heal_rebooted"
NOTED, CLEANED, LEFT, JOINED, STOOD = (
    "__swarm_heal_noted", "__swarm_heal_cleaned", "__swarm_left", "__swarm_joined", "__swarm_stood_in")
"""Those in which hosts registered what was true of them, and what they did."""
STAGES = ("start", "judge", "acted", "plan", "emptied", "made", "report")


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Return what the stage decided."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({
            "stage": {"type": "str", "choices": list(STAGES), "required": True},
            "playbook": {"type": "str", "choices": ["heal", "rejoin", "recover"], "default": "heal"},
            "nodes": {"type": "list", "elements": "str", "default": []},
            "node": {"type": "str", "default": ""},
            "reboot": {"type": "raw", "default": False},
        })
        self._vars = task_vars
        self._wanted = controller.wanted_of(task_vars)
        result = getattr(self, f"_{args['stage']}")(args)
        return {"changed": False, "at": time.time(), **result}

    # -- who takes no part

    def _start(self, args):
        """What the operator said, read once."""
        try:
            reboot = coerce.boolean("swarm_heal_reboot", args["reboot"])
        except coerce.BadValue as error:
            raise AnsibleActionFail(str(error)) from None
        node = args["node"]
        if args["playbook"] == "rejoin" and self._wanted.node(node) is None:
            hosts = ", ".join(want.host for want in self._wanted.nodes)
            raise controller.refused(
                self._vars, f"swarm_node is {repr(node) if node else 'not set'}, and has to name "
                f"a host of swarm_managers or swarm_workers: {hosts}. ansible-playbook quorum.swarm.rejoin -e "
                "swarm_node=HOST")
        if self._wanted.controller_dir and not self._task.check_mode:
            controller_dir.prepare(self._wanted.controller_dir)
        return {"playbook": args["playbook"], "node": node, "nodes": args["nodes"] or [node] * bool(node),
                "reboot": reboot, "owner": controller.owner(),
                "controller_dir": self._wanted.controller_dir}

    def _judge(self, args):
        """Who takes no part, and what is tried next for whom."""
        facts, before = self._facts(), self._told(JUDGED)
        view = self._view(facts)
        tried = {host: list(rungs) for host, rungs in (before.get("tried") or {}).items()}
        for host in [*before.get("daemon", []), *before.get("reboot", [])] if before else []:
            tried.setdefault(host, []).append(heal.DAEMON if host in before["daemon"] else heal.REBOOT)
        found = heal.find(self._wanted, view, facts, self._now(), self._told(START)["reboot"], tried)
        if not before:
            self._tell(found, view, facts)
        here = heal.actor(view, facts, [item.host for item in found.sick])
        daemon = [item for item in found.sick if heal.DAEMON in item.rungs]
        reboot = [item for item in found.sick if heal.REBOOT in item.rungs and heal.DAEMON not in item.rungs]
        acts = self._acts(found, view, facts) and not self._task.check_mode
        if acts and not here:
            raise controller.refused(self._vars, "No manager that works answers and reads the "
                                     "swarm. ansible-playbook quorum.swarm.health")
        chosen = [*daemon, *reboot] if acts else []
        return {
            "swarm_id": view.swarm.id, "actor": here, "begin": [here] if acts and not before else [],
            "sick": [item.as_dict() for item in found.sick], "surplus": list(found.surplus),
            "notes": [item.as_dict() for item in found.notes],
            "daemon": [item.host for item in daemon] if acts else [],
            "reboot": [item.host for item in reboot] if acts else [],
            "restart": {item.host: item.may_restart for item in chosen},
            "phases": {rung: self._phases([item for item in those if item in chosen], here, facts)
                       for rung, those in ((heal.DAEMON, daemon), (heal.REBOOT, reboot))},
            "giver": [here] if acts or before.get("giver") else [],
            "tried": tried,
            "began": before["began"] if before else [item.as_dict() for item in found.sick],
            "would": self._would(found, view, facts) if self._task.check_mode and not before else {},
        }

    def _phases(self, those, here, facts):
        """The hosts of each play of one rung; nobody where there is nothing to do."""
        if not those:
            return {name: [] for name in ("workers", "managers", "look", "judge", "await")}
        managers = self._groups()[inventory.MANAGERS]
        return {"workers": [item.host for item in those if not item.manager],
                "managers": [item.host for item in those if item.manager],
                "await": [here], "judge": ["localhost"],
                "look": [host for host in managers if not facts[host].is_silent]
                + [item.host for item in those if item.host not in managers]}

    def _acts(self, found, view, facts):
        """Whether there is anything that this run can do."""
        return bool(found.surplus or self._replaced(found, view, facts)
                    or any(set(item.rungs) - {heal.REPLACE} for item in found.sick))

    def _replaced(self, found, view, facts):
        """The spares of those managers for which nothing else is left."""
        lost = [item for item in found.sick if heal.REPLACE in item.rungs]
        return heal.replacements(self._wanted, view, lost, [item.host for item in found.sick], facts)

    def _tell(self, found, view, facts):
        """Print what was found, and the ladder of each."""
        replaced = self._replaced(found, view, facts)
        for note in found.notes:
            _say(f"{note.severity}: {note.sentence()}")
        for item in found.sick:
            _say(f"sick: {item.what}.")
            for number, line in enumerate(heal.ladder(item, replaced), 1):
                _say(f"  {number}. {line}")
        for host in found.surplus:
            _say(f"spare: {host} stands in as a manager, and all managers of the inventory are back: it becomes a "
                 "worker.")

    def _would(self, found, view, facts):
        """Check mode's word for each host that answers."""
        replaced = self._replaced(found, view, facts)
        would = {item.host: "".join(f"{line}\n" for line in heal.ladder(item, replaced))
                 for item in found.sick if item.rungs and facts[item.host].answered}
        would.update({spare: f"takes the place of {host} as a manager\n" for host, spare in replaced.items() if spare})
        would.update(dict.fromkeys(found.surplus, "becomes a worker again\n"))
        return would

    def _acted(self, args):
        """Who is to be waited for: those where something was done, and that went well."""
        judged = self._told(JUDGED)
        nodes = {item["host"]: item for item in judged["sick"]}
        good = []
        for host in judged["restart"]:
            result = self._of(host, DAEMON)
            if returning.came_back(result) and result.get("state") not in ("error", "inactive"):
                good.append(host)  # Docker itself says of the others that they take no part: they are not waited for
            elif returning.came_back(result):
                _say(f"{host}: Docker was started anew, and calls this node {result['state']}.")
            else:
                _say(f"{host}: {_words(result)}")
        return {"await": [{"host": host, "node_id": nodes[host]["node_id"], "manager": nodes[host]["manager"]}
                          for host in good if nodes[host]["node_id"]]}

    # -- becoming a new node

    def _plan(self, args):
        """Who becomes a new node, and who takes whose place; refused before anything of it is changed."""
        start, facts = self._told(START), self._facts()
        view = self._view(facts)
        nothing = {"note": [], "clean": [], "would": {}, "begin": [], "any": False, "controller": [], "look": []}
        if start["playbook"] == "heal":
            judged = self._told(JUDGED)
            if self._task.check_mode or not judged["actor"]:
                return nothing
            hosts = [item["host"] for item in judged["sick"] if heal.REJOIN in item["rungs"]]
        else:
            hosts = list(start["nodes"])
        if start["playbook"] == "rejoin":
            problem = self._no_rejoin(facts, view)
            if problem:
                raise controller.refused(self._vars, f"{problem}")
        here = heal.actor(view, facts, hosts)
        work = self._work(view, facts, hosts, here)
        if start["playbook"] != "rejoin":
            for host in list(hosts):
                alone = self._work(view, facts, [host], here)
                if alone.refusals:
                    hosts.remove(host)
                    _say(f"{host} does not become a new node: {alone.refusals[0].sentence()}")
            work = self._work(view, facts, hosts, here)
        controller.refuse(work.refusals, self._vars)
        if not work.any:
            return nothing
        if not here:
            raise controller.refused(self._vars, "No other manager answers and reads the swarm: "
                                     "nobody could take this host in again.")
        _say(f"Plan ({len(work.steps)} step{'s' * (len(work.steps) != 1)}):")
        for step in work.steps:
            _say(f"  {step.kind:<8}  {step.host:<8}  {step.why}".rstrip())
        would: dict[str, str] = {}
        for step in work.steps:
            if step.host in facts and facts[step.host].answered:
                would[step.host] = would.get(step.host, "") + f"{step.kind}: {step.why}\n"
        if self._task.check_mode:
            return {**nothing, "would": would}
        return {
            "any": True, "controller": ["localhost"], "would": {}, "actor": here, "begin": [here],
            "swarm_id": view.swarm.id,
            "note": [one.host for one in work.rejoins],
            "clean": [one.host for one in work.rejoins if not one.leave and not one.joined],
            "rejoins": {one.host: {**asdict(one), "node_ids": list(one.node_ids), "labels": dict(one.labels)}
                        for one in work.rejoins},
            "managers": [node.manager_addr for node in sorted(view.nodes, key=lambda node: not node.leader)
                         if node.reachable and node.manager_addr and node.host not in hosts],
            "replaced": dict(work.replaced), "allow": sorted(inventory.COUNTING | self._wanted.allowed),
            "force": self._wanted.force, "hosts": hosts,
            "look": self._hosts() if start["playbook"] == "heal" else list(
                dict.fromkeys([*self._groups()[inventory.MANAGERS], *hosts])),
        }

    def _work(self, view, facts, hosts, here):
        """All that changes the members, for these hosts."""
        node_id = facts[here].membership.node_id if here else ""
        if self._told(START)["playbook"] != "heal":
            return heal.work(self._wanted, view, facts, hosts, {}, node_id)
        found = heal.find(self._wanted, view, facts, self._now(), False, self._told(JUDGED).get("tried"))
        failed = [item for item in found.sick if item.manager and item.host not in hosts
                  and (not item.rungs or heal.REPLACE in item.rungs or item.host in self._failed())]
        replaced = heal.replacements(self._wanted, view, failed, [item.host for item in found.sick], facts, hosts)
        return heal.work(self._wanted, view, facts, hosts, replaced, node_id)

    def _no_rejoin(self, facts, view):
        """Why this host cannot become a new node, one sentence; empty: it can."""
        node = self._told(START)["node"]
        item = facts[node]
        barred = expel.barred(view.swarm.labels, [node], self._wanted.allowed)
        if barred and not any(entry.host == node for entry in view.nodes):
            return barred[0].sentence()
        if item.reached:
            return f"{reach.seen(item)}. It stays the node that it is. Mend that, and run again."
        if not item.answered:
            return f"{node} does not answer ({item.why_not}): it cannot join. Bring the host back."
        if item.state.swarm_id and item.state.swarm_id != view.swarm.id:
            return f"foreign: {node} has the state of another swarm ({item.state.swarm_id}). {finding.ELSEWHERE}"
        if not item.engine.installed:
            return f"{node} has no Docker. ansible-playbook quorum.swarm.provision installs it."
        if item.problem == "no_sdk":
            return f"The engine of {node} was not asked: {item.detail}"
        return ""

    def _failed(self):
        """Hosts that were to be emptied, and could not be."""
        told = self._told(PLAN)
        return [host for host in told.get("note") or []
                if not returning.came_back(self._of(host, NOTED))
                or (host in told["clean"] and not returning.came_back(self._of(host, CLEANED)))]

    def _emptied(self, args):
        """What is done by a manager, now that it is known which hosts could be emptied."""
        told, facts = self._told(PLAN), self._facts()
        view, failed = self._view(facts), self._failed()
        for host in failed:
            noted = self._of(host, NOTED)
            result = self._of(host, CLEANED) if returning.came_back(noted) else noted
            _say(f"{host} does not become a new node: {_words(result)}")
        hosts = [host for host in told["hosts"] if host not in failed]
        if failed and self._told(START)["playbook"] == "rejoin":
            nobody = ("remover", "removals", "leave", "closer", "join", "controller")
            return {**{name: [] for name in nobody}, "giver": [told["actor"]], "unmade": failed, "stand_ins": {}}
        work = self._work(view, facts, hosts, told["actor"])
        removals = [asdict(item) for item in work.removals]
        leave = [one.host for one in work.rejoins if one.leave and not one.joined]
        gone = {one.node_id for one in work.removals}
        return {
            "removals": removals, "remover": [told["actor"]] if removals else [], "leave": leave,
            "closer": [told["actor"]] if leave else [],
            "join": [one.host for one in work.rejoins],
            "orders": [asdict(order) for order in work.orders], "controller": ["localhost"],
            "giver": [told["actor"]], "unmade": failed, "replaced": dict(work.replaced),
            "stand_ins": {order.host: order.node_id for order in work.orders
                          if order.host in work.replaced.values()},
            "managers": [[node.id, node.manager_addr] for node in view.reachable if node.id not in gone],
            "removed": [node.as_dict() for node in view.nodes if node.id in gone],
        }

    def _made(self, args):
        """Who gets a place in the swarm: those that joined, and spares that are ready."""
        told = self._told(EMPTIED)
        unmade = []
        for host in told["join"]:
            left = self._of(host, LEFT) if host in told["leave"] else {}
            result = left if left and not returning.came_back(left) else self._of(host, JOINED)
            if not returning.came_back(result):
                unmade.append(host)
                _say(f"{host} does not become a new node: {_words(result)}")
        unready = [spare for spare in told["stand_ins"] if not returning.came_back(self._of(spare, STOOD))]
        for spare in unready:
            _say(f"{spare} is not made a manager: {_words(self._of(spare, STOOD))}")
        orders = [order for order in told["orders"] if order["host"] not in (*unmade, *unready)]
        return {
            "orders": orders, "placer": [self._told(PLAN)["actor"]] if orders else [],
            "finish": [host for host in told["join"] if host not in unmade],
            "unmade": [*told["unmade"], *unmade],
            "replaced": {host: spare for host, spare in (told.get("replaced") or {}).items() if spare not in unready},
        }

    # -- what came of it

    def _report(self, args):
        """Print what came of it, and keep it; fail with what is left."""
        start, judged, facts = self._told(START), self._told(JUDGED), self._facts()
        if self._task.check_mode and start["playbook"] == "rejoin":
            return {"report": ""}
        view, judgement = self._view(facts), self._judgement(facts)
        found = heal.find(self._wanted, view, facts, self._now(), start["reboot"] and self._task.check_mode)
        missing = [item.sentence() for item in heal.missing(self._wanted, view, facts, found)
                   ] if start["playbook"] == "heal" else []
        if self._task.check_mode:
            return {"report": "", **controller.ended([*self._cannot(found, view, facts), *missing])}
        acted = bool(judged.get("tried")) or bool(self._told(PLAN).get("any"))
        if start["playbook"] == "heal" and not judged["began"] and not acted:
            _say("")
            _say(f"nothing to heal: {judgement.verdict}: {judgement.reason}")
            return {"report": "", **controller.ended(missing)}
        lines, did = self._lines(facts, view)
        for line in ["", *report.swarm(judgement, self._wanted, facts), "", *lines]:
            _say(line)
        left = [item for item in found.sick if start["playbook"] == "heal" or item.host == start["node"]]
        path = ""
        if acted and self._wanted.controller_dir:
            begun = datetime.fromtimestamp(float(start["at"]), timezone.utc)
            data = {"kind": start["playbook"], "swarm_id": view.swarm.id, "began": begun.isoformat(timespec="seconds"),
                    "seconds": round(time.time() - float(start["at"]), 1), "sick": judged.get("began") or [],
                    "did": did, "replaced": self._told(MADE).get("replaced") or {},
                    "left": [item.as_dict() for item in left], "removed": self._told(EMPTIED).get("removed") or [],
                    "nodes": [node.as_dict() for node in view.nodes]}
            name = f"{start['playbook']}-{view.swarm.id}-{begun.strftime('%Y%m%dT%H%M%SZ')}.json"
            path = controller_dir.keep_report(self._wanted.controller_dir, name, json.dumps(data, indent=1) + "\n")
            _say(f"report: {path}")
        failed = (self._told(MADE) or self._told(EMPTIED)).get("unmade") or []
        words = [f"{item.what}. {self._why_left(item)}".rstrip() for item in left]
        words += [f"{host} was not made a new node (see above)." for host in failed
                  if host not in {item.host for item in left}]
        words += missing
        if words:
            return {"failed": True, "msg": " | ".join(words), "report": path}
        return {"report": path, "verdict": judgement.verdict}

    def _cannot(self, found, view, facts):
        """Check mode's word for nodes that a run would leave as they are: its plan cannot come true."""
        replaced, here = self._replaced(found, view, facts), self._told(JUDGED)["actor"]
        words = []
        for item in found.sick:
            if heal.hopeless(item, replaced):
                words.append(f"{item.what}: {heal.ladder(item, replaced)[0]}")
            elif set(item.rungs) <= {heal.REJOIN, heal.REPLACE} and heal.REJOIN in item.rungs and here:
                refusals = self._work(view, facts, [item.host], here).refusals
                if refusals and item.host not in replaced:
                    words.append(f"{item.host} does not become a new node: {refusals[0].sentence()}")
        if found.sick and not here:
            words.append("No manager that works answers and reads the swarm: nobody could act.")
        return words

    def _why_left(self, item):
        """What is to do about a node that is still sick."""
        for name in (JOINED, LEFT, CLEANED, NOTED, DAEMON):
            result = self._of(item.host, name)
            if result and not result.get("skipped") and not returning.came_back(result):
                return f"{_words(result)} {item.remedy}".rstrip()
        if item.rungs and not item.remedy:
            return "Run again; ansible-playbook quorum.swarm.health says more."
        return item.remedy

    def _lines(self, facts, view):
        """What was done for each host: for a person, and as data."""
        lines, did = [], {}
        words = {"start": "Docker was started", "restart": "Docker was restarted", "unlock": "unlocked"}
        for host in self._hosts():
            done = []
            daemon, rebooted, cleaned = self._of(host, DAEMON), self._of(host, REBOOTED), self._of(host, CLEANED)
            if rebooted.get("rebooted"):
                done.append("the host was rebooted")
            done += [words[one] for one in daemon.get("did") or []] if returning.came_back(daemon) else []
            joined = self._of(host, JOINED)
            if returning.came_back(self._of(host, LEFT)):
                done.append("it left")
            if returning.came_back(cleaned) and cleaned.get("aside"):
                done.append(f"its state was moved to {cleaned['aside']}")
            if returning.came_back(joined):
                node = view.node(str(joined.get("node_id") or ""))
                done.append(f"it is node {joined.get('node_id')} now" + (
                    f", a {'manager' if node.is_manager else 'worker'}, {node.availability}" if node else ""))
            if done:
                did[host] = done
                lines.append(f"  {host:<8}  {'; '.join(done)}")
        for host, spare in (self._told(MADE).get("replaced") or {}).items():
            lines.append(f"  {host:<8}  {f'{spare} has taken its place' if spare else 'its entry was removed'}")
        return lines, did

    # -- what the playbooks registered

    def _groups(self):
        return controller.groups_of(self._vars)

    def _hosts(self):
        groups = self._groups()
        return list(dict.fromkeys([*groups[inventory.MANAGERS], *groups[inventory.WORKERS]]))

    def _facts(self):
        """What every host of the inventory said when it was asked last."""
        return controller.facts_of(self._vars, self._hosts(), SEEN)

    def _judgement(self, facts):
        managers = [facts[host] for host in self._groups()[inventory.MANAGERS]]
        return verdict.judge([item for item in managers if item.why_not != "it was not asked"], self._wanted.swarm_id)

    def _view(self, facts):
        """The swarm as it was seen last; refused where it has no quorum."""
        judgement = self._judgement(facts)
        controller.refuse(heal.unreadable(judgement), self._vars)
        return judgement.view

    def _now(self):
        return datetime.now(timezone.utc)

    def _of(self, host, name):
        return controller.plain(self._vars["hostvars"][host].get(name) or {}) if host else {}

    def _told(self, name):
        return self._of("localhost", name)


def _words(result):
    """What a module said of its failure, one sentence; ssh's own words where the host could not be reached."""
    text = str(result.get("msg") or "no answer")
    if result.get("unreachable"):
        text = controller.why(text)
    return text.strip().removeprefix("Task failed: ").removeprefix("Module failed: ").rstrip(".") + "."


def _say(line):
    console.say(line)
