# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes engine_texts.json: what real engines answer when something is wrong, for tests/unit/test_engine.py.

Brings up a lab for each suite, drives its engines into every situation, and notes status and text of the answers. Takes
about four minutes a suite. From the checkout: `python3 -m tests.unit.modules.capture_engine_texts [SUITE...]`.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab import Lab, Node

TEXTS = Path(__file__).with_name("engine_texts.json")
SUITES = ("bookworm", "trixie", "forky")

# Runs on the node, with nothing but Python: no SDK between the engine's words and the file.
REQUEST = """
import http.client, json, socket, sys
method, path, body = json.loads(sys.argv[1])
class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect("/var/run/docker.sock")
engine = Engine("localhost")
engine.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
answer = engine.getresponse()
text = answer.read().decode()
print(json.dumps([answer.status, json.loads(text) if text.strip() else None]))
"""


def ask(node: Node, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and decoded answer."""
    done = node.run(["python3", "-c", REQUEST, json.dumps([method, path, body])], timeout=90)
    status, answer = json.loads(done.stdout)
    return status, answer


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = what()
        if answer:
            return answer
        time.sleep(0.5)
    raise SystemExit(f"nothing after {seconds} s")


def swarm(node: Node) -> dict[str, Any]:
    """What the engine says of its own place."""
    answer: dict[str, Any] = ask(node, "GET", "/info")[1]["Swarm"]
    return answer


def join_body(node: Node, manager: str, token: str) -> dict[str, Any]:
    return {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": node.addr, "RemoteAddrs": [manager], "JoinToken": token}


class Notes:
    """What was seen on one engine. IDs and secrets of the lab are replaced."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def answer(self, name: str, answer: tuple[int, Any]) -> None:
        status, content = answer
        if status < 400:
            raise SystemExit(f"{name}: the engine did not mind: {status}")
        self.seen[name] = {"status": status, "text": self.clean(content["message"])}
        print(f"  {name}: {status} {self.seen[name]['text'][:100]}", flush=True)

    def place(self, name: str, place: dict[str, Any]) -> None:
        keep = {key: place.get(key) for key in ("LocalNodeState", "ControlAvailable", "NodeAddr")}
        keep["NodeID"] = "n" * 25 if place.get("NodeID") else ""
        keep["Error"] = self.clean(place.get("Error") or "")
        keep["RemoteManagers"] = [{"NodeID": "", "Addr": peer["Addr"]} for peer in place.get("RemoteManagers") or []]
        self.seen[name] = {"swarm": keep}
        print(f"  {name}: {keep}", flush=True)

    @staticmethod
    def clean(text: str) -> str:
        text = re.sub(r"SWMTKN-1-[0-9a-z]+-[0-9a-z]+", "SWMTKN-1-" + "0" * 50 + "-" + "0" * 25, text)
        return re.sub(r"\b[0-9a-z]{25}\b", "n" * 25, text)


def capture(suite: str) -> tuple[str, dict[str, Any]]:
    """All situations on one engine; its version and what it said."""
    lab = Lab.up(f"texts-{suite}", managers=3, workers=1, suite=suite)
    lab.reset()
    m1, m2, m3, w1 = (lab.node(name) for name in ("m1", "m2", "m3", "w1"))
    notes = Notes()
    version = ask(m1, "GET", "/version")[1]["Version"]
    init = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": m1.addr}

    notes.place("inactive", swarm(m1))
    notes.answer("not_member", ask(m1, "GET", "/nodes"))
    notes.answer("leave_not_member", ask(m1, "POST", "/swarm/leave"))
    ask(m1, "POST", "/swarm/init", init)
    tokens = ask(m1, "GET", "/swarm")[1]["JoinTokens"]
    notes.answer("init_twice", ask(m1, "POST", "/swarm/init", init))
    notes.answer("not_locked", ask(m1, "POST", "/swarm/unlock", {"UnlockKey": "SWMKEY-1-" + "A" * 43}))
    notes.answer("last_manager_leaves", ask(m1, "POST", "/swarm/leave"))
    node = ask(m1, "GET", "/nodes")[1][0]
    path, spec = f"/nodes/{node['ID']}/update", dict(node["Spec"], Role="worker")
    notes.answer("last_manager_demoted", ask(m1, "POST", f"{path}?version={node['Version']['Index']}", spec))
    notes.answer("node_out_of_sequence", ask(m1, "POST", f"{path}?version=1", dict(node["Spec"], Availability="drain")))
    stale = ask(m1, "GET", "/swarm")[1]["Spec"]
    stale["Orchestration"]["TaskHistoryRetentionLimit"] = 3
    notes.answer("swarm_out_of_sequence", ask(m1, "POST", "/swarm/update?version=1", stale))

    notes.answer("join_wrong_token", ask(w1, "POST", "/swarm/join",
                 join_body(w1, m1.addr, tokens["Worker"][:-25] + "0" * 25)))  # fmt: skip
    notes.answer("join_malformed_token", ask(w1, "POST", "/swarm/join", join_body(w1, m1.addr, "SWMTKN-1-x-y")))
    notes.answer("join_refused", ask(w1, "POST", "/swarm/join", join_body(w1, f"{m1.addr}:9", tokens["Worker"])))
    ask(w1, "POST", "/swarm/leave?force=true")
    silent = str(lab.subnet.network_address + 99)
    notes.answer("join_silent", ask(w1, "POST", "/swarm/join", join_body(w1, silent, tokens["Worker"])))
    notes.place("half_joined", swarm(w1))
    ask(w1, "POST", "/swarm/leave?force=true")
    for node_, token in ((w1, tokens["Worker"]), (m2, tokens["Manager"]), (m3, tokens["Manager"])):
        status, answer = ask(node_, "POST", "/swarm/join", join_body(node_, m1.addr, token))
        if status != 200:
            raise SystemExit(f"{node_.name} did not join: {answer}")
    notes.place("worker", swarm(w1))
    notes.answer("not_manager", ask(w1, "GET", "/nodes"))
    notes.answer("manager_leaves", ask(m2, "POST", "/swarm/leave"))

    current = ask(m1, "GET", "/swarm")[1]
    current["Spec"]["EncryptionConfig"]["AutoLockManagers"] = True
    ask(m1, "POST", f"/swarm/update?version={current['Version']['Index']}", current["Spec"])
    key = ask(m1, "GET", "/swarm/unlockkey")[1]["UnlockKey"]
    time.sleep(5)  # until the managers have locked their keys with it
    m3.run("systemctl restart docker")
    until(lambda: swarm(m3)["LocalNodeState"] == "locked")
    notes.place("locked", swarm(m3))
    notes.answer("locked_nodes", ask(m3, "GET", "/nodes"))
    notes.answer("locked_leave", ask(m3, "POST", "/swarm/leave"))
    notes.answer("unlock_wrong", ask(m3, "POST", "/swarm/unlock", {"UnlockKey": "SWMKEY-1-" + "A" * 43}))
    notes.answer("unlock_malformed", ask(m3, "POST", "/swarm/unlock", {"UnlockKey": "SWMKEY-1-x"}))
    ask(m3, "POST", "/swarm/unlock", {"UnlockKey": key})
    current = ask(m1, "GET", "/swarm")[1]
    current["Spec"]["EncryptionConfig"]["AutoLockManagers"] = False
    ask(m1, "POST", f"/swarm/update?version={current['Version']['Index']}", current["Spec"])
    until(lambda: all(n.get("ManagerStatus", {}).get("Reachability", "reachable") == "reachable"
                      for n in ask(m1, "GET", "/nodes")[1]))  # fmt: skip
    time.sleep(5)

    current = ask(m1, "GET", "/swarm")[1]
    current["Spec"]["Orchestration"]["TaskHistoryRetentionLimit"] = 4
    m2.kill()
    m3.kill()
    # While reads are still answered with what was true before, a write already finds nobody to agree to it.
    write = ask(m1, "POST", f"/swarm/update?version={current['Version']['Index']}", current["Spec"])
    notes.answer("no_leader_write", write)
    lost = until(lambda: (answer := ask(m1, "GET", "/nodes"))[0] >= 400 and answer)
    notes.answer("no_leader_first", lost)
    notes.answer("no_leader", ask(m1, "GET", "/nodes"))
    notes.answer("no_leader_update", ask(m1, "POST", "/swarm/update?version=1", stale))
    notes.place("no_leader_info", swarm(m1))
    m1.run("systemctl restart docker", timeout=120)
    notes.place("restarted_without_quorum", swarm(m1))
    notes.answer("restarted_without_quorum_nodes", ask(m1, "GET", "/nodes"))
    lab.down()
    return version, notes.seen


def main(suites: list[str]) -> None:
    texts = json.loads(TEXTS.read_text()) if TEXTS.exists() else {}
    for suite in suites or SUITES:
        print(suite, flush=True)
        version, seen = capture(suite)
        texts[version] = seen
        TEXTS.write_text(json.dumps(texts, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
