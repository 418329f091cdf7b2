# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of Docker engines by their version: which are supported, and what is broken in which.

Pure data, and the questions asked of it. An entry warns and locks nobody out: distributions ship engines that are
listed here for years. Only what would itself cut something is refused, by whoever asks ``encrypts_apart``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.quorum.swarm.plugins.module_utils.core.finding import Finding

Version = tuple[int, ...]
ANY = 999
"""Of a last version: whichever patch release."""

OLDEST = (20, 10)
"""The oldest engine that is supported."""
IPV6_OVERLAY = (25, 0)
"""The first engine that sends overlay traffic over IPv6 (seen on 20.10: nodes ready, containers out of reach)."""
NFTABLES_FEATURE = (29, 6)
"""The first engine whose feature ``swarm-nftables`` lets it be in a swarm with ``firewall-backend: nftables``."""
NEWEST_API = "1.51"
"""The newest API version that the tests of this collection ran against (Docker 28.5.2)."""


@dataclass(frozen=True)
class Defect:
    """Something that is broken in a range of engines."""

    name: str
    ranges: tuple[tuple[Version, Version], ...]
    """First and last version with it, both included."""
    effect: str
    """What an operator sees, one sentence."""
    remedy: str
    source: str
    """Where the fact is from, and how it is known: seen, read or reported."""

    @property
    def versions(self) -> str:
        """The ranges as a person reads them."""
        def shown(version: Version) -> str:
            return ".".join("x" if part == ANY else str(part) for part in version)

        return ", ".join(shown(first) if first == last else f"{shown(first)} to {shown(last)}"
                         for first, last in self.ranges)

    def concerns(self, version: str) -> bool:
        """Whether an engine of this version has it; False for a version that cannot be read."""
        own = parse(version)
        return own is not None and any(first <= own <= last for first, last in self.ranges)


ENCRYPTION = Defect(
    "encrypted_overlay", (((28, 2, 2), (28, 2, 2)), ((29, 0, 0), (29, 2, 0))),
    "encrypted overlay networks pass no traffic between it and engines without this defect",
    "Upgrade it to 29.2.1 or later, together with the others that have it.",
    "read: moby 51664a25d7, issues 51798 and 51672")

DEFECTS = (
    ENCRYPTION,
    Defect("service_names", (((29, 0, 0), (29, 7, 2)),),
           "service names may stay unresolved on a node that was away for 10 to 30 s, until the service is updated by "
           "force",
           "Upgrade it to 29.8 or later. Until then, after a node was away: docker service update --force SERVICE",
           "read: moby 6cf8465115, issues 53141 and 53142; the fix is of 2026-08-23, after 29.7.2"),
    Defect("mesh_connections", (((29, 0, 0), (29, 1, ANY)),),
           "open connections through the ingress mesh are cut when a task on another node stops, whatever its grace "
           "period",
           "Upgrade it to 29.2.0 or later.", "read: moby 9ec65542a0"),
    Defect("unauthorized_images", (((29, 6, 0), (29, 6, ANY)),),
           "a task is rejected when the registry answers 'unauthorized', though its image is on the node",
           "Upgrade it to 29.7.0 or later, or give services the registry's credentials (--with-registry-auth).",
           "read: moby a7cf7eac0a and 898a7d799e"),
)
"""Known defects that matter to a swarm. Source: the engine's changelog and its git history, November 2026."""


def parse(text: str) -> Version | None:
    """The three numbers of a version such as ``26.1.5+dfsg1``; None where there are none."""
    numbers: list[int] = []
    for part in text.split(".")[:3]:
        digits = part[:len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers + [0] * (3 - len(numbers))) if len(numbers) >= 2 else None


def is_older(version: str, than: Version) -> bool:
    """Whether an engine is older; False for a version that cannot be read."""
    own = parse(version)
    return own is not None and own < than


def defects_of(version: str) -> list[Defect]:
    """What is known to be broken in an engine of this version."""
    return [item for item in DEFECTS if item.concerns(version)]


def findings(versions: Mapping[str, str], encrypted: bool = False) -> list[Finding]:
    """What is known to be broken in these engines, one warning a defect.

    :param versions: engine version by host.
    :param encrypted: whether the swarm has encrypted networks; without, the defect of these is not worth a word.
    """
    found = []
    for item in DEFECTS:
        hosts = sorted(host for host, version in versions.items() if item.concerns(version))
        if hosts and (encrypted or item is not ENCRYPTION):
            shown = ", ".join(f"{host} ({versions[host]})" for host in hosts)
            found.append(Finding("engine_defect", "warning",
                                 f"Docker {item.versions} has a known defect, and runs on {shown}: {item.effect} "
                                 f"({item.source}).", item.remedy))
    return found


def encrypts_apart(versions: Iterable[str]) -> bool:
    """Whether engines of these versions cannot all reach each other over an encrypted overlay network."""
    return len({ENCRYPTION.concerns(version) for version in versions if parse(version) is not None}) > 1


def api_version(newest: str, oldest: str = "") -> str:
    """The API version to speak with an engine: the lesser of its newest and of what was tried, if it speaks that.

    :param newest: the engine's ``ApiVersion``.
    :param oldest: the engine's ``MinAPIVersion``; empty: not known.
    """
    def key(text: str) -> list[int]:
        return [int(part) if part.isdigit() else 0 for part in text.split(".")]

    lesser = min(newest, NEWEST_API, key=key)
    return max(lesser, oldest, key=key) if oldest else lesser
