# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The phases of every playbook as data: which hosts each play is for, and under which names it registers its results.

Pure. A playbook writes ``hosts: "{{ hostvars | default({}) | quorum.swarm.phase('recover', 'force') }}"``; the filter
asks ``hosts`` here. ``tests/unit/test_phases.py`` holds this table against the playbooks and the roles, in both
directions. So a misspelt phase, stage or name of a result fails there, and ends the playbook where it runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils.core import names
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding

LOCAL = "localhost"
FAULT = "This is a fault of the collection: please report it."
CONTROLLER, MANAGERS, WORKERS, MEMBERS, INVENTORY, LISTED = (
    "controller", "managers", "workers", "members", "inventory", "listed")
"""Where a phase runs: on the controller; on hosts of the inventory's groups (``members``: managers and workers;
``inventory``: those and the hosts to be taken out; ``listed``: the managers and the hosts to be taken out); where it
names none of these, on the hosts that an earlier stage told."""
_GROUPS = {
    MANAGERS: ("swarm_managers",),
    WORKERS: ("swarm_workers",),
    MEMBERS: ("swarm_managers", "swarm_workers"),
    INVENTORY: ("swarm_managers", "swarm_workers", "swarm_absent"),
    LISTED: ("swarm_managers", "swarm_absent"),
}


class Unplayable(ValueError):
    """The playbook must end here. Its text is one sentence for the operator."""


@dataclass(frozen=True)
class Phase:
    """One play."""

    name: str
    where: str = ""
    told: str = ""
    """For a phase on hosts that a stage told: the stage's variable on the controller, and the key in its result, such
    as ``__swarm_plan.phases.joins``. A list, the keys of a mapping, or one name; empty: the phase has nothing to do."""
    also: str = ""
    """A second such key: its hosts come after those of ``where``."""
    when: str = ""
    """Only where this key of a stage's result is true; a variable alone: where that stage ran."""
    only: tuple[str, ...] = ()
    """Only where the value of ``when`` is one of these."""
    asked: bool = False
    """Whether the play itself says by ``when=`` whether it has anything to do."""
    registers: tuple[str, ...] = ()
    """The names of the results, on every host of the phase."""
    needed: bool = False
    """Whether a failure on any of its hosts, or a result with a ``problem``, fails the run, though the play goes on."""


def guard_of(playbook: str) -> str:
    """The name under which the first stage of this playbook registers its result."""
    return f"__swarm_guard_{playbook}"


def _guard(playbook: str) -> Phase:
    return Phase("guard", CONTROLLER, registers=(guard_of(playbook),))


_HEAL_RUNG = tuple(
    phase for rung in ("daemon", "reboot") for phase in (
        Phase(f"{rung}_workers", told=f"__swarm_heal_judged.phases.{rung}.workers", registers=("__swarm_heal_daemon",)),
        Phase(f"{rung}_managers", told=f"__swarm_heal_judged.phases.{rung}.managers",
              registers=("__swarm_heal_daemon",)),
        Phase(f"{rung}_acted", told=f"__swarm_heal_judged.phases.{rung}.judge", registers=("__swarm_heal_acted",)),
        Phase(f"{rung}_await", told=f"__swarm_heal_judged.phases.{rung}.await", registers=("__swarm_heal_awaited",)),
        Phase(f"{rung}_look", told=f"__swarm_heal_judged.phases.{rung}.look", registers=("__swarm_heal_seen",)),
        Phase(f"{rung}_judge", told=f"__swarm_heal_judged.phases.{rung}.judge", registers=("__swarm_heal_judged",)),
    ))

_NEW_NODES = (
    Phase("new_would", told="__swarm_heal_plan.would", registers=("__swarm_would",)),
    Phase("new_begin", told="__swarm_heal_plan.begin", registers=("__swarm_heal_begun",)),
    Phase("note", told="__swarm_heal_plan.note", registers=("__swarm_heal_noted",)),
    Phase("empty", told="__swarm_heal_plan.clean", registers=("__swarm_heal_cleaned",)),
    Phase("emptied", told="__swarm_heal_plan.controller", registers=("__swarm_heal_emptied",)),
    Phase("take_out", told="__swarm_heal_emptied.remover", registers=("__swarm_heal_taken_out",)),
    Phase("leave", told="__swarm_heal_emptied.leave", registers=("__swarm_left",)),
    Phase("take_out_rest", told="__swarm_heal_emptied.closer", registers=("__swarm_heal_taken_out",)),
    Phase("join", told="__swarm_heal_emptied.join", registers=("__swarm_joined",)),
    Phase("stand_in", told="__swarm_heal_emptied.stand_ins", registers=("__swarm_stood_in",)),
    Phase("made", told="__swarm_heal_emptied.controller", registers=("__swarm_heal_made",)),
    Phase("place", told="__swarm_heal_made.placer", registers=("__swarm_heal_placed",)),
    Phase("new_give_back", told="__swarm_heal_emptied.giver", registers=("__swarm_heal_given_back",)),
    Phase("finish", told="__swarm_heal_made.finish", registers=("__swarm_heal_finished",)),
)

_RECOVER_LOOK = (
    Phase("look_wait", CONTROLLER, when="__swarm_recover_judged.again", registers=("__swarm_recover_waited",)),
    Phase("look", MANAGERS, when="__swarm_recover_judged.again", registers=("__swarm_recover_seen",)),
    Phase("look_judge", CONTROLLER, when="__swarm_recover_judged.again", registers=("__swarm_recover_judged",)),
)

PLAYBOOKS: dict[str, tuple[Phase, ...]] = {
    "backup": (
        _guard("backup"),
        Phase("observe", MANAGERS, registers=("__swarm_seen",)),
        Phase("choose", CONTROLLER, registers=("__swarm_backup_order",)),
        Phase("wait", MANAGERS, when="__swarm_backup_order.doubt", registers=("__swarm_backup_waited",)),
        Phase("look", MANAGERS, when="__swarm_backup_order.doubt", registers=("__swarm_seen",)),
        Phase("choose_again", CONTROLLER, when="__swarm_backup_order.doubt", registers=("__swarm_backup_order",)),
        Phase("back_up", told="__swarm_backup_order.hosts",
              registers=("__swarm_backup_taken", "__swarm_backup_brought")),
        Phase("look_again", MANAGERS, registers=("__swarm_seen",)),
        Phase("report", CONTROLLER),
    ),
    "drill": (
        _guard("drill"),
        Phase("order", CONTROLLER, registers=("__swarm_drill_order",)),
        Phase("ask", told="__swarm_drill_order.hosts", registers=("__swarm_drill_able",)),
        Phase("choose", CONTROLLER, registers=("__swarm_drill_chosen",)),
        Phase("drill", told="__swarm_drill_chosen.host", registers=("__swarm_drilled",)),
        Phase("report", CONTROLLER),
    ),
    "expel": (
        _guard("expel"),
        Phase("start", CONTROLLER, registers=("__swarm_expel_start",)),
        Phase("observe", told="__swarm_expel_start.ask", registers=("__swarm_expel_seen",)),
        Phase("decide", CONTROLLER, registers=("__swarm_expel_decided",)),
        Phase("expel", told="__swarm_expel_decided.actor", registers=("__swarm_expelled",)),
        Phase("report", CONTROLLER),
    ),
    "heal": (
        _guard("heal"),
        Phase("start", CONTROLLER, registers=("__swarm_heal_start",)),
        Phase("observe", MEMBERS, registers=("__swarm_heal_seen",)),
        Phase("judge", CONTROLLER, registers=("__swarm_heal_judged",)),
        Phase("would", told="__swarm_heal_judged.would", registers=("__swarm_would",)),
        Phase("begin", told="__swarm_heal_judged.begin", registers=("__swarm_heal_lease",)),
        *_HEAL_RUNG,
        Phase("decide", CONTROLLER, registers=("__swarm_heal_plan",)),
        *_NEW_NODES,
        Phase("give_back", told="__swarm_heal_judged.giver", registers=("__swarm_heal_given_back",)),
        Phase("look_again", told="__swarm_heal_plan.look", registers=("__swarm_heal_seen",)),
        Phase("report", CONTROLLER),
    ),
    "health": (
        _guard("health"),
        Phase("begin", CONTROLLER),
        Phase("managers", MANAGERS, registers=("__swarm_health_facts",)),
        Phase("order", CONTROLLER, registers=("__swarm_health_order",)),
        Phase("workers", WORKERS, registers=("__swarm_health_facts", "__swarm_health_late")),
        Phase("again", MANAGERS, registers=("__swarm_health_again",)),
        Phase("report", CONTROLLER, registers=("__swarm_health_result",)),
    ),
    "provision": (
        _guard("provision"),
        Phase("observe", LISTED, registers=("__swarm_seen",)),
        Phase("judge", CONTROLLER, registers=("__swarm_judged",)),
        Phase("ask", told="__swarm_judged.ask", registers=("__swarm_probed", "__swarm_disk")),
        Phase("decide", CONTROLLER, registers=("__swarm_plan",)),
        Phase("look", LISTED, asked=True, registers=("__swarm_seen",)),
        Phase("look_judge", CONTROLLER, asked=True, registers=("__swarm_judged",)),
        Phase("look_ask", told="__swarm_judged.ask", asked=True, registers=("__swarm_probed", "__swarm_disk")),
        Phase("look_decide", CONTROLLER, asked=True, registers=("__swarm_plan",)),
        Phase("listen", told="__swarm_plan.phases.ways", registers=("__swarm_listens",)),
        Phase("try_ways", told="__swarm_plan.phases.triers", registers=("__swarm_tried",)),
        Phase("stop_listening", told="__swarm_plan.phases.ways", registers=("__swarm_stopped_listening",)),
        Phase("judge_ways", CONTROLLER, when="__swarm_plan.phases.ways", registers=("__swarm_ways_judged",)),
        Phase("would", told="__swarm_plan.phases.would", registers=("__swarm_would",)),
        Phase("discard", told="__swarm_plan.phases.discards", registers=("__swarm_discarded",)),
        Phase("return", told="__swarm_plan.phases.returned", registers=("__swarm_cleaned",)),
        Phase("engines", told="__swarm_plan.phases.engines", registers=("__engine_seen",)),
        Phase("init", told="__swarm_plan.phases.init", registers=("__swarm_begun",)),
        Phase("begin", told="__swarm_plan.phases.begin", registers=("__swarm_begun",)),
        Phase("begin_after", told="__swarm_plan.phases.begin", asked=True, registers=("__swarm_begun",)),
        Phase("join", told="__swarm_plan.phases.joins", registers=("__swarm_joined",)),
        Phase("stand_in", told="__swarm_plan.phases.stand_ins", registers=("__swarm_stood_in",)),
        Phase("place", told="__swarm_plan.phases.actor", registers=("__swarm_placed",)),
        Phase("hand_over", told="__swarm_plan.phases.heir", registers=("__swarm_placed",)),
        Phase("leave", told="__swarm_plan.phases.leaves", registers=("__swarm_left",)),
        Phase("finish", told="__swarm_plan.phases.closer", registers=("__swarm_placed",)),
        Phase("settings", told="__swarm_plan.phases.settler", registers=("__swarm_set",)),
        Phase("pin", told="__swarm_plan.phases.pins", registers=("__swarm_pinned",)),
        Phase("give_back", told="__swarm_plan.phases.giver", registers=("__swarm_given_back",)),
        Phase("report", CONTROLLER),
    ),
    "recover": (
        _guard("recover"),
        Phase("start", CONTROLLER, registers=("__swarm_recover_start",)),
        Phase("observe", INVENTORY, registers=("__swarm_recover_seen",)),
        Phase("judge", CONTROLLER, registers=("__swarm_recover_judged",)),
        *_RECOVER_LOOK,
        Phase("bring_back", told="__swarm_recover_judged.bring", registers=("__swarm_back",)),
        Phase("await", MANAGERS, when="__swarm_recover_judged.bring", registers=("__swarm_recover_seen",)),
        Phase("brought", CONTROLLER, when="__swarm_recover_judged.what", only=("recover", "resume"),
              registers=("__swarm_recover_brought",)),
        Phase("evidence", told="__swarm_recover_brought.evidence", registers=("__swarm_evidence",)),
        Phase("confirm", CONTROLLER, when="__swarm_recover_brought", registers=("__swarm_recover_confirmed",)),
        Phase("survey", told="__swarm_recover_confirmed.survey", registers=("__swarm_surveyed",)),
        Phase("choose", CONTROLLER, when="__swarm_recover_confirmed", registers=("__swarm_recover_chosen",)),
        Phase("would", told="__swarm_recover_chosen.would", registers=("__swarm_would",)),
        Phase("force", told="__swarm_recover_chosen.force", registers=("__swarm_recovered",)),
        Phase("members", CONTROLLER, registers=("__swarm_recover_members",)),
        Phase("back", told="__swarm_recover_members.back", registers=("__swarm_back",)),
        Phase("failed", CONTROLLER, when="__swarm_recover_members.problem"),
        Phase("note_anew", told="__swarm_recover_members.anew", registers=("__swarm_recover_noted",)),
        Phase("remove", told="__swarm_recover_members.remover", registers=("__swarm_recover_removed",)),
        Phase("follow", told="__swarm_recover_members.follow", registers=("__swarm_recover_followed",)),
        Phase("followed", CONTROLLER, when="__swarm_recover_members.go", registers=("__swarm_recover_rest",)),
        Phase("remove_rest", told="__swarm_recover_rest.remover", registers=("__swarm_recover_removed",)),
        Phase("fence", told="__swarm_recover_members.fence", registers=("__swarm_fenced",), needed=True),
        Phase("anew", CONTROLLER, when="__swarm_recover_members.anew", registers=("__swarm_heal_start",)),
        Phase("anew_look", told="__swarm_recover_members.anew_look", registers=("__swarm_heal_seen",)),
        Phase("anew_plan", CONTROLLER, when="__swarm_recover_members.anew", registers=("__swarm_heal_plan",)),
        *_NEW_NODES,
        Phase("provisioned", CONTROLLER, when="__swarm_recover_members.go", registers=("__swarm_recover_times",)),
        Phase("path", told="__swarm_recover_times.hosts", registers=("__swarm_recover_path",)),
        Phase("path_judge", CONTROLLER, when="__swarm_recover_times.hosts", registers=("__swarm_recover_paths",)),
        Phase("path_again", told="__swarm_recover_paths.again", registers=("__swarm_recover_path",)),
        Phase("path_judge_again", CONTROLLER, when="__swarm_recover_paths.again", registers=("__swarm_recover_paths",)),
        Phase("path_note", told="__swarm_recover_paths.restart", registers=("__swarm_recover_path_noted",)),
        Phase("path_last", told="__swarm_recover_paths.again", when="__swarm_recover_paths.restart",
              registers=("__swarm_recover_path",)),
        Phase("path_judge_last", CONTROLLER, when="__swarm_recover_paths.restart",
              registers=("__swarm_recover_paths",)),
        Phase("look_at_it", told="__swarm_recover_members.fence", registers=("__swarm_recover_end",)),
        Phase("report", CONTROLLER),
    ),
    "rejoin": (
        _guard("rejoin"),
        Phase("start", CONTROLLER, registers=("__swarm_heal_start",)),
        Phase("observe", MANAGERS, also="__swarm_heal_start.node", registers=("__swarm_heal_seen",)),
        Phase("decide", CONTROLLER, registers=("__swarm_heal_plan",)),
        *_NEW_NODES,
        Phase("look_again", told="__swarm_heal_plan.look", registers=("__swarm_heal_seen",)),
        Phase("report", CONTROLLER),
    ),
    "restart": (
        _guard("restart"),
        Phase("observe", MEMBERS, registers=("__swarm_seen",)),
        Phase("decide", CONTROLLER, registers=("__swarm_restart",)),
        Phase("workers", told="__swarm_restart.workers", registers=("__engine_restarted",)),
        Phase("managers", told="__swarm_restart.managers", registers=("__engine_restarted",)),
        Phase("look_again", MANAGERS, when="__swarm_restart.closer", registers=("__swarm_seen",)),
        Phase("report", CONTROLLER),
    ),
    "restore": (
        _guard("restore"),
        Phase("prove", CONTROLLER, registers=("__swarm_restore_source",)),
        Phase("observe", INVENTORY, registers=("__swarm_restore_seen",)),
        Phase("decide", CONTROLLER, registers=("__swarm_restore_order",)),
        Phase("would", told="__swarm_restore_order.phases.would", registers=("__swarm_would",)),
        Phase("engine", told="__swarm_restore_order.phases.engine",
              registers=("__engine_seen", "__swarm_restore_seen")),
        Phase("decide_again", CONTROLLER, when="__swarm_restore_order.phases.engine",
              registers=("__swarm_restore_order",)),
        Phase("stop", told="__swarm_restore_order.phases.stop", registers=("__swarm_stopped",)),
        Phase("restore", told="__swarm_restore_order.phases.restore", registers=("__swarm_restored",)),
        Phase("members", CONTROLLER, when="__swarm_restore_order.phases.restore",
              registers=("__swarm_restore_members",)),
        Phase("remove", told="__swarm_restore_members.remover", registers=("__swarm_restore_removed",)),
        Phase("follow", told="__swarm_restore_members.follow", registers=("__swarm_followed",)),
        Phase("settle", told="__swarm_restore_order.phases.restore", registers=("__swarm_restore_settled",)),
        Phase("followed", CONTROLLER, when="__swarm_restore_order.phases.restore",
              registers=("__swarm_restore_rest",)),
        Phase("remove_rest", told="__swarm_restore_rest.remover", registers=("__swarm_restore_removed",)),
        Phase("provisioned", CONTROLLER, registers=("__swarm_restore_times",)),
        Phase("look", told="__swarm_restore_order.phases.restore", registers=("__swarm_restore_end",)),
        Phase("report", CONTROLLER, when="__swarm_restore_order.phases.restore"),
    ),
    "schedule_backup": (
        _guard("schedule_backup"),
        Phase("schedule", CONTROLLER, registers=("__swarm_scheduled",)),
    ),
    "unlock": (
        _guard("unlock"),
        Phase("observe", MANAGERS, registers=("__swarm_seen",)),
        Phase("judge", CONTROLLER, registers=("__swarm_judged",)),
        Phase("unlock", told="__swarm_judged.locked", registers=("__swarm_unlocked",)),
        Phase("look_again", told="__swarm_judged.locked", registers=("__swarm_seen",)),
        Phase("report", CONTROLLER),
    ),
    "verify_backup": (
        _guard("verify_backup"),
        Phase("verify", CONTROLLER, registers=("__swarm_verify_backup",)),
    ),
}
"""The phases of each playbook, in the order of its plays."""


def of(playbook: str) -> tuple[Phase, ...]:
    """The phases of a playbook.

    :raises Unplayable: there is no such playbook.
    """
    try:
        return PLAYBOOKS[playbook]
    except KeyError:
        raise Unplayable(f"{playbook} is no playbook of quorum.swarm. {FAULT}") from None


def find(playbook: str, name: str) -> Phase:
    """The phase of this name.

    :raises Unplayable: the playbook has no such phase.
    """
    for phase in of(playbook):
        if phase.name == name:
            return phase
    raise Unplayable(f"{name} is no phase of the playbook {playbook}. {FAULT}")


def begun(playbook: str, memory: Mapping[str, Any]) -> bool | None:
    """Whether the first stage of the playbook ran in this run; None: it left no result, nor that it was skipped."""
    result = memory.get(guard_of(playbook))
    if result is None:
        return None
    return not result.get("skipped") and bool(result.get("begun"))


def hosts(playbook: str, name: str, memory: Mapping[str, Any], groups: Mapping[str, Sequence[str]],
          *, when: bool = True) -> list[str]:
    """The hosts of a phase in their order; none where it has nothing to do.

    :param memory: the variables of the controller, with what the stages registered.
    :param groups: host names by group.
    :param when: what the play says where the phase is ``asked``.
    :raises Unplayable: there is no such phase, a stage left no result, or a host's name would be torn apart.
    """
    phase = find(playbook, name)
    if not when or not _applies(playbook, phase, memory):
        return []
    if phase.where == CONTROLLER:
        return [LOCAL]
    found = [str(host) for group in _GROUPS.get(phase.where, ()) for host in groups.get(group, ())]
    for path in filter(None, (phase.told, phase.also)):
        found += _names(phase, path, _told(playbook, path, memory))
    if phase.where == WORKERS:
        found = [host for host in found if host not in groups.get("swarm_managers", ())]
    never = set((memory.get(guard_of(playbook)) or {}).get("compromised") or ())
    found = [host for host in dict.fromkeys(found) if host not in never]
    for host in found:
        problem = names.problem(host, groups)
        if problem:
            raise Unplayable(f"{problem}.")
    return found


def limited(limit: str) -> Finding:
    """What is said to ``--limit``."""
    return Finding("limit", "critical",
                   f"--limit {limit} is given: the plays on the controller would be skipped, and the swarm would be "
                   f"judged by a part of it.",
                   "Leave --limit out: hosts that need nothing cost nothing. Where it is allowed, it has to name "
                   "localhost.", "", "swarm_allow_limit")


def missing(playbook: str, memory: Mapping[str, Any], groups: Mapping[str, Sequence[str]],
            results: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """What was planned and left no result, at the end of a run; and what failed in a phase that the run needs.

    :param results: the variables of each host, by host.
    """
    findings: list[Finding] = []
    for phase in of(playbook)[1:]:
        if phase.asked or not phase.registers:
            continue
        for host in hosts(playbook, phase.name, memory, groups):
            findings += _judge(playbook, phase, host, memory if host == LOCAL else results.get(host) or {})
    return findings


def _judge(playbook: str, phase: Phase, host: str, told: Mapping[str, Any]) -> list[Finding]:
    """What is missing of one phase on one host."""
    absent = [name for name in phase.registers if told.get(name) is None]
    if absent:
        return [Finding("phase_without_result", "critical",
                        f"The phase {phase.name} of {playbook} was planned for {host} and left no result there "
                        f"({', '.join(absent)}).",
                        "What it does was not done, or nobody knows. Run the playbook again; ansible-playbook "
                        "quorum.swarm.health says how the swarm is.", "" if host == LOCAL else host)]
    if not phase.needed:
        return []
    bad = [told[name] for name in phase.registers
           if told[name].get("failed") or told[name].get("unreachable") or told[name].get("problem")]
    return [Finding("phase_failed", "critical",
                    f"The phase {phase.name} of {playbook} failed on {host}, or is not whole: "
                    f"{str(one.get('problem') or one.get('msg') or 'no reason was given').strip().rstrip('.')}.",
                    "Run the playbook again: it finishes it.", host) for one in bad]


def _applies(playbook: str, phase: Phase, memory: Mapping[str, Any]) -> bool:
    """Whether the condition of the phase holds."""
    if not phase.when:
        return True
    value = _told(playbook, phase.when, memory)
    return value in phase.only if phase.only else value is not None and bool(value)


def _told(playbook: str, path: str, memory: Mapping[str, Any]) -> Any:
    """The value under a path, or None where its stage had nothing to do.

    :raises Unplayable: the stage left no result though it had to run, or its result lacks the key.
    """
    variable, *keys = path.split(".")
    value: Any = memory.get(variable)
    if value is None:
        maker = next(phase for phase in of(playbook) if variable in phase.registers)
        if hosts(playbook, maker.name, memory, {}):
            raise Unplayable(f"The stage {maker.name} of {playbook} left no result ({variable}). {FAULT}")
        return None
    if value.get("skipped"):
        return None
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            raise Unplayable(f"{variable} has no {'.'.join(keys)}. {FAULT}")
        value = value[key]
    return value


def _names(phase: Phase, path: str, value: Any) -> list[str]:
    """The host names in what a stage told."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [str(value)]
    if isinstance(value, (Mapping, list, tuple)):
        return [str(item) for item in value]
    raise Unplayable(f"{path} is {value!r}, which names no hosts for the phase {phase.name}. {FAULT}")
