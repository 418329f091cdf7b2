# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether other hosts get through to this one, on a port that nothing listens on yet: what ``swarm_reach`` does.

A program of its own listens for a moment, after the module has ended, and hands a word to everybody who connects. It
ends when its word is taken away from ``/run/quorum.swarm/reach``, or by itself: whatever becomes of the run, the port
is free again.
"""

from __future__ import annotations

import errno
import os
import secrets
import select
import socket
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.quorum.swarm.plugins.module_utils import services

WORD = "/run/quorum.swarm/reach"
LIVES = 180.0
"""Seconds after which the program that listens ends by itself."""
FREE_AFTER = 12.0
"""Seconds that the port is given to be free: the engine of a node whose promotion does not come true listens for 5 s
every now and then."""
ANSWERS = 5.0
"""Seconds that a way is given."""


def listen(place: str) -> dict[str, Any]:
    """Listen at ``address:port`` from now on. Returns the module's result.

    :raises OSError: this host cannot listen there, for another reason than that somebody does.
    """
    _silence()
    end = time.monotonic() + FREE_AFTER
    while True:
        try:
            server = _bound(place)
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        if time.monotonic() > end:
            return {"changed": False, "word": "", "busy": True}
        time.sleep(0.2)
    word = secrets.token_hex(8)
    services.write(WORD, word + "\n")
    _detach(server, word)
    return {"changed": False, "word": word, "busy": False}


def stop(word: str = "") -> dict[str, Any]:
    """Listen no longer. Returns the module's result.

    :param word: that of this run; what another run listens with since goes on. Empty: whoever listens ends.
    """
    if not word or _is_wanted(word):
        _silence()
    return {"changed": False}


def attempt(targets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Try the way to each of these hosts. Returns the module's result.

    :param targets: by host: ``place``, ``address:port``, and ``word``; without a word, somebody else listens there.
    """
    with ThreadPoolExecutor(max(1, len(targets))) as pool:
        through = dict(zip(targets, pool.map(_gets_through, targets.values())))
    return {"changed": False, "blocked": sorted(host for host in targets if not through[host])}


def _gets_through(target: Mapping[str, Any]) -> bool:
    place, word = str(target["place"]), str(target.get("word") or "")
    if not word:
        return services.speaks_tls(place, ANSWERS)
    end = time.monotonic() + ANSWERS
    while True:
        told = _told(place, len(word))
        # Another run may listen there by now, with a word of its own: the way is open all the same.
        if told == word or (len(told) == len(word) and set(told) <= set("0123456789abcdef")):
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.3)  # one run hands the port to another


def _told(place: str, length: int) -> str:
    """What is said there to who connects; empty where nobody gets through."""
    name, _sign, port = place.rpartition(":")
    try:
        with socket.create_connection((name.strip("[]"), int(port)), ANSWERS) as connection:
            told = b""
            while len(told) <= length:
                more = connection.recv(64)
                if not more:
                    break
                told += more
            return told.decode("ascii", "replace").strip()
    except (OSError, ValueError):
        return ""


def _bound(place: str) -> socket.socket:
    """A socket that listens there; on all addresses where this host has not the one (behind a translation)."""
    name, _sign, port = place.rpartition(":")
    own = name.strip("[]")
    family, every = (socket.AF_INET6, "::") if ":" in own else (socket.AF_INET, "0.0.0.0")  # noqa: S104 - with a word
    try:
        return _listening(family, own, int(port))
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
    return _listening(family, every, int(port))


def _listening(family: socket.AddressFamily, addr: str, port: int) -> socket.socket:
    server = socket.socket(family, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((addr, port))
        server.listen(16)
    except OSError:
        server.close()
        raise
    return server


def _silence() -> None:
    """Have the program of a run before end, which gives it the time of one look."""
    try:
        os.unlink(WORD)
    except FileNotFoundError:
        return
    time.sleep(0.4)


def _detach(server: socket.socket, word: str) -> None:
    """Leave a process behind that serves the word."""
    sys.stdout.flush()
    if os.fork():
        server.close()
        return
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        _serve(server, word)
    finally:
        os._exit(0)


def _serve(server: socket.socket, word: str) -> None:
    end = time.monotonic() + LIVES
    while time.monotonic() < end and _is_wanted(word):
        ready, _unused, _none = select.select([server], [], [], 0.2)
        if not ready:
            continue
        try:
            connection, _peer = server.accept()
            with connection:
                connection.sendall(word.encode() + b"\n")
        except OSError:
            continue


def _is_wanted(word: str) -> bool:
    try:
        with open(WORD, encoding="ascii") as stream:
            return stream.read().strip() == word
    except OSError:
        return False
