# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seconds out of what an operator writes, for the tasks that hand a time to a module."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.quorum.swarm.plugins.module_utils.core import coerce

DOCUMENTATION = r"""
name: seconds
short_description: Seconds out of a time
version_added: "0.1.0"
author:
  - the quorum.swarm authors
description:
  - Makes a number of seconds of what an operator writes, such as V(120), V(2m) or V(1d12h).
options:
  _input:
    description: A number of seconds, or a time.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Tell how long two minutes are
  ansible.builtin.debug:
    msg: "{{ '2m' | quorum.swarm.seconds }}"
"""

RETURN = r"""
_value:
  description: The seconds.
  type: float
"""


def seconds(value: Any) -> float:
    """The seconds.

    :raises AnsibleFilterError: it is no time.
    """
    try:
        return coerce.seconds("A time", value)
    except coerce.BadValue as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """By name."""
        return {"seconds": seconds}
