# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `ansible-doc` shows of every module and role, and what holds between the modules' documents.

Calls ansible-doc on the checkout, once for all modules and once for all roles.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.quorum.swarm.plugins.module_utils.core import verdict

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections")}
MODULES = sorted(p.stem for p in (ROOT / "plugins" / "modules").glob("*.py"))
ROLES = sorted(p.parent.parent.name for p in ROOT.glob("roles/*/meta/argument_specs.yml"))
PLAYBOOKS = sorted(p.stem for p in (ROOT / "playbooks").glob("*.yml"))
# The document fragment of the options that say how to reach an engine.
ENGINE_FRAGMENT = "quorum.swarm.engine"


@functools.cache
def ansible_doc(kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    """What ansible-doc knows of these plugins, as it prints it in JSON."""
    command = [str(Path(sys.executable).parent / "ansible-doc"), "--json", "--type", kind, *names]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def document(name: str) -> dict[str, Any]:
    everything = ansible_doc("module", tuple(f"quorum.swarm.{module}" for module in MODULES))
    entry: dict[str, Any] = everything[f"quorum.swarm.{name}"]
    return entry


def source_fragments(name: str) -> list[str]:
    """The document fragments that a module extends; ansible-doc has merged them already."""
    text = (ROOT / "plugins" / "modules" / f"{name}.py").read_text()
    raw = yaml.safe_load(text.split('DOCUMENTATION = r"""')[1].split('"""')[0])
    fragments = raw.get("extends_documentation_fragment") or []
    return [fragments] if isinstance(fragments, str) else list(fragments)


@pytest.mark.parametrize("name", MODULES)
def test_module_is_documented(name: str) -> None:
    shown = document(name)
    doc = shown["doc"]
    assert doc["short_description"]
    assert doc["description"]
    assert doc["author"]
    assert f"quorum.swarm.{name}:" in shown["examples"], "an example that names the module in full"
    assert shown["return"]
    for option, spec in doc["options"].items():
        assert spec["description"], option
    for mode in ("check_mode", "diff_mode"):
        assert doc["attributes"][mode]["support"] in {"full", "partial", "none", "N/A"}, mode


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_yaml(name: str) -> None:
    assert isinstance(yaml.safe_load(document(name)["examples"]), list)


@pytest.mark.parametrize("role", ROLES)
def test_role_is_shown(role: str) -> None:
    shown = ansible_doc("role", tuple(f"quorum.swarm.{name}" for name in ROLES))
    main = shown[f"quorum.swarm.{role}"]["entry_points"]["main"]
    assert main["short_description"]
    assert main["description"]


def test_action_group_holds_exactly_the_modules_with_connection_options() -> None:
    """A member that lacks the group's options fails as soon as someone sets them for the group."""
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    members = runtime["action_groups"]["swarm"]
    assert members == sorted(members)
    assert members == [name for name in MODULES if ENGINE_FRAGMENT in source_fragments(name)]


def test_changelog_and_galaxy_name_the_same_version() -> None:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert f"\nv{version}\n" in (ROOT / "CHANGELOG.rst").read_text()


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_playbook_stands_in_the_readme(name: str) -> None:
    assert f"quorum.swarm.{name}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", verdict.VERDICTS)
def test_runbook_has_a_row_for_every_verdict(name: str) -> None:
    """On the night somebody looks for the word that `health` printed."""
    rows = (ROOT / "docs" / "runbook.md").read_text().splitlines()
    assert any(row.startswith((f"| `{name}` |", f"| `{name}`: ")) for row in rows), f"docs/runbook.md has no row {name}"
