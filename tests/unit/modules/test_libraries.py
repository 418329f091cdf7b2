# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python libraries can be used: by importing them, in a Python of its own that starts in a folder of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json, sys
from ansible_collections.quorum.swarm.plugins.module_utils import libraries
words = {name: [error.missing, str(error)] for name, error in libraries.unusable().items()}
print(json.dumps({"facts": libraries.facts(), "words": words}))
"""
COLLECTIONS = [path for path in sys.path if (Path(path) / "ansible_collections" / "quorum").is_dir()]


def asked(folder: Path) -> Any:
    """What a Python says that starts in the folder; what lies in ``first`` there is found before what is installed."""
    first = [str(folder / "first")] if (folder / "first").is_dir() else []
    path = os.pathsep.join([*first, *COLLECTIONS, *(one for one in sys.path if "site-packages" in one)])
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder, capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": path})
    return json.loads(done.stdout)


def test_the_libraries_of_the_tests_are_there(tmp_path: Path) -> None:
    told = asked(tmp_path)
    assert told["words"] == {}
    assert told["facts"]["missing"] == []
    assert set(told["facts"]["versions"]) == {"docker", "nacl", "cryptography"}


@pytest.mark.parametrize("name", ["docker", "nacl"])
def test_a_folder_in_the_working_directory_is_no_library(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert asked(tmp_path)["words"] == {}
    (tmp_path / name / "__init__.py").write_text("raise ImportError('not that one')\n")
    assert asked(tmp_path)["words"] == {}, "the working directory is not looked at"


def test_an_empty_folder_on_the_path_is_no_library_where_there_is_no_other(tmp_path: Path) -> None:
    (tmp_path / "first" / "docker").mkdir(parents=True)
    path = os.pathsep.join([str(tmp_path / "first"), *COLLECTIONS])
    # Without site-packages, so that nothing else of that name is found.
    done = subprocess.run([sys.executable, "-S", "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True,
                          check=True, env={**os.environ, "PYTHONPATH": path})
    told = json.loads(done.stdout)
    assert told["words"]["docker"][0] is True
    assert "install the package python3-docker" in told["words"]["docker"][1]


def test_a_library_that_is_there_and_fails_is_named_with_its_error(tmp_path: Path) -> None:
    package = tmp_path / "first" / "nacl"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("__version__ = '1.2.3'\n")
    (package / "secret.py").write_text("raise ImportError('cannot import name _sodium')\n")
    missing, words = asked(tmp_path)["words"]["nacl"]
    assert missing is False
    for part in ("'nacl' (1.2.3, ", str(package), "cannot import name _sodium", "installing this does not help"):
        assert part in words
    assert asked(tmp_path)["facts"]["missing"] == []
