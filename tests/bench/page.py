# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/benchmarks.md: each benchmark owns one part of the page and leaves the others alone. Writes that file only."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def put(document: Path, name: str, text: str) -> None:
    """Replace one part of the page, or add it at the end."""
    document.parent.mkdir(exist_ok=True)
    before = document.read_text() if document.is_file() else ""
    document.write_text(replaced(before, name, text))


def replaced(page: str, name: str, text: str) -> str:
    """The page with this part of it replaced, or added at the end."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    part = f"{begin}\n\n{text.strip()}\n\n{end}\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end) + "\n", re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _found: part, page)
    return f"{page.rstrip()}\n\n{part}".lstrip()


def commit() -> str:
    """The commit that is checked out, with a mark where the working tree differs from it."""
    done = subprocess.run(["git", "describe", "--always", "--abbrev=12", "--dirty=+"], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    return done.stdout.strip() or "none"


def machine() -> str:
    """The day, the commit and the machine, in a sentence."""
    return (f"{time.strftime('%Y-%m-%d', time.gmtime())}, commit {commit()}, {os.cpu_count()} "
            f"cores ({platform.machine()}) shared by the controller and all nodes, load average "
            f"{os.getloadavg()[2]:.1f} over the last 15 minutes.")
