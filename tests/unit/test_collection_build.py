# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users install: the archive is built, installed offline somewhere else, and used from there.

Works in temporary folders, with the checkout on no path; needs no network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# Everything a user needs, and nothing else.
TOP_LEVEL = {
    "CHANGELOG.rst",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
NEEDED = {"README.md", "LICENSE", "CHANGELOG.rst", "meta/runtime.yml", "plugins/module_utils/core/quorum.py"}
MODULES = sorted(p.stem for p in (ROOT / "plugins" / "modules").glob("*.py"))
PLAYBOOKS = sorted(p.stem for p in (ROOT / "playbooks").glob("*.yml"))

INVENTORY = """
swarm_managers: {hosts: {m1: {swarm_zone: a}, m2: {swarm_zone: b}, m3: {swarm_zone: c}}}
swarm_workers: {hosts: {w1: {}}}
swarm_absent: {hosts: {}}
"""


def run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A tool of ansible-core in a folder outside the checkout, with nothing but an installed collection."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHONPATH"))}
    environment |= {"HOME": str(home), "ANSIBLE_COLLECTIONS_PATH": str(home / "collections")}
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("build")
    done = run(out, "ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(out))
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("quorum-swarm-*.tar.gz")
    return built


@pytest.fixture(scope="module")
def home(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the collection installed, an inventory in it."""
    folder = tmp_path_factory.mktemp("user")
    done = run(folder, "ansible-galaxy", "collection", "install", "--offline", str(archive))
    assert done.returncode == 0, done.stderr
    assert (folder / "collections" / "ansible_collections" / "quorum" / "swarm" / "MANIFEST.json").is_file()
    (folder / "inventory.yml").write_text(INVENTORY)
    return folder


def test_archive_holds_what_users_need_and_nothing_else(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        names = {member.name for member in tar.getmembers() if member.isfile()}
    assert {name.split("/")[0] for name in names} <= TOP_LEVEL
    assert names >= NEEDED
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_archive_verifies(home: Path) -> None:
    done = run(home, "ansible-galaxy", "collection", "verify", "--offline", "quorum.swarm")
    assert done.returncode == 0, done.stderr
    assert "Successfully verified" in done.stdout


def test_installed_modules_are_documented(home: Path) -> None:
    names = [f"quorum.swarm.{name}" for name in MODULES]
    done = run(home, "ansible-doc", "--json", *names)
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)) == names


def test_an_installed_module_runs(home: Path) -> None:
    """Whatever it finds on this machine: it is found, shipped and answers as a module does."""
    done = run(home, "ansible", "localhost", "-m", "quorum.swarm.swarm_info", "-a", "docker_host=unix:///nowhere.sock")
    output = done.stdout + done.stderr
    assert "Traceback" not in output, output
    assert "couldn't resolve module" not in output, output
    assert "localhost | " in output, output


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_installed_playbook_is_found(home: Path, name: str) -> None:
    done = run(home, "ansible-playbook", "--syntax-check", "-i", "inventory.yml", f"quorum.swarm.{name}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"playbook: {home}/collections/ansible_collections/quorum/swarm/playbooks/{name}.yml" in done.stdout
