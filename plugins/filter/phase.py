# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of a phase, for ``hosts:`` of the playbooks; and the guard that tags cannot skip.

``hosts:`` is templated for every play whatever the tags, also with ``--start-at-task`` and ``--skip-tags always``,
which skip a guarding task. Reads variables and the command line. Decides nothing: ``core/phases.py`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce, deeds, phases
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller, selection

DOCUMENTATION = r"""
name: phase
short_description: The hosts of a phase of a playbook of this collection
version_added: "0.1.0"
author:
  - the quorum.swarm authors
description:
  - Internal to the playbooks of this collection.
  - Returns the names of the hosts that a phase is for, from what the stages before it registered on C(localhost). An
    empty list skips the play.
  - Ends the playbook where there is no such phase, where a stage left no result, where a host has a name that Ansible
    would take apart, and where C(--tags), C(--skip-tags), C(--start-at-task) or C(--limit) would have a part of the
    playbook run.
options:
  _input:
    description: The variable C(hostvars).
    type: dict
    required: true
  playbook:
    description: The playbook.
    type: str
    required: true
  phase:
    description: The phase.
    type: str
    required: true
  when:
    description: Whether the phase has anything to do, where the play itself says so.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Judge
  hosts: "{{ hostvars | default({}) | quorum.swarm.phase('provision', 'judge') }}"
  tasks: []
"""

RETURN = r"""
_value:
  description: The names of the hosts, in their order.
  type: list
  elements: str
"""


def phase(hostvars: Any, playbook: str, name: str, when: Any = True) -> list[str]:
    """The names of the hosts of a phase.

    :raises AnsibleFilterError: the playbook must end here; one sentence.
    """
    try:
        _refuse_a_part()
        if name == phases.of(playbook)[0].name:
            return [phases.LOCAL]
        phases.find(playbook, name)
        memory = hostvars.get("localhost") or {}  # there is none while tasks are listed, or before any play had a host
        begun = phases.begun(playbook, memory)
        if begun is None and not selection.is_listing():
            _refuse_the_unbegun(playbook)
        if not begun:
            return []
        if deeds.closed(playbook, name, controller.registered(hostvars)):
            return []  # it is imported, and its failure was left to the report of the other
        groups = memory["groups"]
        known = {str(group): [str(host) for host in groups[group]] for group in groups}
        found = phases.hosts(playbook, name, memory, known, when=coerce.boolean("when", when))
        return _checked(found, name, hostvars, known)
    except (phases.Unplayable, coerce.BadValue) as error:
        raise AnsibleFilterError(str(error)) from None


def _refuse_a_part() -> None:
    """End the playbook where the command line would have a part of it run, or nothing of what it names.

    :raises Unplayable: one sentence.
    """
    if selection.is_listing():
        return
    if selection.start_at():
        raise phases.Unplayable(
            f"Refused, and nobody was contacted: --start-at-task {selection.start_at()} would begin in the middle, and "
            f"what comes before it is what makes the rest safe. Leave it out.")
    if selection.is_direct() and selection.tags():
        raise phases.Unplayable(
            f"Refused, and nobody was contacted: {selection.tags()} selects nothing of this playbook, which has no "
            f"tags and is run whole or not at all. Leave it out.")


def _refuse_the_unbegun(playbook: str) -> None:
    """End the playbook where its first stage did not run although the operator called it.

    :raises Unplayable: one sentence.
    """
    if not selection.is_direct():
        return  # imported, and not selected by tags or --limit
    if selection.limit():
        raise phases.Unplayable(f"Refused, and nobody was contacted. {phases.limited(selection.limit()).sentence()}")
    raise phases.Unplayable(f"The first stage of {playbook} left no result ({phases.guard_of(playbook)}). "
                            f"{phases.FAULT}")


def _checked(found: list[str], name: str, hostvars: Any, groups: Mapping[str, list[str]]) -> list[str]:
    """The same hosts; those that the first stage did not look at are looked at here.

    :raises Unplayable: one of them is no host of the inventory, or is compromised.
    """
    listed = {host for group in ("swarm_managers", "swarm_workers", "swarm_absent") for host in groups.get(group, ())}
    for host in found:
        if host in listed or host == phases.LOCAL:
            continue
        if host not in hostvars:
            raise phases.Unplayable(f"{host} is no host of the inventory, and the phase {name} was planned for it.")
        if coerce.boolean(f"{host}: swarm_compromised", hostvars[host].get("swarm_compromised")):
            raise phases.Unplayable(f"{host} is compromised (swarm_compromised), and is not contacted by any playbook.")
    return found


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """By name."""
        return {"phase": phase}
