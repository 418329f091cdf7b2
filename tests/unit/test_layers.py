# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file may touch what: the rooms of docs/architecture.md, held by reading the sources, without importing them.

The rules are functions from a path and a source to a list of complaints, so that each is also tested on a source
that breaks it.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.quorum.swarm"
UTILS = f"{COLLECTION}.plugins.module_utils"

# What values-in, values-out code needs. `datetime` parses timestamps; reading the clock is refused below.
PURE_STDLIB = {
    "__future__",
    "base64",
    "binascii",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "hmac",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "operator",
    "posixpath",
    "re",
    "shlex",
    "string",
    "struct",
    "types",
    "typing",
    "zlib",
}
PURE_ROOMS = {
    "core": PURE_STDLIB,
    "raft": PURE_STDLIB,
}
# Both are imported inside the functions that need them, with one declared error where they are missing.
CRYPTO = {"nacl", "cryptography"}
CRYPTO_FILE = "plugins/module_utils/raft/keys.py"
ENGINE_FILE = "plugins/module_utils/engine.py"
STATE_FILES = {"plugins/module_utils/statedir.py", "plugins/module_utils/archive.py"}
# Strings that name a place inside a swarm's state directory; whoever has one at hand is about to touch the files.
STATE_PATHS = ("docker-state.json", "swarm-node.key", "swarm-node.crt", "wal-v3-encrypted", "snap-v3-encrypted")
CLOCK_CALLS = {"now", "utcnow", "today"}
# A module is its documentation, its options and a call into module_utils.
MODULE_STATEMENT_LINES = 100


def imports(tree: ast.AST) -> list[tuple[int, str]]:
    """Every imported module with its line, absolute names; relative imports as '.name'."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
    return found


def docstrings(tree: ast.AST) -> set[int]:
    """The ids of the constants that are docstrings: prose, not paths in use."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, owners) and node.body and isinstance(node.body[0], ast.Expr)
    }


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def check_imports(path: str, source: str) -> list[str]:
    """Complaints about what the file at `path` (relative to the collection) imports."""
    tree = ast.parse(source)
    complaints = []
    room = next((r for r in PURE_ROOMS if path.startswith(f"plugins/module_utils/{r}/")), None)
    at_top = {id(node) for node in tree.body}
    lazy = {
        name
        for node in ast.walk(tree)
        if id(node) not in at_top and isinstance(node, (ast.Import, ast.ImportFrom))
        for _line, name in imports(node)
    }
    for line, name in imports(tree):
        top = name.split(".")[0]
        if name.startswith("."):
            complaints.append(f"{path}:{line}: relative import {name}; write the full path {UTILS}...")
        elif room:
            own = within(name, f"{UTILS}.{room}")
            crypto = top in CRYPTO and path == CRYPTO_FILE and name in lazy
            if not own and not crypto and top not in PURE_ROOMS[room]:
                complaints.append(f"{path}:{line}: {room}/ is pure and may not import {name}")
        elif top in CRYPTO:
            complaints.append(f"{path}:{line}: only {CRYPTO_FILE} imports {top}, inside its functions")
        elif top == "docker" and path != ENGINE_FILE:
            complaints.append(f"{path}:{line}: only {ENGINE_FILE} imports the docker SDK")
        elif within(name, f"{COLLECTION}.plugins.modules"):
            complaints.append(f"{path}:{line}: {name} is a module; what is shared lives in module_utils")
        elif path.startswith("plugins/modules/") and top in {"subprocess", "shutil", "socket", "urllib", "http"}:
            complaints.append(f"{path}:{line}: {name} belongs in module_utils, a module is a thin main()")
    return complaints


def check_clock(path: str, source: str) -> list[str]:
    """Pure code is handed the time; it does not look at a clock."""
    if not any(path.startswith(f"plugins/module_utils/{room}/") for room in PURE_ROOMS):
        return []
    return [
        f"{path}:{node.lineno}: pure code takes the time as an argument, it does not call .{node.func.attr}()"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCK_CALLS
        and ast.unparse(node.func.value).rsplit(".", maxsplit=1)[-1] in {"datetime", "date"}
    ]


def check_pure_calls(path: str, source: str) -> list[str]:
    """Pure code opens nothing and prints nothing."""
    if not any(path.startswith(f"plugins/module_utils/{room}/") for room in PURE_ROOMS):
        return []
    return [
        f"{path}:{node.lineno}: pure code does not call {node.func.id}()"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"open", "print", "input", "exec", "eval", "__import__"}
    ]


def check_state_paths(path: str, source: str) -> list[str]:
    """Only statedir.py and archive.py handle the files of a state directory; raft/ sees bytes under these names."""
    if path in STATE_FILES or path.startswith("plugins/module_utils/raft/"):
        return []
    tree = ast.parse(source)
    prose = docstrings(tree)
    documentation = {
        id(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(getattr(target, "id", "") in {"DOCUMENTATION", "EXAMPLES", "RETURN"} for target in node.targets)
    }
    return [
        f"{path}:{node.lineno}: {part} is touched by {' and '.join(sorted(STATE_FILES))} only"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose | documentation
        for part in STATE_PATHS
        if part in node.value
    ]


def check_thin(path: str, source: str) -> list[str]:
    """A module holds its documentation and a short main(): no classes, few lines of code."""
    if not path.startswith("plugins/modules/"):
        return []
    lines: set[int] = set()
    complaints = []
    for node in ast.parse(source).body:
        target = getattr(node.targets[0], "id", "") if isinstance(node, ast.Assign) else ""
        if target in {"DOCUMENTATION", "EXAMPLES", "RETURN"}:
            continue
        if isinstance(node, ast.ClassDef):
            complaints.append(f"{path}:{node.lineno}: class {node.name} belongs in module_utils")
        lines |= {n.lineno for n in ast.walk(node) if hasattr(n, "lineno")}
    if len(lines) > MODULE_STATEMENT_LINES:
        complaints.append(f"{path}: {len(lines)} lines of code, {MODULE_STATEMENT_LINES} are the limit")
    return complaints


RULES = [check_imports, check_clock, check_pure_calls, check_state_paths, check_thin]
SOURCES = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "plugins").rglob("*.py"))


def test_there_are_sources_to_check() -> None:
    assert [p for p in SOURCES if p.startswith("plugins/module_utils/core/")]
    assert [p for p in SOURCES if p.startswith("plugins/modules/")]


@pytest.mark.parametrize("path", SOURCES)
def test_source_stays_in_its_room(path: str) -> None:
    source = (ROOT / path).read_text()
    assert [complaint for rule in RULES for complaint in rule(path, source)] == []


CORE, MODULE, UTIL = "plugins/module_utils/core/x.py", "plugins/modules/swarm_x.py", "plugins/module_utils/x.py"


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        (CORE, "import os", "may not import os"),
        (CORE, "from time import monotonic", "may not import time.monotonic"),
        (CORE, "def f():\n    import subprocess", "may not import subprocess"),
        (CORE, "import docker.errors", "may not import docker.errors"),
        (CORE, "from ansible.module_utils.basic import AnsibleModule", "may not import ansible.module_utils"),
        (CORE, f"from {UTILS} import engine", "may not import"),
        (CORE, f"from {UTILS}.raft import wal", "may not import"),
        (CORE, "from . import quorum", "relative import"),
        (CORE, "from datetime import datetime\nx = datetime.now()", "does not call .now()"),
        (CORE, "import datetime\nx = datetime.datetime.utcnow()", "does not call .utcnow()"),
        (CORE, "open('/etc/hosts')", "does not call open()"),
        (CRYPTO_FILE, "import nacl.secret", "may not import nacl.secret"),
        (CORE, "def f():\n    import nacl.secret", "may not import nacl.secret"),
        (UTIL, "def f():\n    import nacl.secret", "only plugins/module_utils/raft/keys.py imports nacl"),
        (UTIL, "import docker", "imports the docker SDK"),
        (MODULE, "import docker", "imports the docker SDK"),
        (MODULE, "import subprocess", "belongs in module_utils"),
        (MODULE, f"from {COLLECTION}.plugins.modules import swarm_info", "is a module"),
        (MODULE, "class Swarm:\n    pass", "belongs in module_utils"),
        (MODULE, "\n".join(f"x{i} = {i}" for i in range(MODULE_STATEMENT_LINES + 1)), "are the limit"),
        (UTIL, "p = root + '/certificates/swarm-node.key'", "is touched by"),
        (UTIL, "p = f'{root}/docker-state.json'", "is touched by"),
    ],
)
def test_a_source_out_of_its_room_is_caught(path: str, source: str, complaint: str) -> None:
    complaints = [c for rule in RULES for c in rule(path, source)]
    assert any(complaint in c for c in complaints), complaints


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (CORE, f"import re\nfrom datetime import datetime\nfrom {UTILS}.core import quorum\n"),
        (CRYPTO_FILE, "def f():\n    import nacl.secret\n    from cryptography import x509"),
        (ENGINE_FILE, "import docker"),
        (UTIL, '"""Moves docker-state.json away."""\nimport os\nimport subprocess'),
        (MODULE, 'DOCUMENTATION = """reads swarm-node.key"""\ndef main():\n    pass'),
        ("plugins/module_utils/statedir.py", "p = 'certificates/swarm-node.key'"),
    ],
)
def test_a_source_in_its_room_passes(path: str, source: str) -> None:
    assert [c for rule in RULES for c in rule(path, source)] == []
