# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbook ``recover`` does, in which order and on which hosts; and afterwards, what came of it.

Runs on the controller alone, over what the hosts registered. Refuses before anything irreversible is done.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.quorum.swarm.plugins.action.swarm_judge import last_recovery
from ansible_collections.quorum.swarm.plugins.module_utils.core import (
    coerce,
    datapath,
    health,
    inventory,
    reach,
    recover,
    restart,
    returning,
    split,
    unread,
    verdict,
)
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import Node
from ansible_collections.quorum.swarm.plugins.plugin_utils import backups, console, controller, controller_dir

START, JUDGED, WAITED, BROUGHT, CONFIRMED, CHOSEN, MEMBERS, REST, TIMES, PATHS = (
    "__swarm_recover_start", "__swarm_recover_judged", "__swarm_recover_waited", "__swarm_recover_brought",
    "__swarm_recover_confirmed", "__swarm_recover_chosen", "__swarm_recover_members", "__swarm_recover_rest",
    "__swarm_recover_times", "__swarm_recover_paths")
"""The variables of localhost in which the playbook registers the stages."""
SEEN, END = "__swarm_recover_seen", "__swarm_recover_end"
BACK, EVIDENCE, SURVEYED, RECOVERED, FOLLOWED, FENCED, ARCHIVED, PATH = (
    "__swarm_back", "__swarm_evidence", "__swarm_surveyed", "__swarm_recovered", "__swarm_recover_followed",
    "__swarm_fenced", "__swarm_backup_brought", "__swarm_recover_path")
NOTED, ANEW = "__swarm_recover_noted", ("__swarm_joined", "__swarm_left", "__swarm_heal_cleaned", "__swarm_heal_noted")
"""Whether it is noted what a host's old node was; and how far the host came to be a new one, the last first."""
"""Those in which hosts registered what was true of them, and what they did."""
STAGES = ("preflight", "wait", "judge", "brought", "confirm", "choose", "members", "failed", "followed", "provisioned",
          "paths", "report")
ACTS = (recover.RESUME, recover.RECOVER)


class ActionModule(ActionBase):
    """See the module of this name for its documentation."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Return what the stage decided, and the time, so that the report can say what took how long."""
        super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec({
            "stage": {"type": "str", "choices": list(STAGES), "required": True},
            "confirm": {"type": "str", "default": ""},
            "lost": {"type": "list", "elements": "str", "default": []},
            "survivor": {"type": "str", "default": ""},
            "powered_off": {"type": "raw", "default": False},
            "restart_workers": {"type": "raw", "default": False},
        })
        self._vars = task_vars
        result = getattr(self, f"_{args['stage']}")(args)
        return {"changed": False, "at": time.time(), **result}

    # -- is it lost?

    def _preflight(self, args):
        """What the operator said, read once."""
        wanted = self._wanted()
        try:
            off = coerce.boolean("swarm_recover_powered_off", args["powered_off"])
            restart_workers = coerce.boolean(datapath.RESTART, args["restart_workers"])
        except coerce.BadValue as error:
            raise AnsibleActionFail(str(error)) from None
        if wanted.controller_dir and not self._task.check_mode:
            controller_dir.refuse_short_life(wanted, self._vars)
            controller_dir.prepare(wanted.controller_dir)
        return {"confirm": args["confirm"], "lost": args["lost"], "survivor": args["survivor"], "powered_off": off,
                "restart_workers": restart_workers, "controller_dir": wanted.controller_dir,
                "owner": controller.owner()}

    def _wait(self, args):
        """Let so much time pass since the last reading that a stale leader has fallen silent."""
        time.sleep(max(0.0, float(self._told(JUDGED)["at"]) + recover.APART + 1 - time.time()))
        return {}

    def _judge(self, args):
        """The verdict, or that another reading is needed."""
        wanted, facts = self._wanted(), self._facts()
        managers = self._managers(facts)
        now = datetime.now(timezone.utc)
        judged, before = verdict.judge(managers, wanted.swarm_id, now), self._told(JUDGED)
        reading = {"verdict": judged.verdict, "reason": judged.reason}
        half = recover.unfinished(facts)
        if half:
            return self._judged(recover.RESUME, half, facts[half].state.swarm_id, reading)
        found = split.standing(facts.values(), last_recovery(wanted, facts.values()))
        if judged.verdict == "split" or (found is not None and found.problem):
            return self._split(found, reading)
        first = verdict.Judgement(before["verdict"], before["reason"]) if before else None
        apart = float(self._told(WAITED).get("at") or 0) - float(before["at"]) if before else 0.0
        says = recover.verdict(first, judged, apart, recover.proves_quorum(judged, managers))
        if says == recover.QUORUM and judged.view is not None:
            host = recover.recovered(facts, judged.view.swarm.id)
            return self._judged(recover.REST if host else recover.NOTHING, host, judged.view.swarm.id, reading)
        if says == recover.OTHER:
            raise controller.refused(self._vars, f"{judged.verdict}: {judged.reason} That is "
                                     "nothing that recover is for. ansible-playbook quorum.swarm.health")
        if says == recover.UNSURE:
            if before.get("looks", 0) >= 2:
                raise controller.refused(self._vars, "The managers say something else each time "
                                         f"that they are asked, at last: {judged.reason} Run again when that is over.")
            _say(f"{judged.verdict}: {judged.reason} They are asked once more after {recover.APART:.0f} s.")
            return {**self._judged("", "", "", reading), "again": True, "looks": before.get("looks", 0) + 1}
        found = self._loss(facts)
        controller.refuse([*found.refusals, *recover.clocks(facts, now), *recover.not_yet(found)], self._vars)
        host = recover.forced(facts, found.swarm_id)
        if host:
            _say(f"{host} has the swarm for itself since a recovery that was broken off after that. It goes on.")
            return self._judged(recover.REST, host, found.swarm_id, reading)
        _say(f"lost: {judged.reason}" + (f" So they said twice, {apart:.0f} s apart." if apart else ""))
        for line in recover.told(found):
            _say(line)
        for item in found.unable:
            _say(f"  alive      {reach.seen(item)}")
        todo = recover.bring_back(found, facts)
        for host, what in todo.items():
            _say(f"  first      {host}: {what}")
        return {**self._judged(recover.RECOVER, "", found.swarm_id, reading), "todo": todo,
                "bring": [] if self._task.check_mode else list(todo)}

    def _managers(self, facts):
        """What is judged: the managers of the inventory, and spares that are managers now."""
        listed = controller.groups_of(self._vars)[inventory.MANAGERS]
        return [item for host, item in facts.items() if host in listed or (item.answered and item.membership.control)]

    def _split(self, found, reading):
        """Two swarms of one ID: those that were given up are back. The one that was recovered is the swarm."""
        if found is None or found.problem:
            says = (found.problem, found.remedy) if found is not None else (
                reading["reason"], "None of them was recovered by this collection, so that it is not known which one "
                "counts.")
            raise controller.refused(self._vars, f"split: {says[0]} {says[1]}")
        if not found.remembers:
            raise controller.refused(self._vars, f"split: {found.sentence} The host it was "
                                     "recovered from does not answer as a manager of it, and only there the rest of "
                                     "the recovery can be done. ansible-playbook quorum.swarm.provision takes the "
                                     "others in.")
        _say(f"split: {found.sentence} The others are taken into it.")
        return self._judged(recover.REST, found.host, found.swarm_id, reading)

    @staticmethod
    def _judged(what, host, swarm_id, reading):
        return {"what": what, "host": host, "swarm_id": swarm_id, "again": False, "bring": [], "todo": {},
                **reading}

    # -- before anybody is given up

    def _brought(self, args):
        """Whether the quorum is back; else who looks for the managers that seem to be lost."""
        facts, judged = self._facts(), self._told(JUDGED)
        if judged["what"] == recover.RESUME:
            return {"what": recover.RESUME, "evidence": [], "managers": {}}
        managers = self._managers(facts)
        judgement = verdict.judge(managers, self._wanted().swarm_id, datetime.now(timezone.utc))
        if judgement.readable:
            _say(f"The quorum is back, and nobody was given up. {judgement.verdict}: {judgement.reason}")
            for item in unread.not_at_boot(facts.values()):
                _say(f"{item.severity}: {item.sentence()}")
            return {"what": recover.NOTHING, "evidence": [], "managers": {}, "reason": judgement.reason}
        found = self._loss(facts)
        for host, result in self._by_host(BACK).items():
            if not returning.came_back(result):
                _say(f"warning: {host}: {controller.why(str(result.get('msg') or 'no answer'))}.")
        controller.refuse([*found.refusals, *recover.alive(found)], self._vars)
        return {"what": recover.RECOVER,
                "evidence": [name for name, item in facts.items() if item.answered and found.lost],
                "managers": {voter.name: voter.address for voter in found.lost if voter.address}}

    def _confirm(self, args):
        """Refuse, or name the survivors whose Docker is stopped."""
        start, brought, facts = self._told(START), self._told(BROUGHT), self._facts()
        if brought["what"] != recover.RECOVER:
            return {"survey": []}
        found = self._loss(facts)
        controller.refuse(recover.evidence(found, self._by_host(EVIDENCE)), self._vars)
        missing = recover.confirm(found, start["confirm"], start["lost"])
        locked = [name for name in found.survivors if not self._wanted().controller_dir
                  and facts[name].membership.state == "locked"]
        controller.refuse([Finding("recover_no_keys", "critical", f"{name} is locked, and swarm_controller_dir is not "
                                   "set, so that no key is known.", "Set it.", name) for name in locked], self._vars)
        if self._task.check_mode:
            for item in missing:
                _say(f"to be confirmed: {item.sentence()}")
        else:
            controller.refuse(missing, self._vars)
        return {"survey": list(found.survivors)}

    def _choose(self, args):
        """The survivor that is taken; or why none is, and whose Docker is started again."""
        start, facts = self._told(START), self._facts()
        if self._told(BROUGHT)["what"] == recover.NOTHING:
            return self._chosen("", "", "", "")
        if self._told(BROUGHT)["what"] == recover.RESUME:
            host = self._told(JUDGED)["host"]
            _say(f"{host} has a recovery that was broken off when the swarm was up. It goes on.")
            return self._chosen(recover.RESUME, host, "", "")
        found = self._loss(facts)
        choice = recover.choose(found, self._candidates(), start["survivor"])
        steps = recover.plan_of(found, choice.ranked, facts, not start["powered_off"], self._wanted())
        for one in choice.ranked:
            _say(f"log: {one.line()}")
        for note in choice.notes:
            _say(f"{note.severity}: {note.sentence()}")
        if steps:
            _say(f"Plan ({len(steps)} steps):")
            for step in steps:
                _say(f"  {step.kind:<8}  {step.host:<8}  {step.why}")
        problem = " | ".join(item.sentence() for item in choice.refusals)
        if self._task.check_mode:
            would: dict[str, str] = {}
            for step in steps:
                if step.host in facts and facts[step.host].answered:
                    would[step.host] = would.get(step.host, "") + f"{step.kind}: {step.why}\n"
            if problem:
                raise controller.refused(self._vars, problem)
            return {**self._chosen("", "", "", ""), "would": would}
        return self._chosen(recover.RECOVER, choice.host, "" if problem else self._of(choice.host, SURVEYED)["aside"],
                            problem, bool(found.lost))

    def _chosen(self, what, host, source, problem, given_up=True):
        survivors = list(self._told(CONFIRMED).get("survey") or [])
        return {"what": what, "host": host, "source": source, "problem": problem, "would": {}, "given_up": given_up,
                "force": [] if problem or not what else [host], "back": survivors if problem else []}

    # -- when the swarm is up

    def _members(self, args):
        """How the others come back; or that it was not forced, and whose Docker is started again."""
        what, host = self._what()
        nothing = {"ghosts": [], "remover": [], "follow": {}, "managers": [], "allow": [], "back": [], "fence": [],
                   "problem": "", "given_up": [], "what": what, "host": host, "go": False, "anew": {},
                   "anew_look": []}
        if self._task.check_mode or what == recover.NOTHING:
            return nothing
        if what in ACTS:
            chosen, result = self._told(CHOSEN), self._of(host, RECOVERED)
            problem = chosen["problem"] or ("" if returning.came_back(result) else
                                            f"{host}: {result.get('msg') or 'it did not answer'}")
            if problem:
                # The survivor too: what was put back there is as it was found, and that is stopped.
                return {**nothing, "back": list(self._told(CONFIRMED).get("survey") or []), "problem": problem}
        facts, nodes = self._facts(), self._nodes()
        found, wanted = self._loss(facts), self._wanted()
        members = self._all_members()
        follow = members.of(returning.FOLLOW, returning.CLEAN)
        anew = recover.notes(members, wanted, facts, nodes, found.swarm_id)
        address = next((node.manager_addr for node in nodes if node.id == facts[host].state.node_id), "")
        return {
            **nothing, **self._removals(members.ghosts), "go": True, "fence": [host],
            "allow": sorted(inventory.COUNTING),
            "follow": {item.host: {"keep": item.way == returning.FOLLOW,
                                   "node_ids": [item.node_id] if item.way == returning.FOLLOW else []}
                       for item in follow},
            "managers": [[facts[host].state.node_id, address]],
            "given_up": recover.given_up(wanted, found, facts, nodes),
            "swarm_id": found.swarm_id, "anew": anew, "anew_look": [host, *anew] if anew else [],
        }

    def _removals(self, ghosts):
        """Entries to be removed, and the manager that removes them, where there are some."""
        return {"ghosts": [asdict(item) for item in ghosts], "remover": [self._what()[1]] * bool(ghosts)}

    def _failed(self, args):
        """End a run that forced nothing."""
        back = {name: self._of(name, BACK) for name in self._told(MEMBERS)["back"]}
        still = [name for name, result in back.items() if not returning.came_back(result)]
        now = (f"Docker was started again on {', '.join(back)}" if not still else
               f"Docker could not be started again on {', '.join(still)}: run again, which does") if back else (
                   "nothing was stopped")
        raise AnsibleActionFail(f"No new swarm was forced. {self._told(MEMBERS)['problem']} ({now}.)")

    def _followed(self, args):
        """What did not come back as it was; and whether a backup is due."""
        wanted, members = self._wanted(), self._all_members()
        results = self._by_host(FOLLOWED)
        for host, result in results.items():
            if not returning.came_back(result):
                _say(f"warning: {host} did not come back: {controller.why(str(result.get('msg') or 'no answer'))}.")
        there = [item.host for item in members.of(returning.FOLLOW, returning.MEMBER)
                 if item.way == returning.MEMBER or returning.came_back(results.get(item.host) or {})]
        back = 1 + sum(self._facts()[host].state.role == "manager" for host in there)  # workers are no voters
        self._keep(datetime.now(timezone.utc), None)
        return {**self._removals(returning.late(members, results)), "backup": self._backup_due(wanted),
                "pause": restart.ALLOW in wanted.allowed or back <= 2}

    def _came(self):
        """How the others came back: what the last phase that each of them reached returned."""
        results = self._by_host(FOLLOWED)
        for host in self._told(MEMBERS).get("anew") or {}:
            found = [result for name in ANEW for result in [self._of(host, name)] if result and not
                     result.get("skipped")]
            failed = [result for result in found if not returning.came_back(result)]
            results[host] = (failed or found or [{}])[0] if failed or self._of(host, ANEW[0]) else {
                "failed": True, "msg": "it has not joined yet"}
        return results

    def _backup_due(self, wanted):
        """Whether no backup was taken since this swarm was recovered, in this run or in one that was broken off."""
        what, host = self._what()
        if not wanted.backup_dir:
            return False
        if what in ACTS:
            return True
        ended = health.parse_time(str(self._facts()[host].state.reinit.get("finished_at") or ""))
        newest = backups.newest(wanted.backup_dir, self._told(JUDGED)["swarm_id"])
        return ended is not None and (newest is None or newest.taken_at < ended)

    def _provisioned(self, args):
        """The time, for the report; and the hosts whose data path is looked at: where anything was recovered, or no run
        came so far since.
        """
        looks = (self._what()[0] in ACTS or self._told(START)["restart_workers"] or self._told(REST).get("backup")
                 or not self._looked())
        return {"hosts": [host for host, item in self._facts().items() if item.answered and looks]}

    def _looked(self):
        """Whether the data path was looked at since the last recovery of this swarm, as its report says. Where none is
        kept it is not known.
        """
        kept = controller_dir.newest_recovery(self._wanted().controller_dir, self._told(JUDGED)["swarm_id"])
        return kept is not None and kept[1].get("data_path") is not None

    def _paths(self, args):
        """What does not work between containers on different nodes. The first time who was asked is asked again, later
        and for longer; the second time Docker is started anew where that may help; the third time it is what is told.
        """
        before = self._told(PATHS)
        times = int(before.get("times") or 0) + 1
        paths = list(filter(None, (datapath.Path.of(host, self._of(host, PATH))
                                   for host in self._told(TIMES)["hosts"])))
        found = datapath.broken(paths)
        restart = datapath.to_restart(paths, found, self._told(START)["restart_workers"]) if times == 2 else {}
        left = datapath.findings(found, before.get("restart") or {})
        if times > 1 and not restart:
            for item in left:
                _say(f"{item.severity}: {item.sentence()}")
        return {"times": times, "began": before.get("began") or time.time(), "restart": restart,
                "left": [asdict(item) for item in left],
                "again": [path.host for path in paths] if (found and times == 1) or restart else [],
                "expected": datapath.expected(paths)}

    def _report(self, args):
        """Print what came of it, and keep it."""
        what, host = self._what()
        judged = self._told(JUDGED)
        if self._task.check_mode and judged["what"] in ACTS:
            return {"report": ""}
        if what == recover.NOTHING:
            reason = self._told(BROUGHT).get("reason") or f"{judged['verdict']}: {judged['reason']}"
            _say("")
            _say(f"nothing to recover: the swarm has its quorum. {reason}")
            return {"report": ""}
        seen = controller.facts_of(self._vars, [host], END)[host]
        lines, data, path = self._keep(datetime.now(timezone.utc),
                                       seen.nodes if seen.answered and not seen.problem else None, seen.services)
        for line in ["", *lines, *([f"report: {path}"] if path else []), ""]:
            _say(line)
        return {"report": path, **controller.ended(data["undone"])}

    def _keep(self, now, nodes, services=()):
        """The report; and where it is kept, in the controller's folder: one file for the whole run."""
        what, host = self._what()
        facts, wanted = self._facts(), self._wanted()
        found, judged = self._loss(facts), self._told(JUDGED)
        managers = controller.groups_of(self._vars)[inventory.MANAGERS]
        archive = next(filter(None, (self._of(name, ARCHIVED).get("archive") for name in managers)), "")
        left = self._told(PATHS).get("left")
        outcome = recover.Outcome(
            what, host, judged["reason"], judged.get("todo") or {}, recover.rank(self._candidates()),
            self._of(host, RECOVERED), self._came(), self._of(host, FENCED), nodes, self._phases(), archive,
            None if left is None else [Finding(**item) for item in left],
            controller.left_undone(self._vars, "recover", "provision", "backup", "restart"),
            services, self._told(MEMBERS).get("anew") or {})
        lines, data = recover.report(found, wanted, self._all_members(), facts, outcome)
        if not wanted.controller_dir or self._task.check_mode:
            return lines, data, ""
        if what not in ACTS:
            return lines, data, self._complete(data)
        begun = datetime.fromtimestamp(float(self._told(START)["at"]), timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        name = f"recover-{found.swarm_id}-{begun}.json"
        return lines, data, controller_dir.keep_report(wanted.controller_dir, name, json.dumps(data, indent=1) + "\n")

    def _complete(self, data):
        """A run that had nothing to recover has no report of its own. Where it looked at the data path, that of the
        recovery says from now on what it found. Returns where that is kept; empty: there is none, or nothing to add.
        """
        folder = self._wanted().controller_dir
        kept = controller_dir.newest_recovery(folder, self._told(JUDGED)["swarm_id"])
        if kept is None or data["data_path"] is None:
            return ""
        name, before = kept
        found = {"data_path": data["data_path"], "to_do": data["to_do"],
                 "backup": data["backup"] or before.get("backup", "")}
        return controller_dir.keep_report(folder, name, json.dumps({**before, **found}, indent=1) + "\n")

    def _phases(self):
        """Seconds from one stage to the next."""
        times = [(name, self._told(variable).get("at")) for name, variable in (
            ("", START), ("judging", JUDGED), ("bringing back", BROUGHT), ("confirming", CONFIRMED),
            ("surveying", CHOSEN), ("forcing", MEMBERS), ("following", REST), ("provisioning", TIMES))]
        times.append(("backup", self._told(PATHS).get("began") if self._told(REST).get("backup") else None))
        times.append(("data path", self._told(PATHS).get("at")))
        times = [(name, at) for name, at in times if at is not None]
        return {name: round(at - before, 1) for (_unused, before), (name, at) in zip(times, times[1:])}

    # -- what the playbook registered

    def _what(self):
        """What this run does, and on which host, as far as it is decided."""
        judged, brought, chosen = self._told(JUDGED), self._told(BROUGHT), self._told(CHOSEN)
        if judged["what"] in (recover.NOTHING, recover.REST):
            return judged["what"], judged["host"]
        if brought.get("what") == recover.NOTHING or not chosen.get("what"):
            return recover.NOTHING, ""
        return chosen["what"], chosen["host"]

    def _all_members(self):
        """The same at every stage: from what was seen before, and from the nodes right after it was forced."""
        what, host = self._what()
        facts = self._facts()
        at = datetime.fromtimestamp(float(self._told(JUDGED)["at"]), timezone.utc)
        return recover.members(self._loss(facts), self._wanted(), host, facts, self._nodes(), at,
                               again=what == recover.REST)

    def _nodes(self):
        """The swarm's nodes right after it was forced; in a later run, as they were seen."""
        what, host = self._what()
        if what == recover.REST:
            return list(self._facts()[host].nodes)
        return [Node.of(item) for item in self._of(host, RECOVERED).get("nodes") or ()]

    def _loss(self, facts):
        hostvars = self._vars["hostvars"]
        addresses = {name: str(hostvars[name].get("swarm_advertise_addr") or hostvars[name].get("ansible_host") or "")
                     for name in facts}
        began = self._told(START).get("at")
        at = datetime.fromtimestamp(float(began), timezone.utc) if began else None
        return recover.loss(self._wanted(), facts, addresses, at)

    def _candidates(self):
        surveyed = {name: self._of(name, SURVEYED) for name in self._told(CONFIRMED).get("survey") or []}
        return recover.candidates(self._loss(self._facts()), surveyed)

    def _wanted(self):
        members = self._told(MEMBERS)
        return controller.wanted_of(self._vars, members["given_up"] if members.get("go") else None)

    def _facts(self):
        """What every host of the inventory said when it was asked last."""
        hosts = list(dict.fromkeys(host for hosts in controller.groups_of(self._vars).values() for host in hosts))
        return controller.facts_of(self._vars, hosts, SEEN)

    def _by_host(self, name):
        """What hosts registered under this name, of those that did."""
        hosts = dict.fromkeys(host for hosts in controller.groups_of(self._vars).values() for host in hosts)
        return {host: result for host in hosts for result in [self._of(host, name)] if result}

    def _of(self, host, name):
        return controller.plain(self._vars["hostvars"][host].get(name) or {}) if host else {}

    def _told(self, name):
        return self._of("localhost", name)


def _say(line):
    console.say(line)
