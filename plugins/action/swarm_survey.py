# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ``swarm_survey`` on a host with the unlock keys that are kept of the swarm."""

from __future__ import annotations

from ansible_collections.quorum.swarm.plugins.plugin_utils.kept_keys import StartsDocker


class ActionModule(StartsDocker):
    """See the module of this name for its documentation."""

    def only_starts(self, args):
        """Whether starting Docker is what is asked for: a log cannot be read by a shell."""
        return args.get("state") == "back"
