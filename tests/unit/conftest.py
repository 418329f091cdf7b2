# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all unit tests share: how many examples hypothesis tries. Touches nothing.

`HYPOTHESIS_PROFILE=thorough pytest ...` looks much longer; `make faults` does that.
"""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples on every run: a red run of `make test` is red again. No deadline: two cores are shared with a lab.
settings.register_profile("default", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("quick", max_examples=15, deadline=None)
settings.register_profile("thorough", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
