# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks and roles say of phases, stages and registered names, against core/phases.py, in both directions.

Parses every playbook and every task file; runs nothing. A rule is a function from a tree of files to complaints, so
that each is also seen to complain: on a copy of the tree with one word misspelt.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.quorum.swarm.plugins.module_utils.core import phases
from ansible_collections.quorum.swarm.plugins.module_utils.core.variables import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
HOSTS = re.compile(
    r"^\{\{ hostvars \| default\(\{\}\) \| quorum\.swarm\.phase\((?P<playbook>[^,]+), (?P<name>[^,]+?)"
    r"(?:, when=(?P<when>[^,]+))?\) \}\}$"
)
INTERNAL = re.compile(r"\b__(?:swarm|engine)_[a-z_0-9]*[a-z0-9]\b")
ORDERS = {"swarm_backup_order", "swarm_drill_order", "swarm_expel_order", "swarm_heal_order", "swarm_health",
          "swarm_recover_order", "swarm_restart", "swarm_restore_order"}  # fmt: skip
"""The action plugins that take a stage."""


@functools.cache
def parsed(text: str) -> Any:
    """The document of one file. The same texts are asked for by every rule."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


@functools.cache
def module(text: str) -> ast.Module:
    """The syntax of one Python file."""
    return ast.parse(text)


@functools.cache
def texts(text: str) -> frozenset[str]:
    """The constants of one Python file."""
    return frozenset(node.value for node in ast.walk(module(text)) if isinstance(node, ast.Constant)
                     and isinstance(node.value, str))


@dataclass
class Tree:
    """The playbooks, the roles and the plugins as texts, by path."""

    files: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Tree:
        globs = ("playbooks/**/*.yml", "roles/*/*/*.yml", "plugins/action/*.py", "plugins/plugin_utils/*.py",
                 "plugins/module_utils/core/*.py")  # fmt: skip
        return cls({str(path.relative_to(ROOT)): path.read_text() for glob in globs for path in ROOT.glob(glob)})

    def but(self, path: str, old: str, new: str) -> Tree:
        """The same tree with one word changed in one file."""
        assert old in self.files[path], f"{path} has no {old!r}"
        return Tree({**self.files, path: self.files[path].replace(old, new, 1)})

    def yaml(self, path: str) -> Any:
        return parsed(self.files[path])

    def below(self, *folders: str) -> list[str]:
        return sorted(path for path in self.files if path.startswith(folders) and path.endswith(".yml"))


@dataclass(frozen=True)
class Play:
    """One play of one playbook, with what is imported into it."""

    playbook: str
    path: str
    data: Mapping[str, Any]
    variables: Mapping[str, Any]

    @property
    def phase(self) -> tuple[str, str, bool] | None:
        """Playbook and name of its phase, and whether it says itself if there is anything to do."""
        found = HOSTS.match(str(self.data.get("hosts")))
        if found is None:
            return None
        words = [self._word(found[part]) for part in ("playbook", "name")]
        return words[0], words[1], found["when"] is not None

    def _word(self, text: str) -> str:
        """A text as Jinja has it: constants and variables of the import, joined by ~."""
        parts = [part.strip() for part in text.split("~")]
        return "".join(part[1:-1] if part.startswith("'") else str(self.variables.get(part, part)) for part in parts)


def plays(tree: Tree, playbook: str) -> Iterator[Play]:
    """The plays of a playbook; of imported files of playbooks/phases/, too, but not of imported verbs."""
    path = f"playbooks/{playbook}.yml"
    yield from _plays(tree, playbook, path, {})


def _plays(tree: Tree, playbook: str, path: str, variables: Mapping[str, Any]) -> Iterator[Play]:
    for data in tree.yaml(path):
        imported = data.get("ansible.builtin.import_playbook")
        if imported is None:
            yield Play(playbook, path, data, variables)
        elif imported.startswith("phases/"):
            yield from _plays(tree, playbook, f"playbooks/{imported}", data.get("vars") or {})


def tasks(tree: Tree, play: Play) -> list[Mapping[str, Any]]:
    """The tasks of a play, those of imported task files of roles included."""
    found: list[Mapping[str, Any]] = []
    for role in play.data.get("roles") or ():
        found += _of_role(tree, {"name": role["role"]})
    for task in play.data.get("tasks") or ():
        found += _task(tree, task, "")
    return found


def _of_role(tree: Tree, told: Mapping[str, str]) -> list[Mapping[str, Any]]:
    role = told["name"].rpartition(".")[2]
    path = f"roles/{role}/tasks/{told.get('tasks_from', 'main').removesuffix('.yml')}.yml"
    assert path in tree.files, f"there is no {path}"
    return [one for task in tree.yaml(path) for one in _task(tree, task, f"roles/{role}/tasks")]


def _task(tree: Tree, task: Mapping[str, Any], folder: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = [task]
    for name in ("block", "rescue", "always"):
        for one in task.get(name) or ():
            # What a rescue registers is no result of the phase.
            found += [{key: value for key, value in inner.items() if key != "register" or name != "rescue"}
                      for inner in _task(tree, one, folder)]
    if "ansible.builtin.import_role" in task:
        found += _of_role(tree, task["ansible.builtin.import_role"])
    for name in ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks"):
        if name in task:
            file = task[name]["file"] if isinstance(task[name], dict) else task[name]
            for one in tree.yaml(f"{folder}/{file}"):
                found += _task(tree, one, folder)
    return found


# -- the rules ---------------------------------------------------------------------------------------------------------


def check_phases(tree: Tree) -> list[str]:
    """Each play names a phase of its playbook, in the declared order; each declared phase has a play."""
    complaints = []
    there = {Path(path).stem for path in tree.below("playbooks/") if path.count("/") == 1}
    if there != set(phases.PLAYBOOKS):
        complaints.append(f"declared playbooks and playbooks differ: {sorted(there ^ set(phases.PLAYBOOKS))}")
    for playbook in sorted(there & set(phases.PLAYBOOKS)):
        named = []
        for play in plays(tree, playbook):
            if play.phase is None:
                complaints.append(f"{play.path}: the play {play.data['name']!r} takes its hosts by no phase: "
                                  f"{play.data['hosts']}")
            elif play.phase[0] != playbook:
                complaints.append(f"{play.path}: the play {play.data['name']!r} asks for a phase of {play.phase[0]}")
            else:
                named.append(play.phase[1])
        once = list(dict.fromkeys(named))
        declared = [phase.name for phase in phases.PLAYBOOKS[playbook]]
        if once != declared:
            complaints.append(f"{playbook}: not as declared in core/phases.py, or in another order: "
                              f"{sorted(set(once) ^ set(declared)) or once}")
    return complaints


def check_asked(tree: Tree) -> list[str]:
    """`when=` stands in exactly the plays that are declared so."""
    return [
        f"{play.path}: {play.phase[1]} and when="
        for playbook in phases.PLAYBOOKS
        for play in plays(tree, playbook)
        if play.phase
        for phase in [next((one for one in phases.PLAYBOOKS[playbook] if one.name == play.phase[1]), None)]
        if phase and phase.asked != play.phase[2]
    ]


def check_registers(tree: Tree) -> list[str]:
    """Each phase registers what is declared, and nothing that another phase reads."""
    complaints = []
    declared = {name for those in phases.PLAYBOOKS.values() for phase in those for name in phase.registers}
    for playbook in phases.PLAYBOOKS:
        for play in plays(tree, playbook):
            phase = next((one for one in phases.PLAYBOOKS[playbook] if play.phase and one.name == play.phase[1]), None)
            if phase is None:
                continue
            told = {task["register"] for task in tasks(tree, play) if "register" in task}
            if phase.name == "guard":
                guards = [task["quorum.swarm.swarm_guard"]["playbook"] for task in tasks(tree, play)
                          if task.get("register") == phases.guard_of(playbook)]
                complaints += [f"{playbook}: its first play is no guard: {guards}"] * (guards != [playbook])
            complaints += [f"{playbook}: {phase.name} registers no {name}" for name in phase.registers
                           if name not in told]
            # A role's own entry checks the request once more, on the controller's behalf.
            more = (told & declared) - set(phase.registers) - {phases.guard_of(playbook)}
            complaints += [f"{playbook}: {phase.name} registers {name}, which is not declared for it"
                           for name in sorted(more)]
    return complaints


def check_names(tree: Tree) -> list[str]:
    """Each internal name that a playbook, a role or a plugin mentions is registered, or set, somewhere."""
    made: set[str] = set()
    for path in tree.below("playbooks/", "roles/"):
        text = tree.files[path]
        made |= set(re.findall(r"^\s*register: (\S+)$", text, re.MULTILINE))
        made |= set(re.findall(r"^\s*(__\w+):", text, re.MULTILINE))  # variables: of a play, a task, a role, set_fact
    complaints = []
    for path, text in sorted(tree.files.items()):
        if path.endswith("core/phases.py"):
            used = {path_.split(".")[0] for those in phases.PLAYBOOKS.values() for one in those
                    for path_ in (one.told, one.also, one.when, *one.registers) if path_}
        elif path.endswith(".py"):
            used = {value for value in texts(text) if re.fullmatch(r"__(?:swarm|engine)_\w+", value)}
        else:
            used = set(INTERNAL.findall(text))
        used = {name for name in used if name != "__swarm_guard_"}
        complaints += [f"{path}: {name} is registered and set nowhere" for name in sorted(used - made)]
    return complaints


def check_keys(tree: Tree) -> list[str]:
    """Each key that a phase or a playbook reads from a stage's result is one that some plugin returns."""
    literals = {value for path, text in tree.files.items()
                if path.startswith(("plugins/action/", "plugins/module_utils/core/")) and not path.endswith("phases.py")
                for value in texts(text)}
    complaints = []
    for playbook, those in phases.PLAYBOOKS.items():
        for phase in those:
            for path in filter(None, (phase.told, phase.also, phase.when)):
                complaints += [f"core/phases.py: {playbook}: {phase.name}: no plugin returns {key!r} ({path})"
                               for key in path.split(".")[1:] if key not in literals]
    for path in tree.below("playbooks/", "roles/"):
        for variable, key in re.findall(r"hostvars\.localhost\.(__swarm_\w+)\.(\w+)", tree.files[path]):
            if key not in literals:
                complaints.append(f"{path}: no plugin returns {key!r} ({variable})")
    return complaints


def stages_of(source: str) -> set[str]:
    """The stages that an action plugin knows: the choices of its option `stage`."""
    constants: dict[str, Any] = {}
    for node in module(source).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                constants[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    for one in ast.walk(module(source)):
        if isinstance(one, ast.Dict):
            for key, value in zip(one.keys, one.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "stage" and isinstance(value, ast.Dict):
                    pairs = zip(value.keys, value.values, strict=True)
                    spec = {name.value: inner for name, inner in pairs if isinstance(name, ast.Constant)}
                    choices = spec["choices"]
                    if isinstance(choices, ast.Call):  # list(STAGES)
                        choices = choices.args[0]
                    found = constants[choices.id] if isinstance(choices, ast.Name) else ast.literal_eval(choices)
                    return set(found)
    return set()


def check_stages(tree: Tree) -> list[str]:
    """Each stage that a task names is one of the plugin's; each of the plugin's is named by a task."""
    used: dict[str, set[str]] = {}
    every = [task for playbook in phases.PLAYBOOKS for play in plays(tree, playbook) for task in tasks(tree, play)]
    for task in every:
        for name, arguments in task.items():
            plugin = name.rpartition(".")[2]
            if name.startswith("quorum.swarm.") and plugin in ORDERS:
                used.setdefault(plugin, set()).add((arguments or {}).get("stage", "report"))
    complaints = []
    for plugin in sorted(ORDERS):
        known = stages_of(tree.files[f"plugins/action/{plugin}.py"])
        if known != used.get(plugin, set()):
            complaints.append(f"{plugin}: stages and tasks differ: {sorted(known ^ used.get(plugin, set()))}")
    return complaints


def check_files(tree: Tree) -> list[str]:
    """Each task file of a role is used by a playbook or by another file of the role."""
    named = set()
    for path in tree.below("playbooks/"):
        for role, file in re.findall(r"name: quorum\.swarm\.(\w+)\n\s+tasks_from: (\w+)", tree.files[path]):
            named.add(f"roles/{role}/tasks/{file}.yml")
    for path in tree.below("roles/"):
        for file in re.findall(r"(?:import|include)_tasks:\s*(?:\n\s+file: )?(\S+\.yml)", tree.files[path]):
            named.add(f"{path.rpartition('/')[0]}/{file}")
    return [f"{path} is used by nobody" for path in tree.below("roles/")
            if "/tasks/" in path and not path.endswith("/main.yml") and path not in named]


def check_tags(tree: Tree) -> list[str]:
    """No tags: they select a playbook whole or not at all, and `always` would run a part of it."""
    return [f"{path}: tags" for path in tree.below("playbooks/", "roles/")
            if re.search(r"^\s*tags:", tree.files[path], re.MULTILINE)]


def _set_in(data: Any) -> Iterator[str]:
    """The names of all variables that plays and tasks set."""
    if isinstance(data, list):
        for one in data:
            yield from _set_in(one)
    elif isinstance(data, dict):
        for key, value in data.items():
            if key in ("vars", "ansible.builtin.set_fact"):
                yield from value
            elif key == "register":
                yield value
            else:
                yield from _set_in(value)


def check_public(tree: Tree) -> list[str]:
    """No public variable is set: what an operator says with -e would win over what the run worked out."""
    complaints = []
    for path in tree.below("playbooks/", "roles/"):
        if "/tasks/" in path or path.startswith("playbooks/"):
            complaints += [f"{path}: {one} is the operator's" for one in _set_in(tree.yaml(path)) if one in VARIABLES]
        elif "/vars/" in path:
            complaints += [f"{path}: {one} is the operator's" for one in tree.yaml(path) if one in VARIABLES]
    return complaints


RULES = [check_phases, check_asked, check_registers, check_names, check_keys, check_stages, check_files, check_tags,
         check_public]  # fmt: skip
TREE = Tree.read()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_playbooks_are_as_declared(rule: Any) -> None:
    assert rule(TREE) == []


RECOVER, FORCE, START = "playbooks/recover.yml", "roles/recover/tasks/main.yml", "roles/recover/tasks/start.yml"


@pytest.mark.parametrize(
    ("path", "old", "new", "complaint"),
    [
        (RECOVER, "'recover', 'fence'", "'recover', 'fences'", "recover: not as declared"),
        (RECOVER, "'recover', 'fence'", "'restore', 'follow'", "asks for a phase of restore"),
        (RECOVER, "\"{{ hostvars | default({}) | quorum.swarm.phase('recover', 'force') }}\"",
         "\"{{ hostvars.localhost.__swarm_recover_chosen.force | default([]) }}\"", "takes its hosts by no phase"),
        ("playbooks/phases/look.yml", ", when=__swarm_unsure", "", "look and when="),
        ("playbooks/phases/heal_rung.yml", "'_await'", "'_awaits'", "heal: not as declared"),
        (FORCE, "register: __swarm_recovered", "register: __swarm_recoverd", "force registers no __swarm_recovered"),
        (START, "register: __swarm_recover_start", "register: __swarm_recover_begin",
         "start registers no __swarm_recover_start"),
        ("roles/heal/tasks/preflight.yml", "playbook: heal", "playbook: health", "heal: its first play is no guard"),
        (START, "stage: preflight", "stage: start", "swarm_recover_order: stages and tasks differ"),
        ("roles/recover/tasks/follow.yml", "__swarm_recover_members.managers", "__swarm_recover_member.managers",
         "__swarm_recover_member is registered and set nowhere"),
        ("roles/recover/tasks/follow.yml", "__swarm_recover_members.managers", "__swarm_recover_members.manages",
         "no plugin returns 'manages'"),
        ("plugins/action/swarm_recover_order.py", '"__swarm_fenced"', '"__swarm_fence"',
         "__swarm_fence is registered and set nowhere"),
        ("plugins/action/swarm_recover_order.py", '"brought", "confirm"', '"confirm"', "stages and tasks differ"),
        (RECOVER, "        tasks_from: evidence\n", "        tasks_from: start\n", "evidence.yml is used by nobody"),
        (RECOVER, "  strategy: linear\n", "  strategy: linear\n  tags: always\n", "recover.yml: tags"),
        (RECOVER, "    __swarm_pause:", "    swarm_allow_quorum_pause:", "swarm_allow_quorum_pause is the operator's"),
    ],
)  # fmt: skip
def test_a_misspelt_word_is_caught(path: str, old: str, new: str, complaint: str) -> None:
    tree = TREE.but(path, old, new)
    complaints = [one for rule in RULES for one in rule(tree)]
    assert any(complaint in one for one in complaints), complaints
