#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_reach
short_description: Try the way into a host that becomes a manager
version_added: 0.1.0
description:
  - The raft takes a manager in only after its leader has reached it. Nothing listens on a new manager before it is one,
    and a firewall's reject looks like that. So the host listens for a moment, and hands a word to those who connect.
  - With O(listen) on the host itself, then O(targets) on each manager, then O(stop) on the host, then O(judge) on the
    controller.
  - What listens ends by itself after three minutes.
author:
  - the quorum.swarm authors (!UNKNOWN)
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details: It does the same in check mode, so that a plan is refused which could not come true.
  diff_mode:
    description: Returns details on what has changed or needs changing, when in diff mode.
    support: none
  idempotent:
    description: The second of two runs with the same arguments indicates no change.
    support: full
options:
  listen:
    description: Where to listen, C(address:port).
    type: str
  targets:
    description:
      - The hosts to which the way is tried, by name, with C(place) (C(address:port)) and C(word) of each.
      - In a playbook, where V(place) stands for both, the word is the one that the host registered as
        C(__swarm_listens), and the host itself is left out.
    type: dict
  word:
    description: With O(stop), the word that this run listened with; another run's is left alone.
    type: str
    default: ""
  stop:
    description: Whether to listen no longer.
    type: bool
    default: false
  judge:
    description:
      - Whether to fail where a way is blocked, by what the hosts of this run registered.
      - Runs on the controller.
    type: bool
    default: false
seealso:
  - module: quorum.swarm.swarm_topology
"""

EXAMPLES = r"""
- name: Listen for a moment
  quorum.swarm.swarm_reach:
    listen: 198.51.100.14:2377
  register: listening

- name: Try the way
  quorum.swarm.swarm_reach:
    targets:
      m4:
        place: 198.51.100.14:2377
        word: "{{ hostvars.m4.listening.word }}"
"""

RETURN = r"""
word:
  description: What is handed to everybody who connects. It is no secret.
  returned: with O(listen)
  type: str
busy:
  description: Whether somebody else listens there.
  returned: with O(listen)
  type: bool
blocked:
  description: The hosts to which there is no way.
  returned: with O(targets)
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import reaching


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "listen": {"type": "str"},
            "targets": {"type": "dict"},
            "stop": {"type": "bool", "default": False},
            "word": {"type": "str", "default": ""},
            "judge": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if module.params["judge"]:
        module.fail_json(msg="judge runs on the controller, by the action plugin of this name.")
    try:
        if module.params["listen"]:
            module.exit_json(**reaching.listen(module.params["listen"]))
        if module.params["targets"] is not None:
            module.exit_json(**reaching.attempt(module.params["targets"]))
    except OSError as error:
        module.fail_json(msg=f"This host cannot listen at {module.params['listen']}: {error.strerror}.")
    module.exit_json(**reaching.stop(module.params["word"]))


if __name__ == "__main__":
    main()
