# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run `ansible-test sanity` on a copy of the checkout, for each Python from 3.9 to 3.13 that this machine has.

    python tests/tools/run_sanity.py JUNIT_FOLDER [ansible-test arguments]

ansible-test wants the collection under ansible_collections/quorum/swarm, writes into it, and finds no files in a folder
that git ignores: so the copy is a temporary folder. It keeps its virtual environments under $HOME: that is
.cache/sanity here, for the next run. Its results are copied to JUNIT_FOLDER.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".cache" / "sanity"
BIN = Path(sys.executable).parent
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")

# ansible-test fetches a get-pip.py from a server of its own to fill its virtual environments. Python carries the means
# itself, and a package index is reachable where that server is not.
GET_PIP = """
import subprocess, sys
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True)
wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", *wanted]).returncode)
"""


def copy_checkout(target: Path) -> None:
    """Every file that git knows or would add, as it is now; of the tests only what sanity itself reads.

    What users get is held to ansible-test's rules. The tests are held to ruff's and mypy's (`make lint`).
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if name.startswith(("tests/", "molecule/")) and not name.startswith(("tests/sanity/", "tests/config.yml")):
            continue
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def bootstrap_name() -> str:
    """The name under which this ansible-test looks for its get-pip.py; it carries the version of pip that it pins."""
    package = importlib.util.find_spec("ansible_test")
    assert package
    assert package.submodule_search_locations
    source = Path(package.submodule_search_locations[0], "_internal", "python_requirements.py").read_text()
    version = re.search(r"default_packages = dict\(\s*pip='([0-9.]+)'", source)
    assert version, "ansible-test names its version of pip in another way: see get_venv_packages()"
    return f"get_pip_{version[1].replace('.', '_')}.py"


def interpreters() -> list[str]:
    """Folders with Python interpreters: those of pyenv's versions, without its shims, which may lead nowhere."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    versions = [str(p / "bin") for v in PYTHONS for p in sorted(pyenv.glob(f"versions/{v}.*"))]
    path = [p for p in os.environ["PATH"].split(os.pathsep) if Path(p) != pyenv / "shims"]
    return [*versions, *path]


def main() -> int:
    """Copy, run, collect the results. The exit status is ansible-test's."""
    results = Path(sys.argv[1]).resolve()
    results.mkdir(parents=True, exist_ok=True)
    bootstrap = HOME / ".ansible" / "test" / "cache" / bootstrap_name()
    bootstrap.parent.mkdir(parents=True, exist_ok=True)
    bootstrap.write_text(GET_PIP)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment |= {"HOME": str(HOME), "PATH": os.pathsep.join([str(BIN), *interpreters()])}
    command = [str(BIN / "ansible-test"), "sanity", "--junit", "--color", "no", *sys.argv[2:]]
    with tempfile.TemporaryDirectory(prefix="quorum-sanity-") as temporary:
        checkout = Path(temporary, "ansible_collections", "quorum", "swarm")
        copy_checkout(checkout)
        done = subprocess.run(command, cwd=checkout, env=environment, stdin=subprocess.DEVNULL, check=False)
        for report in (checkout / "tests" / "output" / "junit").glob("*.xml"):
            shutil.copy(report, results)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
