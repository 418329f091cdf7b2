# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role says what it takes: meta/argument_specs.yml and defaults/main.yml agree, and preflight comes first.

Reads the roles' files; runs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(p.name for p in (ROOT / "roles").iterdir() if p.is_dir()) if (ROOT / "roles").is_dir() else []
# Where a template or the environment decides, the declared default is prose; the two cannot be compared as values.
COMPUTED = ("{{", "{%")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text()) if path.is_file() else None


def disagreements(specs: dict[str, Any], defaults: dict[str, Any]) -> list[str]:
    """What meta/argument_specs.yml and defaults/main.yml of one role say differently.

    `specs` is the mapping under `argument_specs`; entry points share the role's defaults.
    """
    options: dict[str, Any] = {}
    for entry in specs.values():
        options.update(entry.get("options") or {})
    found = []
    for name, value in defaults.items():
        if name.startswith("__"):
            found.append(f"{name}: an internal variable belongs in vars/, not in defaults/")
        elif name not in options:
            found.append(f"{name}: in defaults/main.yml, not in meta/argument_specs.yml")
        elif options[name].get("required"):
            found.append(f"{name}: required, and yet it has a default")
        elif not (isinstance(value, str) and any(mark in value for mark in COMPUTED)):
            declared = options[name].get("default")
            if declared != value or type(declared) is not type(value):
                found.append(f"{name}: {value!r} in defaults/main.yml, {declared!r} in meta/argument_specs.yml")
    for name, option in options.items():
        if not option.get("description"):
            found.append(f"{name}: no description")
        if "default" in option and name not in defaults:
            found.append(f"{name}: default {option['default']!r} is declared, but defaults/main.yml does not set it")
    return found


def misnamed(role: str, defaults: dict[str, Any]) -> list[str]:
    """Public variables that are named neither for the swarm, nor for the public role `engine`, nor for this role."""
    return [name for name in defaults if not name.startswith(("swarm_", "engine_", f"{role}_"))]


def test_there_are_roles() -> None:
    assert ROLES


@pytest.mark.parametrize("role", ROLES)
def test_specs_and_defaults_agree(role: str) -> None:
    specs = load(ROOT / "roles" / role / "meta" / "argument_specs.yml")
    assert specs
    assert specs["argument_specs"]["main"]["short_description"]
    assert disagreements(specs["argument_specs"], load(ROOT / "roles" / role / "defaults" / "main.yml") or {}) == []


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_named_for_the_swarm_or_the_role(role: str) -> None:
    assert misnamed(role, load(ROOT / "roles" / role / "defaults" / "main.yml") or {}) == []


def test_a_misnamed_default_is_caught() -> None:
    assert misnamed("backup", {"swarm_zone": "", "engine_x": "", "backup_x": "", "suite": "", "health_x": ""}) == [
        "suite",
        "health_x",
    ]


@pytest.mark.parametrize("role", ROLES)
def test_role_is_documented(role: str) -> None:
    assert (ROOT / "roles" / role / "README.md").is_file()


@pytest.mark.parametrize("role", ROLES)
def test_preflight_comes_first(role: str) -> None:
    first = load(ROOT / "roles" / role / "tasks" / "main.yml")[0]
    included = [value for key, value in first.items() if key.rsplit(".", 1)[-1] in {"import_tasks", "include_tasks"}]
    named = included[0]["file"] if included and isinstance(included[0], dict) else (included or [""])[0]
    assert named == "preflight.yml", f"the first task of {role} is {first.get('name')!r}, not preflight.yml"
    assert (ROOT / "roles" / role / "tasks" / "preflight.yml").is_file()


@pytest.mark.parametrize(
    ("option", "defaults", "complaint"),
    [
        ({"description": "d", "default": 5}, {"a": 6}, "6 in defaults"),
        ({"description": "d", "default": 1}, {"a": True}, "True in defaults"),
        ({"description": "d", "default": 5}, {}, "does not set it"),
        ({"description": "d"}, {"a": 5, "b": 1}, "b: in defaults"),
        ({"description": "d", "required": True}, {"a": 5}, "required"),
        ({"default": 5}, {"a": 5}, "no description"),
        ({"description": "d"}, {"__a": 5}, "internal"),
    ],
)
def test_a_disagreement_is_caught(option: dict[str, Any], defaults: dict[str, Any], complaint: str) -> None:
    assert any(complaint in found for found in disagreements({"main": {"options": {"a": option}}}, defaults))


def test_a_computed_default_and_an_optional_without_default_pass() -> None:
    options = {"a": {"description": "d", "default": "the host's"}, "b": {"description": "d"}}
    assert disagreements({"main": {"options": options}}, {"a": "{{ inventory_hostname }}"}) == []
