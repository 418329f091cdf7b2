# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbook ``expel`` does, and on which manager; and afterwards, what came of it, and what is left to people.

Runs on the controller alone, over what the managers registered. Refuses before anything is changed.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce, expel, heal, inventory, report, verdict
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import by_weight
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Swarm, View
from ansible_collections.quorum.swarm.plugins.plugin_utils import console, controller, controller_dir

START, DECIDED = "__swarm_expel_start", "__swarm_expel_decided"
"""The variables of localhost in which the playbook registers the stages."""
SEEN, EXPELLED = "__swarm_expel_seen", "__swarm_expelled"
"""Those in which the managers registered what was true, and what one of them did."""


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Return what the stage decided."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({
            "stage": {"type": "str", "choices": ["start", "decide", "report"], "required": True},
            "node": {"type": "str", "default": ""},
            "confirm": {"type": "str", "default": ""},
            "rotate_ca": {"type": "str", "default": ""},
        })
        self._vars = task_vars
        self._wanted = controller.wanted_of(task_vars)
        return {"changed": False, "at": time.time(), **getattr(self, f"_{args['stage']}")(args)}

    def _start(self, args):
        """What the operator said, and which hosts are asked: never one that is compromised."""
        try:
            ca = coerce.boolean("swarm_expel_rotate_ca", args["rotate_ca"]) if args["rotate_ca"] else None
        except coerce.BadValue as error:
            raise AnsibleActionFail(str(error)) from None
        names = coerce.texts("swarm_node", args["node"]) or list(self._wanted.compromised)
        never = {*names, *self._wanted.compromised, *controller_dir.expelled_hosts(self._wanted.controller_dir)}
        managers = controller.groups_of(self._vars)[inventory.MANAGERS]
        ask = [host for host in managers if host not in never]
        if not ask:
            raise controller.refused(self._vars, f"{inventory.MANAGERS} has no host that is not "
                                     f"compromised ({', '.join(managers)}): there is no manager to act from. Restore a "
                                     "backup on clean hosts: ansible-playbook quorum.swarm.restore")
        if self._wanted.controller_dir and not self._task.check_mode:
            controller_dir.refuse_short_life(self._wanted, self._vars, archives=False)
            controller_dir.prepare(self._wanted.controller_dir)
        return {"names": names, "confirm": coerce.texts("swarm_expel_confirm", args["confirm"]), "rotate_ca": ca,
                "ask": ask, "never": sorted(never), "owner": controller.owner(),
                "controller_dir": self._wanted.controller_dir}

    def _decide(self, args):
        """Refuse, or name the nodes and the manager that takes them out."""
        start, facts = self._told(START), self._facts()
        judgement = verdict.judge(list(facts.values()), self._wanted.swarm_id)
        controller.refuse(heal.unreadable(judgement), self._vars)
        view = judgement.view or View(Swarm(""), ())
        remembered = expel.read(view.swarm.labels)
        known = [host for hosts in controller.groups_of(self._vars).values() for host in hosts]
        found, refusals = expel.targets(start["names"], view.nodes, remembered, self._wanted, known)
        if not found and not any(entry.todo for entry in remembered) and not refusals:
            raise controller.refused(self._vars, "swarm_node is not set, no host of swarm_absent "
                                     "has swarm_compromised: true, and nothing was broken off. "
                                     f"{expel.COMMAND} -e swarm_node=HOST")
        controller.refuse(refusals, self._vars)
        new = expel.entries_of(found, int(time.time()), start["rotate_ca"])
        after = expel.noted(remembered, new)
        ids = {entry.id for entry in after if expel.REMOVE in entry.todo}
        controller.refuse(expel.refuse(view.nodes, ids), self._vars)
        if new and view.swarm.autolock and not self._wanted.controller_dir:
            raise controller.refused(self._vars, "The swarm is autolocked, and "
                                     "swarm_controller_dir is not set: the new unlock key would have no place to be "
                                     "kept. Set it.")
        for target in found:
            for note in expel.elsewhere(target, self._addresses()):
                _say(f"{note.severity}: {note.sentence()}")
            if target.over:
                _say(f"{target.name} is gone, and was taken out as compromised "
                     f"({_when(max(entry.at for entry in target.done))}).")
        for entry in remembered:
            if entry.todo and entry.key not in {one.key for one in new}:
                _say(f"{entry.name}: a run that took it out was broken off. It is gone on with.")
        lines = expel.plan_lines(after, view.nodes, view.swarm.autolock)
        if lines:
            _say(f"Plan ({len(lines)} step{'s' * (len(lines) != 1)}):")
            wide, name = max(len(kind) for kind, _host, _why in lines), max(len(host) for _kind, host, _why in lines)
            for kind, host, why in lines:
                _say(f"  {kind:<{wide}}  {host:<{name}}  {why}")
        missing = expel.unconfirmed(new, start["confirm"], start["names"])
        if self._task.check_mode:
            for item in missing:
                _say(f"to be confirmed: {item.sentence()}")
        else:
            controller.refuse(missing, self._vars)
        here = heal.actor(view, {host: item for host, item in facts.items()
                                 if item.membership.node_id not in ids})
        if not here:
            raise controller.refused(self._vars, "No manager that is not compromised answers and "
                                     "reads the swarm. ansible-playbook quorum.swarm.health")
        pending = [entry for entry in after if entry.todo]
        if pending and not self._task.check_mode:
            self._keep(start, {"swarm_id": view.swarm.id, "actor": here, "through": False,
                               "hosts": [entry.host for entry in pending], "nodes": [one.as_dict() for one in pending]})
        asked = [host for host, item in facts.items() if item.answered and item.membership.node_id in ids]
        if asked:
            _say(f"warning: {', '.join(asked)} was asked before it was known to be meant. Name hosts of the inventory "
                 "by their names: then they are not contacted.")
        return {"actor": [here], "any": bool(lines), "swarm_id": view.swarm.id, "autolock": view.swarm.autolock,
                "keep": view.swarm.autolock and bool(self._wanted.controller_dir) and not self._task.check_mode,
                "nodes": [{"id": entry.id, "host": entry.host, "manager": entry.manager,
                           "rotate_ca": expel.CA in entry.todo} for entry in new]}

    def _report(self, args):
        """Print what came of it, and keep it; fail with what is left."""
        start, decided = self._told(START), self._told(DECIDED)
        result = self._of(decided["actor"][0], EXPELLED)
        if "entries" not in result:
            done = "; ".join(result.get("done") or [])
            raise AnsibleActionFail((f"Done so far: {done}. " if done else "")
                                    + str(result.get("msg") or f"{decided['actor'][0]} did not answer").rstrip(".")
                                    + ". Run again: it goes on from there.")
        entries = [expel.Entry.of(item) for item in result["entries"]]
        named = [item for item in result["entries"]
                 if item.get("host") in start["names"] or item.get("id") in start["names"]
                 or item.get("id") in {node["id"] for node in decided["nodes"]} or not start["names"]]
        for line in ["", *self._exposure(named)]:
            _say(line)
        if self._task.check_mode:
            return {"report": ""}
        seen = HostFacts.of(decided["actor"][0], result["facts"])
        judgement = verdict.judge([seen], self._wanted.swarm_id)
        left = expel.unfinished(entries, judgement.view.nodes if judgement.view else ())
        notes = expel.findings(judgement.view.nodes, [expel.Entry.of(item) for item in named], self._wanted) \
            if judgement.view else []
        for line in ["", *report.swarm(judgement, self._wanted, {seen.host: seen}), "",
                     *(f"  {line}" for line in result["done"] or ["nothing was changed"]), "",
                     *report.findings(by_weight([*left, *notes])), ""]:
            _say(line)
        path = ""
        if decided["any"]:
            path = self._keep(start, {
                "swarm_id": decided["swarm_id"], "actor": decided["actor"][0], "through": not left,
                "hosts": [entry.host for entry in entries if entry.todo], "done": result["done"],
                "problem": result["problem"], "nodes": named, "findings": [item.as_dict() for item in notes]})
            if path:
                _say(f"report: {path}")
        if left:
            return {"failed": True, "report": path, "msg": " | ".join(item.sentence() for item in left)
                    + (f" ({result['problem']})" if result["problem"] else "")}
        return {"report": path}

    def _exposure(self, entries):
        """What is left to people: what these nodes could read, and is there still."""
        lines = []
        for item in entries:
            there, name = item["exposed"], item.get("host") or item["id"]
            whole = "all of them, as a manager has" if item.get("manager") else (
                "whatever it was" if not item.get("id") else "by its tasks, as far as the swarm lists them")
            if not (there["secrets"] or there["configs"]):
                had = item.get("manager") or not item.get("id") or item.get("secrets") or item.get("configs")
                lines.append(f"{name}: none of the secrets and configs that it could read is there any more ({whole})."
                             if had else f"{name} had no secret and no config ({whole}).")
                continue
            lines.append(f"{name} could read ({whole}), to be made anew by you:")
            for kind in ("secrets", "configs"):
                for thing in there[kind]:
                    used = f"  used by {', '.join(thing['used_by'])}" if thing["used_by"] else ""
                    lines.append(f"  {kind[:-1]:<6}  {thing['name']}{used}")
        if entries:
            lines.append("Besides: registry passwords that went with services (--with-registry-auth), data in volumes "
                         "on such a host, and whatever lay there. It also knows the keys of the overlay networks' "
                         "gossip for 36 hours: keep its address from TCP and UDP 7946 and UDP 4789 of the others.")
        return lines

    def _keep(self, start, data):
        """Keep the report in the controller's folder, where there is one; the same file for the whole run. From before
        anything is done, so that the next run knows whom not to contact.
        """
        if not self._wanted.controller_dir:
            return ""
        begun = datetime.fromtimestamp(float(start["at"]), timezone.utc)
        whole = {"kind": "expel", "began": begun.isoformat(timespec="seconds"),
                 "seconds": round(time.time() - float(start["at"]), 1), **data}
        name = f"expel-{data['swarm_id']}-{begun.strftime('%Y%m%dT%H%M%SZ')}.json"
        return controller_dir.keep_report(self._wanted.controller_dir, name, json.dumps(whole, indent=1) + "\n")

    # -- what the playbook registered

    def _addresses(self):
        """Of the hosts of the inventory, where it says one."""
        hostvars = self._vars["hostvars"]
        hosts = [host for hosts in controller.groups_of(self._vars).values() for host in hosts]
        return {host: str(hostvars[host].get("swarm_advertise_addr") or hostvars[host].get("ansible_host") or "")
                for host in hosts}

    def _facts(self):
        return controller.facts_of(self._vars, self._told(START)["ask"], SEEN)

    def _of(self, host, name):
        return controller.plain(self._vars["hostvars"][host].get(name) or {}) if host else {}

    def _told(self, name):
        return self._of("localhost", name)


def _when(at):
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def _say(line):
    console.say(line)
