# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all of the lab shares: how it speaks, fails, runs commands, works in parallel, and keeps processes apart.

Touches the terminal (standard error), child processes and lock files; knows nothing of nodes.
"""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_started = time.monotonic()
_speaking = threading.Lock()


class LabError(Exception):
    """Something the lab cannot do; its text is one sentence for the person at the terminal."""


def say(text: str) -> None:
    """Print one line of progress with the seconds since the program started."""
    with _speaking:
        print(f"[{time.monotonic() - _started:6.1f}s] {text}", file=sys.stderr, flush=True)


def execute(
    command: Sequence[str],
    *,
    check: bool = True,
    timeout: float | None = None,
    stdin: str | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command and capture its text output.

    timeout is in seconds. Raises LabError on a timeout, a missing program and, with check, a status that is not 0.
    """
    shown = " ".join(command)
    if len(shown) > 160:
        shown = shown[:160] + " ..."
    try:
        # Without an input of its own a child would read (and starve on) the caller's.
        done = subprocess.run(
            list(command),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=env,
            check=False,
            **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no answer within {timeout:g} s: {shown}") from error
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not installed on this machine.") from error
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no output")[-2000:]
        raise LabError(f"{shown}: status {done.returncode}: {said}")
    return done


def in_parallel(items: Iterable[Item], work: Callable[[Item], Result]) -> list[Result]:
    """Do the work on all items at once and return the results in the order of the items.

    All are finished before it returns or raises LabError; the error holds what each failed item said.
    """
    listed = list(items)
    errors: list[str] = []

    def guarded(item: Item) -> Result | None:
        try:
            return work(item)
        except LabError as error:
            errors.append(str(error))
            return None

    if not listed:
        return []
    with ThreadPoolExecutor(max_workers=len(listed)) as pool:
        results = list(pool.map(guarded, listed))
    if errors:
        raise LabError("; ".join(errors))
    return results  # type: ignore[return-value]  # a None stands only where an error was raised


def wait_until(true: Callable[[], bool], *, seconds: float, failure: str, period: float = 0.2) -> None:
    """Wait until the condition holds; raises LabError with the failure text after so many seconds."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise LabError(failure)
        time.sleep(period)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, against other processes and other threads of this one."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
