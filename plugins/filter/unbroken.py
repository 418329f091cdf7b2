# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a playbook has not failed so far: ``hostvars | quorum.swarm.unbroken('restore')``.

What a restore or a recovery has done is to be reported, whatever fails after it. The phases after a failure are closed
by the filter ``phase``; this keeps out the playbooks that would be imported after it.
"""

from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.quorum.swarm.plugins.module_utils.core import deeds
from ansible_collections.quorum.swarm.plugins.plugin_utils import controller

DOCUMENTATION = r"""
name: unbroken
short_description: Whether a playbook has not failed so far
version_added: 0.1.0
author:
  - the quorum.swarm authors
description:
  - Internal to the playbooks of this collection.
  - A playbook that imports another one goes on to its own report when something fails. This filter keeps out the
    playbooks that would be imported after a failure.
positional: playbook
options:
  _input:
    description: The variable C(hostvars).
    type: raw
    required: true
  playbook:
    description: The playbook that may have failed.
    type: str
    choices: [provision, backup, restart, restore, recover]
    required: true
"""

EXAMPLES = r"""
- name: Provision
  ansible.builtin.import_playbook: provision.yml
  when: hostvars | quorum.swarm.unbroken('restore')
  vars:
    __swarm_parent: restore
"""

RETURN = r"""
_value:
  description: Whether it may go on.
  type: bool
"""


def unbroken(hostvars, playbook):
    """Whether the playbook has not failed so far."""
    if playbook not in deeds.COURSES:
        known = ", ".join(sorted(deeds.COURSES))
        raise AnsibleFilterError(f"{playbook!r} is none of the playbooks that go on after a failure: {known}.")
    return not deeds.stopped(playbook, controller.registered(hostvars))


class FilterModule:
    """The filters of this file."""

    def filters(self):
        """By their names."""
        return {"unbroken": unbroken}
