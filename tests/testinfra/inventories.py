# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories as an operator writes them, over the nodes of a lab. Writes files where it is told to."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.lab.lab import Lab

ZONES = "abc"


class Inventories:
    """Writes one file after the other; a file never changes once it is written."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        everything = yaml.safe_load(lab.inventory.read_text())["all"]
        self._connection: dict[str, Any] = everything["vars"]
        self._hosts: dict[str, dict[str, Any]] = {}
        for group in everything["children"].values():
            self._hosts.update(group["hosts"])
        self._folder = folder
        self._numbers = itertools.count(1)

    def write(
        self,
        managers: Iterable[str] = (),
        workers: Iterable[str] = (),
        absent: Iterable[str] = (),
        *,
        hosts: Mapping[str, Mapping[str, Any]] | None = None,
        without: Iterable[str] = (),
        **variables: Any,
    ) -> Path:
        """An inventory with these hosts in the three groups.

        Managers that have no zone in the lab (spares) get the zones a, b, c in turn, like the lab's own.

        :param hosts: variables of single hosts, beside or instead of those that the lab gives them.
        :param without: variables that no host shall have.
        :param variables: the swarm's own, for all hosts.
        """
        own = {name: dict(values) for name, values in self._hosts.items()}
        groups = {"swarm_managers": list(managers), "swarm_workers": list(workers), "swarm_absent": list(absent)}
        for number, name in enumerate(groups["swarm_managers"]):
            own.setdefault(name, {}).setdefault("swarm_zone", ZONES[number % len(ZONES)])
        for name, values in (hosts or {}).items():
            own.setdefault(name, {}).update(values)
        for values in own.values():
            for name in without:
                values.pop(name, None)
        data = {
            "all": {
                "vars": {**self._connection, **variables},
                "children": {
                    group: {"hosts": {name: own.get(name, {}) for name in names}} for group, names in groups.items()
                },
            }
        }
        path = self._folder / f"inventory-{next(self._numbers)}.yml"
        path.write_text(json.dumps(data, indent=1))
        return path
