#!/usr/bin/python

# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_engine
short_description: The Docker engine of a host, and its daemon.json
version_added: 0.1.0
description:
  - Says what a host lacks to be in a swarm, the engine itself or Python libraries, and which packages bring it. It
    installs nothing.
  - Where nothing is lacking, merges O(daemon_config) into the file that the engine reads, C(/etc/docker/daemon.json) or
    what its C(--config-file) says, after the engine's own program accepted the result. C(live-restore) is refused,
    because swarm mode does not work with it.
  - On a host in no swarm, Docker is restarted when the file changed, and stops the containers that run there for that
    time. Where it does not start, the old file returns, and the module fails with the engine's own words.
  - On a member of a swarm, Docker is never restarted unless O(restart_members=true). That a restart is needed is
    written to C(/var/lib/quorum.swarm/pending-restart), and goes when Docker has been restarted, by whomever.
  - A host whose state in a swarm is not known counts as a member. The host is never rebooted.
author:
  - the quorum.swarm authors (!UNKNOWN)
attributes:
  check_mode:
    description: Can run in check mode and say what would change, without changing anything.
    support: full
  diff_mode:
    description: >-
      Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
  idempotent:
    description: >-
      When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
options:
  daemon_config:
    description:
      - What C(daemon.json) shall say. Objects are merged key by key, other values and lists are replaced; keys that are
        not named here stay as they are.
      - Do not put secrets here. They would be shown in diffs.
    type: dict
    default: {}
  restart_members:
    description:
      - Restart Docker on a member, too, where a restart is pending, and wait until the node is back in its swarm.
      - A manager's engine is stopped only when every other manager is reachable and answers at this moment, and when
        they are a majority without it. A manager that locks itself is unlocked with the key which it gave before.
    type: bool
    default: false
  allow_quorum_pause:
    description:
      - With O(restart_members=true), also restart the engine of one of two managers, or of the only one. The swarm has
        no quorum for that time.
    type: bool
    default: false
  installed:
    description:
      - What RV(lacks) said before its packages were installed just now. What is still lacking is a failure then, and an
        engine among it is started. One that does not run otherwise may be a manager's that somebody stopped on purpose,
        and is a failure.
    type: list
    elements: str
    choices: [engine, docker, nacl, cryptography]
    default: []
  engine_packages:
    description:
      - Packages of the engine, where those of Debian and Ubuntu are not wanted, or on other systems.
    type: list
    elements: str
    default: []
  python_packages:
    description:
      - Packages of the Python libraries C(docker), C(nacl) and C(cryptography), likewise.
    type: list
    elements: str
    default: []
  timeout:
    description:
      - Seconds for Docker to start, and once more for a member to be back in its swarm.
    type: float
    default: 120
seealso:
  - module: quorum.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Rotate the containers' logs
  quorum.swarm.swarm_engine:
    daemon_config:
      log-driver: local
      log-opts:
        max-size: 20m
  become: true

- name: Restart Docker on this member where that is pending
  quorum.swarm.swarm_engine:
    restart_members: true
  become: true
"""

RETURN = r"""
msg:
  description: What was done, or is to be done, in one or two sentences.
  returned: always
  type: str
lacks:
  description: Of V(engine) and the Python libraries V(docker), V(nacl) and V(cryptography), what is not there.
  returned: success
  type: list
  elements: str
packages:
  description: The packages to install for it. The rest of what is returned is left out then.
  returned: success
  type: list
  elements: str
package_manager:
  description: V(apt) or V(other), empty where nothing is to be installed.
  returned: success
  type: str
config_file:
  description: The file that the engine reads.
  returned: when the engine runs
  type: str
state:
  description: The host's state in a swarm, before anything was done; V(inactive) for a host in no swarm.
  returned: when the engine runs
  type: str
pending_restart:
  description: Why Docker waits to be restarted, and since when; empty where it does not.
  returned: when the engine runs
  type: str
restarted:
  description: Whether Docker was restarted, or would be in check mode.
  returned: when the engine runs
  type: bool
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.quorum.swarm.plugins.module_utils import daemon_config
from ansible_collections.quorum.swarm.plugins.module_utils.core.daemon import BadConfig
from ansible_collections.quorum.swarm.plugins.module_utils.engine import EngineError

PARTS = ["engine", *daemon_config.LIBRARIES]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "daemon_config": {"type": "dict", "default": {}},
            "restart_members": {"type": "bool", "default": False},
            "allow_quorum_pause": {"type": "bool", "default": False},
            "installed": {"type": "list", "elements": "str", "choices": PARTS, "default": []},
            "engine_packages": {"type": "list", "elements": "str", "default": []},
            "python_packages": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "float", "default": 120},
        },
        supports_check_mode=True,
    )
    if os.geteuid() != 0:
        module.fail_json(msg="swarm_engine changes the engine's configuration and service: run it with become: true.")
    request = daemon_config.Request(
        config=module.params["daemon_config"],
        restart_members=module.params["restart_members"],
        installed=module.params["installed"],
        allow_pause=module.params["allow_quorum_pause"],
        timeout=module.params["timeout"],
        engine_packages=module.params["engine_packages"],
        python_packages=module.params["python_packages"],
    )
    try:
        result = daemon_config.ensure(request, module.check_mode)
    except (daemon_config.Refused, BadConfig, EngineError) as refused:
        module.fail_json(msg=str(refused))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
