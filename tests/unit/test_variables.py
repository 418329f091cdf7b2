# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of variables (core/variables.py) against the roles' defaults, their argument specs, and the README.

Reads files; runs nothing. Whoever adds a variable is told here what is missing where.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.quorum.swarm.plugins.module_utils.core import phases, variables
from ansible_collections.quorum.swarm.plugins.module_utils.core.variables import OF_A_RUN, SECONDS, VARIABLES
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller

ROOT = Path(__file__).resolve().parents[2]
TYPES = {"bool": {"bool", "str"}, "integer": {"int"}, "number": {"float"}, "seconds": {"raw"}, "text": {"str"},
         "texts": {"list"}, "mapping": {"dict"}, "path": {"str"}, "file": {"str"}, "host": {"str"}}  # fmt: skip
"""The types of an argument spec by kind. An empty text is a third value of a truth, so that it is a `str` there."""
HOW = ("Add to the table in plugins/module_utils/core/variables.py: _run(NAME, KIND, 'PLAYBOOK ...', DEFAULT, TEXT), "
       "or Variable(...) among those of a host or of the swarm.")  # fmt: skip


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) or {}


DEFAULTS = [(path.parent.parent.name, str(name), value) for path in sorted(ROOT.glob("roles/*/defaults/main.yml"))
            for name, value in load(path).items()]  # fmt: skip
SPECS = [(path.parent.parent.name, str(name), option)
         for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml"))
         for entry in load(path)["argument_specs"].values()
         for name, option in (entry.get("options") or {}).items()]  # fmt: skip


@pytest.mark.parametrize(("role", "name", "value"), DEFAULTS)
def test_a_default_is_that_of_the_table(role: str, name: str, value: Any) -> None:
    assert name in VARIABLES, f"{name} (roles/{role}/defaults/main.yml) is not in the table. {HOW}"
    told = VARIABLES[name].default
    assert value == told, f"{name}: roles/{role}/defaults/main.yml says {value!r}, the table says {told!r}"


@pytest.mark.parametrize(("role", "name", "option"), SPECS)
def test_an_argument_spec_is_that_of_the_table(role: str, name: str, option: dict[str, Any]) -> None:
    where = f"{name} (roles/{role}/meta/argument_specs.yml)"
    assert name in VARIABLES, f"{where} is not in the table. {HOW}"
    told = VARIABLES[name]
    types = TYPES[told.kind]
    assert option["type"] in types, f"{where}: type {option['type']}; the table's {told.kind} is {types} there"
    assert tuple(option.get("choices") or ()) == told.choices, where
    if "default" in option:
        assert option["default"] == told.default, f"{where}: default {option['default']!r}, table {told.default!r}"


def test_every_variable_of_a_run_has_a_default() -> None:
    set_somewhere = {name for _role, name, _value in DEFAULTS}
    missing = sorted(one.name for one in VARIABLES.values() if one.scope == OF_A_RUN and one.name not in set_somewhere)
    assert missing == [], "no defaults/main.yml sets these"


def test_every_variable_of_the_inventory_is_read() -> None:
    """Those that action plugins read from the hosts themselves: plugin_utils/controller.py lists them."""
    read = {*controller.HOST_VARS, *controller.SHARED_VARS} - {"ansible_host"}
    told = {one.name for one in VARIABLES.values() if one.scope != OF_A_RUN}
    assert read - told == set(), HOW
    assert told - read == set(), "HOST_VARS and SHARED_VARS of plugins/plugin_utils/controller.py lack these"


def test_every_variable_is_explained_and_read_by_playbooks_that_exist() -> None:
    for one in VARIABLES.values():
        assert one.text.endswith("."), one.name
        assert set(one.playbooks) <= set(phases.PLAYBOOKS), one.name
        assert bool(one.playbooks) == (one.scope == OF_A_RUN), one.name


def readme_rows() -> dict[str, set[str]]:
    """The playbooks that the README names beside each variable of a run."""
    text = (ROOT / "README.md").read_text().split("### Variables of a run\n")[1].split("\n## ")[0]
    rows: dict[str, set[str]] = {}
    for names, playbooks in re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", text, re.MULTILINE):
        for name in re.findall(r"`([a-z_]+)`", names):
            rows.setdefault(name, set()).update(re.split(r",\s*", playbooks.strip()))
    return rows


def test_the_readme_names_the_same_playbooks() -> None:
    told = {one.name: set(one.playbooks) for one in VARIABLES.values() if one.scope == OF_A_RUN}
    assert readme_rows() == told


USES = [(path, name) for glob in ("roles/*/tasks/*.yml", "playbooks/**/*.yml") for path in sorted(ROOT.glob(glob))
        for name in sorted(set(re.findall(r"\b((?:swarm|engine)_[a-z_]+)\b", path.read_text())))
        if name in VARIABLES]  # fmt: skip


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, name in USES if VARIABLES[name].kind == SECONDS])
def test_a_time_is_made_into_seconds_where_it_is_used(path: Path, name: str) -> None:
    bare = re.findall(rf"\b{name}\b(?! \| quorum\.swarm\.seconds)", path.read_text())
    assert bare == [], f"{path.relative_to(ROOT)}: write {name} | quorum.swarm.seconds"


def test_public_names_begin_as_they_are_looked_for() -> None:
    assert all(name.startswith(variables.PREFIXES) for name in VARIABLES)
