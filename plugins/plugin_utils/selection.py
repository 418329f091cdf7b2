# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which part of a run its command line selects: tags, ``--start-at-task``, ``--limit``. All of a playbook or nothing.

The playbooks of this collection have no tags of their own, so that tags select a playbook whole, or none of it. Reads
the command line of this ansible-playbook; changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.taggable import Taggable

NAMESPACE = "quorum.swarm."
_PLAYBOOKS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), "playbooks")


class _Untagged(Taggable):
    """A task without tags, which is what the tasks of this collection are."""

    tags: Sequence[str] = ()


def _given() -> Mapping[str, Any]:
    given: Mapping[str, Any] = context.CLIARGS
    return given


def is_listing() -> bool:
    """Whether nothing runs: ``--list-tasks`` and its like."""
    return any(_given().get(name) for name in ("listhosts", "listtasks", "listtags", "syntax"))


def is_direct() -> bool:
    """Whether a playbook of this collection was named on the command line, and not only imported."""
    return any(str(name).startswith(NAMESPACE) or os.path.realpath(str(name)).startswith(_PLAYBOOKS + os.sep)
               for name in _given().get("args") or ())


def start_at() -> str:
    """The task of ``--start-at-task``; empty: none."""
    return str(_given().get("start_at_task") or "")


def tags() -> str:
    """The options of the command line that keep tasks without tags from running; empty: they run."""
    only, skip = list(_given().get("tags") or ()), list(_given().get("skip_tags") or ())
    if _Untagged().evaluate_tags(only, skip, {}):
        return ""
    words = [f"--tags {','.join(map(str, only))}"] if only and list(map(str, only)) != ["all"] else []
    words += [f"--skip-tags {','.join(map(str, skip))}"] if skip else []
    return " ".join(words)


def limit() -> str:
    """The pattern of ``--limit``; empty: none."""
    return str(_given().get("subset") or "")


def within_limit(groups: Mapping[str, Sequence[str]]) -> set[str]:
    """The hosts that ``--limit`` leaves, ``localhost`` among them where it does.

    :param groups: all groups of the inventory, with the names of their hosts.
    """
    inventory = InventoryManager(loader=DataLoader(), sources=None)
    for group, hosts in groups.items():
        if group not in inventory.groups:
            inventory.add_group(group)
        for host in hosts:
            inventory.add_host(host, group)
    if "localhost" not in inventory.hosts:
        inventory.add_host("localhost")
    inventory.subset(limit())
    return {str(host.name) for host in inventory.get_hosts("all")}
