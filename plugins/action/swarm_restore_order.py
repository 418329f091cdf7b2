# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbook ``restore`` does, in which order and on which hosts; and afterwards, what came of it.

Runs on the controller alone, over the archive and over what the hosts registered. Refuses before anything is changed.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.module_utils import archive
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    health,
    inventory,
    manifest,
    restart,
    restore,
    returning,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Node
from ansible_collections.quorum.swarm.plugins.plugin_utils import backups, console, controller, controller_dir

SOURCE, ORDER, MEMBERS, REST, TIMES = (
    "__swarm_restore_source", "__swarm_restore_order", "__swarm_restore_members", "__swarm_restore_rest",
    "__swarm_restore_times")
"""The variables of localhost in which the playbook registers the stages."""
SEEN, PROBED, END = "__swarm_restore_seen", "__swarm_restore_probed", "__swarm_restore_end"
"""Those in which hosts registered what was true of them, before and after. Not the name that other playbooks use, which
ask again."""
RESTORED, STOPPED, FOLLOWED, BROUGHT = (
    "__swarm_restored", "__swarm_stopped", "__swarm_followed", "__swarm_backup_brought")
"""Those in which hosts registered what they did."""
STAGES = ("preflight", "order", "members", "followed", "provisioned", "report")


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Return what the stage decided, and the time, so that the report can say what took how long."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({
            "stage": {"type": "str", "choices": list(STAGES), "required": True},
            "archive": {"type": "str"},
            "host": {"type": "str", "default": ""},
            "lost": {"type": "list", "elements": "str", "default": []},
            "unlock_key_file": {"type": "str", "no_log": False},
        })
        self._vars = task_vars
        result = getattr(self, f"_{args['stage']}")(args)
        return {"changed": False, "at": time.time(), **result}

    # -- before any host is asked

    def _preflight(self, args):
        """The archive, proven, and the host that is restored."""
        if not args["archive"]:
            raise AnsibleActionFail("Which archive? -e swarm_restore_archive=FILE names it; ansible-playbook "
                                    "quorum.swarm.verify_backup lists those that are kept.")
        wanted = controller.wanted_of(self._vars)
        # As the operator types it: relative to where ansible-playbook was started.
        path = os.path.abspath(os.path.expanduser(args["archive"]))
        try:
            opened = archive.read(path)
            told = opened.manifest
            proof = archive.prove(opened, self._keys(told, wanted, args["unlock_key_file"]))
            sha256 = archive.checksum_of(path)
        except archive.KeyNeeded as error:
            raise controller.refused(self._vars, f"{error} Name a file that holds it: "
                                     "-e swarm_unlock_key_file=FILE") from None
        except archive.BadArchive as error:
            raise controller.refused(self._vars, f"{error}") from None
        except OSError as error:
            raise AnsibleActionFail(f"{path} cannot be read: {error.strerror}.") from None
        source = restore.Source(told, sha256, path, restore.weight(told, opened.size), archive.roots(opened))
        start = restore.preflight(source, wanted, controller.groups_of(self._vars), args["host"], args["lost"],
                                  self._kept(path, told.swarm_id, wanted))
        controller.refuse(start.refusals, self._vars)
        for note in start.notes:
            _say(f"{note.severity}: {note.sentence()}")
        if proof.unopened:
            _say(f"note: {path} is intact, and is opened on {start.host}, because here {proof.unopened}.")
        if wanted.controller_dir and not self._task.check_mode:
            controller_dir.refuse_short_life(wanted, self._vars)
            controller_dir.prepare(wanted.controller_dir)
        return {"host": start.host, "lost": args["lost"], "path": path, "sha256": sha256, "weight": source.weight,
                "roots": list(source.roots), "manifest": {**asdict(told), "files": {}},
                "controller_dir": wanted.controller_dir,
                "owner": controller.owner()}

    @staticmethod
    def _kept(path, swarm_id, wanted):
        """What else the controller keeps of this swarm: its youngest archive, and its last recovery."""
        folders = dict.fromkeys(filter(None, (os.path.dirname(path), wanted.backup_dir)))
        found = [(name.taken_at, os.path.join(folder, name.file)) for folder in folders
                 for name in [backups.newest(folder, swarm_id)] if name is not None]
        at, youngest = max(found, default=(None, ""))
        kept = controller_dir.newest_recovery(wanted.controller_dir, swarm_id) if wanted.controller_dir else None
        name, data = kept if kept is not None else ("", {})
        return restore.Kept(youngest, at, name, controller_dir.time_of_report(name),
                            data.get("fence") in ("begun", "ca"))

    def _keys(self, told, wanted, key_file):
        """The unlock keys that may open the archive.

        :raises AnsibleActionFail: it needs one, and none is known.
        """
        if not told.autolock:
            return []
        keys = controller_dir.keys_in_file(os.path.expanduser(key_file)) if key_file else []
        keys += controller_dir.kept_keys_of(wanted.controller_dir)(told.swarm_id)
        if not keys:
            raise controller.refused(
                self._vars, f"The archive is autolocked (it needs the unlock key of version "
                f"{told.kek_version}), and no unlock key of swarm {told.swarm_id} is kept in "
                f"{wanted.controller_dir or 'swarm_controller_dir, which is not set'}. Name a file that holds it: "
                f"-e swarm_unlock_key_file=FILE")
        return keys

    # -- before anything is changed

    def _order(self, args):
        """Refuse, or show the plan and return the hosts of each phase."""
        wanted, source, facts = self._wanted(), self._source(), self._facts()
        host = self._told(SOURCE)["host"]
        now = datetime.now(timezone.utc)
        probed = self._of(host, PROBED).get("facts") or {}
        decision = restore.decide(source, wanted, host, facts, self._told(SOURCE)["lost"],
                                  probed.get("libraries") if probed else None, now)
        controller.refuse(decision.refusals, self._vars)
        done = decision.what == restore.NOTHING
        nodes = facts[host].nodes if done and facts[host].nodes else restore.foreseen(source.manifest)
        steps = restore.plan_of(source, decision, restore.members(source, wanted, decision, facts, nodes, now))
        if self._told(ORDER).get("steps") is None:  # the second look, after an engine was installed, says nothing new
            for note in decision.notes:
                _say(f"{note.severity}: {note.sentence()}")
            if steps:
                _say(f"Plan ({len(steps)} step{'s' * (len(steps) != 1)}):")
                _say("\n".join(_table(steps)))
        would: dict[str, str] = {}
        for step in steps:
            would[step.host] = would.get(step.host, "") + f"{step.kind}: {step.why}\n"
        would = {name: text for name, text in would.items() if name in facts and name not in decision.lost}
        check = self._task.check_mode
        phases = {"engine": [host] * decision.engine, "stop": list(decision.stop), "restore": [host]}
        return {"what": decision.what, "host": host, "stop": list(decision.stop), "lost": list(decision.lost),
                "engine": decision.engine, "steps": [step.as_dict() for step in steps], "would": would,
                "phases": {**({name: [] for name in phases} if check else phases), "would": list(would) * check},
                "allow_running": restore.RUNNING in wanted.allowed, "allow_foreign": restore.FOREIGN in wanted.allowed}

    # -- when the swarm is up

    def _members(self, args):
        """How the others come back."""
        members = self._all_members()
        source = self._source()
        follow = members.of(returning.FOLLOW, returning.CLEAN)
        return {
            **self._removals(members.ghosts),
            "follow": {item.host: {"keep": item.way == returning.FOLLOW,
                                   "node_ids": [item.node_id] if item.way == returning.FOLLOW else []}
                       for item in follow},
            "managers": [[source.manifest.node_id, source.manifest.raft_addr]],
            "allow": sorted(inventory.COUNTING),
        }

    def _removals(self, ghosts):
        """Entries to be removed, and the manager that removes them, where there are some."""
        return {"ghosts": [asdict(item) for item in ghosts], "remover": [self._told(ORDER)["host"]] * bool(ghosts)}

    def _followed(self, args):
        """What did not come back as it was; and whether a backup is due."""
        wanted = self._wanted()
        members = self._all_members()
        late = returning.late(members, self._by_host(FOLLOWED))
        for host, result in self._by_host(FOLLOWED).items():
            if not returning.came_back(result):
                _say(f"warning: {host} did not come back: {controller.why(str(result.get('msg') or 'no answer'))}.")
        self._keep(self._outcome(wanted, None), datetime.now(timezone.utc))
        pause = restart.ALLOW in wanted.allowed or len(wanted.managers) <= 2
        due = bool(wanted.backup_dir) and self._backup_due(wanted)
        return {**self._removals(late), "backup": due, "pause": pause}

    def _backup_due(self, wanted):
        """Whether no backup was taken since this swarm was restored, in this run or in one that was broken off."""
        host = self._told(ORDER)["host"]
        if self._of(host, RESTORED).get("changed"):
            return True
        ended = health.parse_time(str(self._facts()[host].state.reinit.get("finished_at") or ""))
        newest = backups.newest(wanted.backup_dir, self._source().manifest.swarm_id)
        return ended is not None and (newest is None or newest.taken_at < ended)

    def _provisioned(self, args):
        """The time, for the report."""
        return {}

    def _report(self, args):
        """Print what came of it, and keep it."""
        host = self._told(ORDER)["host"]
        seen = controller.facts_of(self._vars, [host], END)[host]
        outcome = self._outcome(self._wanted(), seen.nodes if seen.answered and not seen.problem else None)
        lines, data, path = self._keep(outcome, datetime.now(timezone.utc))
        for line in ["", *lines, *([f"report: {path}"] if path else []), ""]:
            _say(line)
        return {"report": path, **controller.ended(data["undone"])}

    def _outcome(self, wanted, nodes):
        """Everything that this run did."""
        order = self._told(ORDER)
        host = order["host"]
        managers = controller.groups_of(self._vars)[inventory.MANAGERS]
        brought = [self._of(name, BROUGHT).get("archive") or "" for name in managers]
        return restore.Outcome(
            order["what"], host, self._of(host, RESTORED), self._by_host(STOPPED), self._by_host(FOLLOWED), nodes,
            self._phases(), next(filter(None, brought), ""), order["lost"],
            controller.left_undone(self._vars, "restore", "provision", "backup"))

    def _phases(self):
        """Seconds from one stage to the next."""
        times = [(name, self._told(variable).get("at")) for name, variable in (
            ("", SOURCE), ("looking", ORDER), ("restoring", MEMBERS), ("following", REST), ("provisioning", TIMES))]
        times.append(("backup", time.time() if self._told(TIMES) and self._told(REST).get("backup") else None))
        times = [(name, at) for name, at in times if at is not None]
        return {name: round(at - before, 1) for (_unused, before), (name, at) in zip(times, times[1:])}

    def _keep(self, outcome, now):
        """Keep the report in the controller's folder; the same file for the whole run."""
        wanted, source = self._wanted(), self._source()
        lines, data = restore.report(source, wanted, self._all_members(), self._facts(), outcome, now)
        if not wanted.controller_dir or self._task.check_mode:
            return lines, data, ""
        begun = datetime.fromtimestamp(float(self._told(SOURCE)["at"]), timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        name = f"restore-{source.manifest.swarm_id}-{begun}.json"
        return lines, data, controller_dir.keep_report(wanted.controller_dir, name, json.dumps(data, indent=1) + "\n")

    # -- what the playbook registered

    def _wanted(self):
        return controller.wanted_of(self._vars, self._told(ORDER).get("lost"))

    def _all_members(self):
        """The same at every stage: from what was seen before the restore, and from the nodes right after it."""
        order = self._told(ORDER)
        decision = restore.Decision(order["what"], order["host"], tuple(order["stop"]), tuple(order["lost"]))
        nodes = [Node.of(item) for item in self._of(order["host"], RESTORED).get("nodes") or ()]
        at = datetime.fromtimestamp(float(order["at"]), timezone.utc)
        return restore.members(self._source(), self._wanted(), decision, self._facts(), nodes, at)

    def _source(self):
        told = self._told(SOURCE)
        archived = manifest.load(json.dumps(told["manifest"]))
        return restore.Source(archived, told["sha256"], told["path"], told["weight"], tuple(told["roots"]))

    def _facts(self):
        """What every host of the inventory said before anything was changed."""
        hosts = list(dict.fromkeys(host for hosts in controller.groups_of(self._vars).values() for host in hosts))
        return controller.facts_of(self._vars, hosts, SEEN)

    def _by_host(self, name):
        """What hosts registered under this name, of those that did."""
        hosts = dict.fromkeys(host for hosts in controller.groups_of(self._vars).values() for host in hosts)
        return {host: result for host in hosts for result in [self._of(host, name)] if result}

    def _of(self, host, name):
        return controller.plain(self._vars["hostvars"][host].get(name) or {})

    def _told(self, name):
        return self._of("localhost", name)


def _say(line):
    console.say(line)


def _table(steps):
    """The plan as a table: what, where, and why."""
    kind = max(len(step.kind) for step in steps)
    host = max(len(step.host) for step in steps)
    return [f"  {step.kind:<{kind}}  {step.host:<{host}}  {step.why}" for step in steps]
