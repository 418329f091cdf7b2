# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of all scenarios: the lab, an operator, and inventories over the lab's nodes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.testinfra.swarms")

from tests.lab.lab import Lab  # noqa: E402
from tests.testinfra.inventories import Inventories  # noqa: E402
from tests.testinfra.playbooks import Operator  # noqa: E402


@pytest.fixture(scope="session")
def lab_name() -> str:
    """The name of the lab that the scenarios share. QS_SCENARIO_LAB names another one that is up."""
    return os.environ.get("QS_SCENARIO_LAB", "molecule")


@pytest.fixture(scope="session")
def lab(lab_name: str) -> Lab:
    """The lab that the scenarios share."""
    return Lab.open(lab_name)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this session's inventories and logs of runs are."""
    return tmp_path_factory.mktemp("scenario")


@pytest.fixture(scope="session")
def operator(folder: Path) -> Operator:
    """Somebody who types commands."""
    return Operator(folder)


@pytest.fixture(scope="session")
def inventories(lab: Lab, folder: Path) -> Inventories:
    """Where inventories come from."""
    return Inventories(lab, folder)
