# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keeper of a drill: it holds the isolation in which an engine of its own runs, starts and stops that engine, and
ends both when the module that wanted it is gone.

A program of its own, with nothing but Python's standard library: ``isolated.py`` lays its source down on the host and
has systemd run it as the one process of a transient unit, with a network and a host name of its own, and a file system
that it cannot change. Its end is the end of everything in the unit. What it needs it reads from one folder on a tmpfs,
``order.json``; there it is told what is wanted, and says how far it is. It touches that folder, its own network and
name, and starts dockerd.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import time

ORDER, WANTED, STATE, LOG = "order.json", "wanted", "state.json", "engine.log"
"""Files: what to isolate and start; ``up`` or ``down``; how it is; what the engine writes."""
LOOK_EVERY = 0.05
"""Seconds between two looks."""
TO_STOP = 20.0
"""Seconds for the engine to stop when it is asked to; then it is killed."""


def started(pid):
    """When a process was started, in clock ticks since boot (proc(5), ``starttime``); empty: there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def namespaces(pid="self"):
    """What tells a process's network and mounts from another's."""
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("net", "mnt")}


def lines(path):
    """The lines of a file, without empty ones; none where there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return [line.strip() for line in stream if line.strip()]
    except FileNotFoundError:
        return []


def not_isolated(outside, forbidden):
    """Why an engine that is started here could meet others; empty: it cannot.

    systemd passes over an isolation that it cannot make, so it is looked at before anything is started.

    :param outside: the namespaces of the module.
    :param forbidden: paths by which the host's own engine would be found.
    """
    own = namespaces()
    for kind, words in (("net", "network"), ("mnt", "mounts")):
        if own[kind] == outside[kind]:
            return f"it has the host's {words}"
    links = [line.partition(":")[0] for line in lines("/proc/net/dev")[2:]]
    # The kernel puts tunnels of some kinds into every new network (fb_tunnels_only_for_init_net); they are down.
    strange = [link for link in links if link != "lo" and up(link)]
    if strange:
        return f"it has the links {', '.join(strange)}"
    routes = [line.split()[0] for line in lines("/proc/net/route")[1:]]
    routes += [line.split()[-1] for line in lines("/proc/net/ipv6_route")]
    if any(link != "lo" for link in routes):
        return "it has routes to other hosts"
    seen = [path for path in forbidden if os.path.exists(path)]
    if seen:
        return f"it sees {seen[0]}"
    return ""


CLONE_NEWUTS = 0x04000000
"""``clone(2)``: a name of its own."""


def call(name):
    """Be called so, and the host not. A manager tells its swarm the name of its host. Returns what went wrong."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUTS) != 0:
        return f"it cannot have a name of its own ({os.strerror(ctypes.get_errno())})"
    socket.sethostname(name)
    return ""


def up(link):
    """Whether a link is up, which it must be to carry anything; where that cannot be seen, it is."""
    done = subprocess.run(["ip", "-o", "link", "show", "dev", link, "up"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10, check=False)
    return done.returncode != 0 or bool(done.stdout.strip())


def give(addresses):
    """Have these addresses, on the loopback. Returns what went wrong; empty: nothing."""
    for command in (["link", "set", "lo", "up"], *(["address", "add", one, "dev", "lo"] for one in addresses)):
        done = subprocess.run(["ip", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=10, check=False)
        if done.returncode != 0:
            return f"ip {' '.join(command)}: {done.stderr.decode('utf-8', 'replace').strip()}"
    return ""


def say(folder, **facts):
    """Say how it is, in a file that is there whole, 0600."""
    path = os.path.join(folder, STATE)
    handle = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(facts, stream)
    os.rename(path + ".new", path)


def wanted(folder):
    """The number and the word of the last order."""
    text = " ".join(lines(os.path.join(folder, WANTED))).split()
    return (text[0], text[1]) if len(text) == 2 else ("", "")


def start(folder, command):
    """Start the engine, with its words in a file."""
    handle = os.open(os.path.join(folder, LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=handle, stderr=handle)
    finally:
        os.close(handle)


def stop(engine):
    """Stop the engine, and wait until it is gone."""
    if engine is None or engine.poll() is not None:
        return
    engine.terminate()
    try:
        engine.wait(TO_STOP)
    except subprocess.TimeoutExpired:
        engine.kill()
        engine.wait()


def keep(folder, order):
    """Do what is wanted until nobody wants anything any more."""
    engine, done, said = None, "", None
    while started(order["pid"]) == order["started"] and time.monotonic() < order["until"]:
        number, word = wanted(folder)
        if number != done:
            if word == "up" and (engine is None or engine.poll() is not None):
                engine = start(folder, order["command"])
            elif word == "down":
                stop(engine)
                engine = None
            done = number
        status = engine.poll() if engine is not None else None
        facts = {"ready": True, "order": done, "running": engine is not None and status is None, "status": status}
        if facts != said:
            say(folder, **facts)
            said = facts
        time.sleep(LOOK_EVERY)
    # Nothing of it is kept: the end of this process is the end of the unit, and systemd kills what is in it.


def main(folder):
    """Keep one drill."""
    with open(os.path.join(folder, ORDER), encoding="utf-8") as stream:
        order = json.load(stream)
    why = not_isolated(order["outside"], order["forbidden"]) or call(order["hostname"]) or give(order["addresses"])
    if why:
        say(folder, ready=False, why=why)
        while started(order["pid"]) == order["started"]:  # who reads it ends the unit, and its end removes it
            time.sleep(LOOK_EVERY)
        return
    keep(folder, order)


if __name__ == "__main__":
    main(sys.argv[1])
