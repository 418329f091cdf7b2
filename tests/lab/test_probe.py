# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe sees each failure and no other. Against real web servers in this process; touches only the loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from .probe import Probe, ask


class _Server(ThreadingHTTPServer):
    status = 200
    delay = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        time.sleep(self.server.delay)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_answers_are_no_failures(server: _Server) -> None:
    with Probe({"w1": server.url}, period=0.01, timeout=1) as probe:
        time.sleep(0.2)
    assert probe.requests >= 5
    assert probe.failures == []
    assert probe.longest_outage() == 0


def test_an_outage_is_one_however_many_requests_it_cost(server: _Server) -> None:
    before = time.time()
    with Probe({"w1": server.url, "w2": "http://127.0.0.1:1/"}, period=0.01, timeout=5) as probe:
        for status in (200, 503, 200, 503, 200):
            server.status = status
            time.sleep(0.2)
    failed = [failure for failure in probe.failures if failure.node == "w1"]
    assert {failure.error for failure in failed} == {"HTTP status 503"}
    assert all(before < failure.time < time.time() for failure in failed)
    outages = [outage for outage in probe.outages if outage.node == "w1"]
    assert len(outages) == 2
    assert sum(outage.requests for outage in outages) == len(failed)
    assert probe.longest_outage("w1") == max(outage.seconds for outage in outages) > 0.1
    # Nobody listens there, from the first request to the last.
    assert [outage.node for outage in probe.outages if outage.node != "w1"] == ["w2"]
    assert probe.longest_outage() == probe.longest_outage("w2") > 0.9


def test_no_answer_within_the_timeout_is_a_failure(server: _Server) -> None:
    server.delay = 0.5
    started = time.monotonic()
    assert ask(server.url, timeout=0.1) == "timed out"
    assert time.monotonic() - started < 0.4
