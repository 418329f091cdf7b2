# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A socket that answers like an engine, with what a test tells it to say; it notes what it was asked.

It decides nothing about what engines do: it shows what our code, through the real Docker SDK, makes of answers that
were captured from real ones.
"""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TEXTS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("engine_texts.json").read_text())
SILENCE = object()
"""An answer that does not come."""
Answer = Any
"""(status, content), SILENCE, or a function of the request that returns one of them."""


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: Any


@dataclass
class Script:
    """What to answer: a list of answers for `METHOD /path`, the last of which is given again and again."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    host: str = ""

    def say(self, what: str, *answers: Answer) -> None:
        self.answers[what] = list(answers)

    def said(self, what: str) -> list[Request]:
        """The requests of this kind, in their order."""
        return [request for request in self.asked if f"{request.method} {request.path}" == what]

    def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        known = self.answers.get(f"{request.method} {request.path}")
        if not known:
            return 404, {"message": f"not in the script: {request.method} {request.path}"}
        answer = known.pop(0) if len(known) > 1 else known[0]
        return answer(request) if isinstance(answer, Callable) else answer  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def address_string(self) -> str:
        return "the socket"

    def log_message(self, *_args: object) -> None:
        pass

    def handle_one(self) -> None:
        url = urlsplit(self.path)
        path = url.path.lstrip("/")
        if path.startswith("v1."):  # all but the question for the version carry a version
            path = path.partition("/")[2]
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        answer = self.script.answer(Request(self.command, f"/{path}", dict(parse_qsl(url.query)), body))
        if answer is SILENCE:
            time.sleep(60)
            return
        status, content = answer
        data = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = handle_one


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_args: object) -> None:
        """A client that hung up."""


@contextmanager
def engine_socket(folder: Path) -> Iterator[Script]:
    """An engine's socket in this folder; its script has the `docker_host` to reach it at."""
    path = folder / "docker.sock"
    script = Script(host=f"unix://{path}")
    script.say("GET /version", (200, {"ApiVersion": "1.41", "Version": "scripted"}))
    server = Server(str(path), type("Bound", (Handler,), {"script": script}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()


def refusal(name: str, version: str) -> tuple[int, dict[str, str]]:
    """A refusal of a real engine, as it was captured."""
    seen = TEXTS[version][name]
    return seen["status"], {"message": seen["text"]}
