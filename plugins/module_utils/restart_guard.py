# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The restart guard: while a module has stopped Docker, this starts and unlocks it should the module die or hang.

A program of its own, with nothing but Python's standard library: ``stopped.py`` lays its source down on the host and
has systemd run it outside of the ssh session, where neither a killed module, nor a lost connection, nor the end of the
controller reaches it. What it needs it reads from one folder on a tmpfs, ``order.json`` (0600; the unlock key is in
it); there it says how far it is. It touches that folder, ``docker.socket`` and ``docker.service``, and the engine's
socket. A power cut ends it, and starts Docker as every boot does.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time

ORDER, ARMED, DONE, RESCUED = "order.json", "armed", "done", "rescued"
"""Files: what to watch and how to help; that it watches; that it is no longer needed; what it did."""
LOOK_EVERY = 0.1
"""Seconds between two looks at the module."""
SETTLED = 5.0
"""Seconds that Docker has to be back before it is left alone: a stop that the module began may still be under way."""


class Local(http.client.HTTPConnection):
    """HTTP over the engine's socket."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        """Connect to the socket instead of to a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path, method, target, body=None, timeout=25):
    """Status and decoded answer of one request; status 0 where there was none."""
    connection = Local(path, timeout)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, target, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None
    except (OSError, ValueError, http.client.HTTPException):
        return 0, None
    finally:
        connection.close()


def started(pid):
    """When a process was started, in clock ticks since boot (proc(5), ``starttime``); empty: there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def watch(folder, order):
    """Wait until it is needed, or no longer is. Returns why it is needed; empty: it is not."""
    while True:
        if os.path.exists(os.path.join(folder, DONE)):
            return ""
        if started(order["pid"]) != order["started"]:
            return "the module that had stopped Docker is gone"
        if time.monotonic() > order["until"]:
            return f"Docker was to be stopped for {order['seconds']:.0f} s at most"
        time.sleep(LOOK_EVERY)


def systemctl(*words):
    """Run it, whatever comes of it."""
    try:
        return subprocess.call(["systemctl", *words], stdin=subprocess.DEVNULL, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return 1


def start(units):
    """Start Docker. A unit that was started a few times in a minute is refused (StartLimitBurst) unless reset first."""
    systemctl("reset-failed", *units)
    systemctl("start", *units)


def bring_back(order, patience=900):
    """Start Docker and unlock it, again and again until it is a member, or only waits for others. Returns its state."""
    end = time.monotonic() + patience
    state, since = "", None
    start(order["units"])
    while time.monotonic() < end:
        status, info = ask(order["socket"], "GET", "/info")
        state = ((info or {}).get("Swarm") or {}).get("LocalNodeState") or ""
        if status != 200:
            since = None
            start(order["units"])
        elif state == "locked" and order["unlock_key"]:
            since = None
            ask(order["socket"], "POST", "/swarm/unlock", {"UnlockKey": order["unlock_key"]}, 60)
        elif state == "pending":
            since = None
        elif since is None:
            since = time.monotonic()
        elif time.monotonic() - since > SETTLED:
            break
        time.sleep(0.5)
    return state


def log(text):
    """A line for the journal."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def say(folder, name, **facts):
    """Write a file whole, 0600."""
    path = os.path.join(folder, name)
    handle = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(facts, stream)
    os.rename(path + ".new", path)


def main(folder):
    """Watch over one stop of Docker."""
    try:
        with open(os.path.join(folder, ORDER), encoding="utf-8") as stream:
            order = json.load(stream)
    except (OSError, ValueError):
        return  # it has been called off
    say(folder, ARMED, pid=os.getpid())
    why = watch(folder, order)
    if why:
        say(folder, RESCUED, why=why, state="")
        log(f"starting Docker: {why}")
        state = bring_back(order)
        log(f"Docker is {state or 'not back'}")
        say(folder, RESCUED, why=why, state=state)
    os.unlink(os.path.join(folder, ORDER))


if __name__ == "__main__":
    main(sys.argv[1])
