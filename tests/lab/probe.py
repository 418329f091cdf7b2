# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An availability probe: asks web servers again and again, in the background, and keeps each failed request.

Touches the network only; knows nothing of labs.
"""

from __future__ import annotations

import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import NamedTuple

# The machine may have a proxy for the world; nodes are not in the world.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failure(NamedTuple):
    """One request that failed. time: seconds since the epoch when it was sent."""

    time: float
    node: str
    error: str


class Outage(NamedTuple):
    """Requests to a node that failed in a row. start: seconds since the epoch; seconds: until it answered again."""

    node: str
    start: float
    seconds: float
    requests: int
    error: str


def ask(url: str, *, timeout: float) -> str | None:
    """Send one request; None if it was answered with status 200, else what went wrong. timeout in seconds."""
    try:
        with _opener.open(url, timeout=timeout) as response:
            response.read()
            return None if response.status == 200 else f"HTTP status {response.status}"
    except urllib.error.HTTPError as error:
        return f"HTTP status {error.code}"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return str(reason) or type(reason).__name__


class Probe:
    """Polls URLs, each in a thread of its own, while the `with` block runs.

    A request is sent every period to each node, or as soon as the one before has ended: no answer within the timeout is
    a failure. Both are in seconds. failures and requests grow while it runs and stay readable afterwards.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        *,
        period: float,
        timeout: float,
        on_failure: Callable[[Failure], None] | None = None,
    ) -> None:
        self._urls = dict(urls)
        self._period = period
        self._timeout = timeout
        self.on_failure = on_failure
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: dict[str, tuple[float, int, str]] = {}
        self.requests = 0
        self.failures: list[Failure] = []
        self.outages: list[Outage] = []

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes that are asked."""
        return list(self._urls)

    def __enter__(self) -> Probe:
        for node, url in self._urls.items():
            thread = threading.Thread(target=self._poll, args=(node, url), name=f"probe {node}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        now = time.time()
        for node in list(self._open):
            self._close(node, now)

    def longest_outage(self, node: str | None = None) -> float:
        """Seconds of the longest outage of a node (default: of any); 0 if there was none. Call it after the block."""
        return max((outage.seconds for outage in self.outages if node in (None, outage.node)), default=0.0)

    def _poll(self, node: str, url: str) -> None:
        while not self._stop.is_set():
            sent, clock = time.time(), time.monotonic()
            error = ask(url, timeout=self._timeout)
            with self._lock:
                self._count(node, sent, error)
            self._stop.wait(max(0.0, self._period - (time.monotonic() - clock)))

    def _count(self, node: str, sent: float, error: str | None) -> None:
        self.requests += 1
        if error is None:
            self._close(node, sent)
            return
        failure = Failure(sent, node, error)
        self.failures.append(failure)
        start, count, first = self._open.get(node, (sent, 0, error))
        self._open[node] = (start, count + 1, first)
        if self.on_failure:
            self.on_failure(failure)

    def _close(self, node: str, now: float) -> None:
        if node in self._open:
            start, count, error = self._open.pop(node)
            self.outages.append(Outage(node, start, now - start, count, error))
