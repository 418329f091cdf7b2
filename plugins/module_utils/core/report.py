# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true of a swarm, as lines of text that a person reads at three in the morning on 100 columns.

Pure: values in, lines out. What is wrong in a table stands in CAPITALS, since colours do not survive a log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from ansible_collections.quorum.swarm.plugins.module_utils.core import health, inventory, quorum
from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import SEVERITIES, Finding
from ansible_collections.quorum.swarm.plugins.module_utils.core.inventory import Wanted
from ansible_collections.quorum.swarm.plugins.module_utils.core.verdict import Judgement
from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts, Node, View, address_of

WIDTH = 100
"""Columns that a line takes at most, unless a single word is longer."""
NARROWEST = 8
"""Columns that a clipped column keeps."""
MANAGER_PORT = ":2377"
"""Left out of addresses: it is every manager's, unless it was chosen otherwise."""
NODE_COLUMNS = ("ZONE", "HOST", "ROLE", "REACHED", "AVAIL", "STATE", "ADDRESS", "STATIC", "ENGINE")
HOST_COLUMNS = ("ZONE", "HOST", "WANTED", "ANSWERS", "ENGINE", "SWARM", "SAYS")


def headline(judgement: Judgement, wanted: Wanted, facts: Mapping[str, HostFacts]) -> str:
    """The verdict and the numbers of the quorum, in one line."""
    view = judgement.view
    if view is None or not view.voters:
        return f"{judgement.verdict}: {judgement.reason}"
    zone_of = health.zones_of(view, wanted, health.hosts_of(view, wanted, facts))
    numbers = health.margin(view, zone_of)
    line = (
        f"{judgement.verdict}: {_count(numbers.voters, 'voter')}, "
        f"{numbers.reachable} reachable, majority {numbers.majority}, tolerates {max(0, numbers.tolerates)}"
    )
    if numbers.worst_zone:
        line += f"; losing zone {numbers.worst_zone} leaves {numbers.left} of {numbers.voters}"
        if not quorum.has_quorum(numbers.voters, numbers.left):
            line += " (NO QUORUM)"
    return line


def swarm(
    judgement: Judgement, wanted: Wanted, facts: Mapping[str, HostFacts], kept: health.Backup | None = None
) -> list[str]:
    """The headline, and a table by zone: of nodes where a manager told the swarm, else of what the hosts said."""
    view = judgement.view
    lines = wrap(headline(judgement, wanted, facts))
    if view is None:
        lines += _backup(kept)
        return [*lines, "", *_host_table(wanted, facts)] if wanted.nodes else lines
    locking = "managers lock themselves" if view.swarm.autolock else "no autolock"
    leader = view.leader
    host_of = health.hosts_of(view, wanted, facts)
    led = f"led by {health.name_of(leader, host_of)}, " if leader else ""
    lines += wrap(f"swarm {view.swarm.id}, {led}told by {view.told_by}; {_count(len(view.nodes), 'node')}, {locking}")
    return [*lines, *_backup(kept), "", *_node_table(view, wanted, facts, host_of)]


def _backup(kept: health.Backup | None) -> list[str]:
    """The newest proven backup and the last good drill, a line each; nothing where there is none: that is a finding."""
    if kept is None or not kept.file:
        return []
    lines = wrap(f"newest proven backup: of {kept.host}, {health.span(max(kept.age, timedelta(0)))} old")
    if kept.drilled is not None:
        lines += wrap(f"last good drill: {health.span(max(kept.drilled.age, timedelta(0)))} ago, on "
                      f"{kept.drilled.host}, in {kept.drilled.seconds:.0f} s")
    return lines


def findings(found: Sequence[Finding]) -> list[str]:
    """Findings by severity, each kind with its remedy on an indented line: once for all that share it."""
    if not found:
        return ["No findings."]
    lines: list[str] = []
    for severity in SEVERITIES:
        of_it = [item for item in found if item.severity == severity]
        if not of_it:
            continue
        lines += ["", f"{severity.upper()} ({len(of_it)})"] if lines else [f"{severity.upper()} ({len(of_it)})"]
        for item, after in zip(of_it, [*of_it[1:], None]):
            lines += wrap(f"{item.id}: {item.fact}", "  ", "    ")
            shared = after is not None and (after.id, after.remedy) == (item.id, item.remedy)
            if item.remedy and not shared:
                lines += wrap(f"-> {item.remedy}", "    ", "       ")
    return lines


def _node_table(view: View, wanted: Wanted, facts: Mapping[str, HostFacts], host_of: Mapping[str, str]) -> list[str]:
    """Nodes by zone, managers first, then by name; hosts of the inventory that are no node stand in their zone.

    A ghost is an entry of a host's former life, under the name that it had.
    """
    zone_of = health.zones_of(view, wanted, host_of)
    ghost_of = {node.id: host for host, node in health.ghosts(view, wanted, facts, host_of)}
    strange = [node for node in inventory.unlisted(wanted, view.nodes, host_of) if node.id not in ghost_of]
    rows = []
    for node in view.nodes:
        mark = "*" if node in strange else ""
        rows.append(
            (
                zone_of[node.id] or "-",
                health.name_of(node, host_of) + mark,
                _role(node),
                _reached(node),
                node.availability,
                "GHOST" if node.id in ghost_of else node.state if node.state == "ready" else node.state.upper(),
                (
                    node.manager_addr[: -len(MANAGER_PORT)]
                    if node.manager_addr.endswith(MANAGER_PORT)
                    else node.manager_addr
                )
                or node.addr
                or "-",
                _static(node, facts.get(host_of.get(node.id, ""))),
                node.engine_version or "-",
            )
        )
    members = set(host_of.values())
    for want in wanted.nodes:
        if want.host not in members:
            item = facts.get(want.host)
            rows.append(
                (
                    want.zone or "-",
                    want.host,
                    want.role,
                    "-",
                    "-",
                    "NO MEMBER",
                    "-",
                    "-",
                    (item.engine.version if item else "") or "-",
                )
            )
    rows.sort(key=lambda row: (row[0] == "-", row[0], row[2] == "worker", row[1], row[5] == "GHOST"))
    lines = table(NODE_COLUMNS, rows, clipped=1)
    return [*lines, "* not in the inventory"] if strange else lines


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _role(node: Node) -> str:
    if node.leader:
        return "leader"
    if node.voter != (node.role == "manager"):
        return "PROMOTING" if node.role == "manager" else "DEMOTING"
    return node.role


def _reached(node: Node) -> str:
    if not node.voter:
        return "-"
    return "yes" if node.reachable else "NO"


def _static(node: Node, facts: HostFacts | None) -> str:
    """Whether the address that the swarm knows is static: a manager's must be."""
    addr = address_of(node.manager_addr) or node.addr
    if facts is None or not facts.addresses or not addr:
        return "?"
    own = {item.address: item for item in facts.addresses}
    if addr not in own:
        return "NOT OWN" if node.is_manager else "?"
    if own[addr].dynamic:
        return "LEASED" if node.is_manager else "leased"
    return "yes"


def _host_table(wanted: Wanted, facts: Mapping[str, HostFacts]) -> list[str]:
    """What each host of the inventory said, where no manager could tell the swarm."""
    rows = []
    for want in wanted.nodes:
        item = facts.get(want.host) or HostFacts.silent(want.host, health.NOT_ASKED)
        if not item.answered:
            answers, engine, state, says = "NO", "?", "?", item.why_not
        else:
            engine = item.engine.version or ("?" if item.engine.installed else "none")
            answers, state = "yes", item.membership.state or "?"
            says = item.membership.error or item.detail or item.engine.error
            says = says.rpartition(" desc = ")[2]  # the engine's own sentence, without what the transport puts before
        rows.append((want.zone or "-", want.host, want.role, answers, engine, state, " ".join(says.split()) or "-"))
    rows.sort(key=lambda row: (row[0] == "-", row[0], row[2] == "worker", row[1]))
    return table(HOST_COLUMNS, rows, clipped=len(HOST_COLUMNS) - 1)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], clipped: int, width: int = WIDTH) -> list[str]:
    """Aligned columns, two spaces apart; where a line would be too long, the column ``clipped`` gives way."""
    cells = [list(columns), *(list(row) for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    over = sum(widths) + 2 * (len(widths) - 1) - width
    if over > 0:
        widths[clipped] = max(NARROWEST, widths[clipped] - over)
    for row in cells:
        row[clipped] = clip(row[clipped], widths[clipped])
    return ["  ".join(text.ljust(size) for text, size in zip(row, widths)).rstrip() for row in cells]


def clip(text: str, width: int) -> str:
    """The text, its end cut off where it is longer than ``width``."""
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def wrap(text: str, first: str = "", rest: str = "  ", width: int = WIDTH) -> list[str]:
    """The text in lines of at most ``width`` columns, broken at spaces, with an indent each. Long words stay whole."""
    lines: list[str] = []
    line = first
    empty = True
    for word in text.split():
        if not empty and len(line) + 1 + len(word) > width:
            lines.append(line)
            line, empty = rest, True
        line += word if empty else " " + word
        empty = False
    return [*lines, line]
