# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Python libraries that modules need on a node: imported, or the reason why that fails.

A library is there when this Python imports it, and not because a folder of its name lies somewhere: a module's working
directory is a home, where anything may lie. Changes nothing.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DISTRIBUTION = "/usr/lib/python3/dist-packages"
"""Where Debian's packages put libraries, for the system's own Python."""


@dataclass(frozen=True)
class Library:
    """One library, and where it comes from."""

    module: str
    """What is imported."""
    attribute: str
    """What has to be in it."""
    package: str
    """The package of Debian and Ubuntu."""
    project: str
    """Its name on PyPI."""


LIBRARIES = {
    "docker": Library("docker", "APIClient", "python3-docker", "docker"),
    "nacl": Library("nacl.secret", "SecretBox", "python3-nacl", "PyNaCl"),
    "cryptography": Library("cryptography.x509", "Name", "python3-cryptography", "cryptography"),
}
"""By the name that is imported."""


class Unusable(Exception):
    """A library cannot be used. Its text says which one, for which Python, why, and what to do.

    ``missing``: it is not there at all, so that its package may be installed; else it is there and fails.
    """

    def __init__(self, text: str, missing: bool) -> None:
        self.missing = missing
        super().__init__(text)


def here() -> str:
    """The Python that runs this module, as a person finds it."""
    return f"{sys.executable or 'python3'} ({'.'.join(str(one) for one in sys.version_info[:3])})"


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """Nothing is imported from the folder that this process happens to run in."""
    before = list(sys.path)
    sys.path[:] = [one for one in before if one not in ("", ".")]
    try:
        yield
    finally:
        sys.path[:] = before


def load(name: str) -> Any:
    """The library, imported.

    :param name: one of ``LIBRARIES``.
    :returns: the module that holds its ``attribute``.
    :raises Unusable: it is missing, or it fails.
    """
    wanted = LIBRARIES[name]
    with _apart():
        try:
            found = importlib.import_module(wanted.module)
            getattr(found, wanted.attribute)
        except Exception as error:  # a library may fail with anything while it is imported
            raise _unusable(name, wanted, error) from None
    return found


def unusable() -> dict[str, Unusable]:
    """Those that cannot be used, by name."""
    found = {}
    for name in LIBRARIES:
        try:
            load(name)
        except Unusable as error:
            found[name] = error
    return found


def facts() -> dict[str, Any]:
    """``view.Python`` of the Python that runs this module."""
    failing = unusable()
    return {
        "version": ".".join(str(one) for one in sys.version_info[:3]), "path": sys.executable or "",
        "versions": {name: str(getattr(sys.modules.get(name), "__version__", "") or "")
                     for name in LIBRARIES if name not in failing},
        "missing": [name for name, error in failing.items() if error.missing],
        "broken": {name: str(error) for name, error in failing.items() if not error.missing},
    }


def _unusable(name: str, wanted: Library, error: Exception) -> Unusable:
    there = sys.modules.get(name)
    place = os.path.dirname(getattr(there, "__file__", None) or "")
    # A folder without a file of its own is imported as an empty namespace: that is no library.
    if not place and (there is not None or (isinstance(error, ImportError) and error.name == name)):
        sys.modules.pop(name, None)
        return Unusable(f"the Python library '{name}' is missing for {here()}: {_install(name, wanted)}.", True)
    version = str(getattr(there, "__version__", "") or "of unknown version")
    where = f", {place}" if place else ""
    words = " ".join(str(error).split())[:300]
    return Unusable(
        f"the Python library '{name}' ({version}{where}) cannot be imported by {here()}: {type(error).__name__}: "
        f"{words}. Upgrade or remove that copy; it comes before the package {wanted.package}, so that installing this "
        "does not help.",
        False)


def _install(name: str, wanted: Library) -> str:
    """How it is installed for this Python."""
    if os.path.isdir(os.path.join(DISTRIBUTION, name)):
        return (f"the package {wanted.package} is installed, for the system's Python. Set ansible_python_interpreter "
                f"to /usr/bin/python3, or install it here: {sys.executable} -m pip install {wanted.project}")
    return f"install the package {wanted.package} (or '{sys.executable or 'python3'} -m pip install {wanted.project}')"
