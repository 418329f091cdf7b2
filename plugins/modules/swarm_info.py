#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_info
short_description: What a host knows of its engine and of its swarm
version_added: 0.1.0
description:
  - Returns what this host says of its Docker engine, of its own place in a swarm, of its addresses, and, where it is
    a manager that finds a leader, of the swarm and its nodes.
  - A broken engine is an answer, too. The module does not fail because an engine is stopped, absent, locked or without
    a leader, or because the Docker SDK for Python is missing. RV(facts.problem) says which.
  - It takes 25 seconds at most, whatever the engine does.
  - A stopped engine is left stopped. To ask C(docker.socket) would start C(docker.service), so systemd is asked first.
author:
  - the quorum.swarm authors (!UNKNOWN)
extends_documentation_fragment:
  - quorum.swarm.engine
attributes:
  action:
    description: An action plugin of this name does part of the work on the controller.
    support: full
    details:
      - Where the host is reached and cannot run a module (a full or read-only disk, no Python, no root), it asks the
        host by its shell. The task fails all the same, with RV(reached), RV(why_not) and RV(probed).
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
  diff_mode:
    description: Says in diff mode what has changed, or would change in check mode.
    support: N/A
    details:
      - It changes nothing.
  idempotent:
    description: Run again with the same arguments, it changes nothing and says so.
    support: full
options:
  gather:
    description:
      - What to ask a manager for. Each is one call to the engine. O(gather=[]) asks only for what every host knows of
        itself.
      - V(state) asks no manager, but looks at what lies on the host's own disk, also where no engine runs.
    type: list
    elements: str
    choices: [nodes, swarm, services, tasks, state]
    default: [nodes, swarm]
  patience:
    description:
      - Seconds in which to ask again while the host is in the middle of something, a join for example, or is a manager
        that sees no quorum. With more than 0 it may take so much longer.
    type: float
    default: 0.0
seealso:
  - module: quorum.swarm.swarm_member
"""

EXAMPLES = r"""
- name: See what every manager says
  quorum.swarm.swarm_info:
  register: seen
  become: true

- name: Name the managers that do not find a leader
  ansible.builtin.debug:
    msg: "{{ inventory_hostname }}: {{ seen.facts.detail }}"
  when: seen.facts.problem == 'no_leader'

- name: Ask for placement, too
  quorum.swarm.swarm_info:
    gather: [nodes, swarm, services, tasks]
  become: true
"""

RETURN = r"""
reached:
  description: The host is reached, and cannot run a module. It is alive.
  type: bool
  returned: where no module could run
why_not:
  description: What keeps modules from running there.
  type: str
  returned: where no module could run
  sample: "its disk is full: no room is left in /root/.ansible/tmp"
probed:
  description: What the shell could find out of RV(facts). What is empty is left out.
  type: dict
  returned: where no module could run
facts:
  description:
    - What was seen. A value that could not be known is empty.
  returned: success
  type: dict
  contains:
    hostname:
      description: What the host calls itself.
      type: str
      sample: m1
    engine:
      description: The Docker engine of the host.
      type: dict
      contains:
        installed:
          description: Whether an engine is installed.
          type: bool
        answers:
          description: Whether it answered.
          type: bool
        version:
          description: Its version.
          type: str
          sample: 26.1.5+dfsg1
        id:
          description: Its ID. Two hosts with the same one are clones of one machine.
          type: str
        hostname:
          description: The name under which it joins a swarm.
          type: str
        root_dir:
          description: Its data directory. The swarm's state directory is C(swarm) below it.
          type: str
          sample: /var/lib/docker
        live_restore:
          description: Whether live restore is on. A swarm node must not use it.
          type: bool
        containers_running:
          description: How many containers run.
          type: int
        error:
          description: Why it did not answer.
          type: str
    membership:
      description: What the engine says of its own place in a swarm.
      type: dict
      contains:
        state:
          description: V(inactive), V(pending), V(active), V(error) or V(locked). Empty where the engine did not answer.
          type: str
        node_id:
          description: The ID of this node.
          type: str
        node_addr:
          description: The address that it announces.
          type: str
        control:
          description: Whether it is a manager. It says nothing about a quorum.
          type: bool
        error:
          description: The engine's words where it is a manager that finds no leader.
          type: str
        remote_managers:
          description: Node ID and raft address of every manager that it knows.
          type: list
          elements: list
        joined_through:
          description: Raft address of the manager through which it joined. Empty where it made the swarm.
          type: str
        advertises:
          description: >-
            Raft address that its engine was told. Empty where it was told none, so that it looks for one at each start.
            None where that could not be read.
          type: str
    addresses:
      description: The host's addresses. Loopback, link-local addresses and Docker's own bridges are left out.
      type: list
      elements: dict
      contains:
        address:
          description: The address.
          type: str
        prefix:
          description: The length of its network prefix.
          type: int
        interface:
          description: The interface that has it.
          type: str
        dynamic:
          description: Whether it is leased, so that it may change. No address for a manager.
          type: bool
    problem:
      description:
        - Why the swarm could not be read from here. Empty where it could.
        - V(no_leader), V(locked), V(not_manager), V(not_member), V(timeout), V(no_engine), V(no_sdk) or V(error).
      type: str
    detail:
      description: The problem in the engine's own words.
      type: str
    swarm:
      description:
        - The swarm object, without tokens and keys. Returned by managers that find a leader.
        - An autolocked one has C(unlock_key_digest), by which a kept unlock key can be compared without the key.
      type: dict
    nodes:
      description: The nodes, as the swarm lists them.
      type: list
      elements: dict
    services:
      description: The services, as far as placement needs them. With O(gather=services).
      type: list
      elements: dict
    tasks:
      description: The tasks that run or are wanted to run, without the history. With O(gather=tasks).
      type: list
      elements: dict
    state:
      description:
        - What lies on the host's disk. With O(gather=state), otherwise empty.
        - The swarm and node of its certificate, its role, whether a manager's log is there, the managers that it would
          contact, the bytes that are free for the collection's own folder and for the engine (C(room)), the IDs of
          running task containers, and the journal of the last restore (C(reinit)).
      type: dict
    certificate_expires:
      description: When the certificate of this node ends, ISO 8601, UTC.
      type: str
      sample: "2027-02-20T06:13:00+00:00"
    pending_restart:
      description: Why Docker waits to be restarted on this host.
      type: str
    unfinished:
      description: A restore or recovery that was broken off on this host. Empty where there is none.
      type: str
    auto_upgrades:
      description:
        - Whether unattended upgrades may upgrade the engine's package, and so restart the engine, at any hour.
        - That is C(unattended-upgrades) switched on, and C(docker.io) or C(docker-ce) installed, neither held nor in
          C(Unattended-Upgrade::Package-Blacklist). Which origins it takes packages from is not looked at.
      type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils.engine import ENGINE_OPTIONS, EngineError
from ansible_collections.quorum.swarm.plugins.module_utils.observe import observe_settled


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            ENGINE_OPTIONS,
            gather={
                "type": "list",
                "elements": "str",
                "choices": ["nodes", "swarm", "services", "tasks", "state"],
                "default": ["nodes", "swarm"],
            },
            patience={"type": "float", "default": 0.0},
        ),
        supports_check_mode=True,
    )
    try:
        facts = observe_settled(module.params, module.params["patience"])
    except EngineError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, facts=facts)


if __name__ == "__main__":
    main()
