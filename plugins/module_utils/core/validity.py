# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a node's certificate is valid now, by which clock, and whether a clock is wrong.

Pure. The engine goes by the clock of its own host, so that clock counts where the host told it (``LocalState.clock``);
the controller's is there to tell a certificate that has ended from a clock that is wrong.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ansible_collections.quorum.swarm.plugins.module_utils.core.view import HostFacts

ENDED, EARLY = "ended", "early"
"""The certificate is valid no more; not yet."""
SKEW = timedelta(minutes=5)
"""How far a host's clock may be from the controller's: a look at all hosts takes a minute at most."""


def parse_time(text: str) -> datetime | None:
    """An ISO 8601 time in UTC; ``None`` where the text is empty or no time."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def ends(facts: HostFacts) -> datetime | None:
    """When the node's certificate ends; None where that is not known."""
    return parse_time(facts.state.not_after) or parse_time(facts.certificate_expires)


def out(facts: HostFacts, now: datetime | None = None) -> str:
    """``ENDED`` or ``EARLY``, by the host's own clock; empty: the certificate is valid, or nobody knows.

    :param now: the controller's time, for a host that did not tell its own.
    """
    clock = parse_time(facts.state.clock) or now
    return _out(facts, clock) if clock is not None else ""


def by_clock_alone(facts: HostFacts, now: datetime | None) -> bool:
    """Whether only the host's clock calls the certificate invalid, and the controller's does not."""
    return now is not None and bool(out(facts, now)) and not _out(facts, now)


def skew(facts: HostFacts, now: datetime) -> timedelta:
    """How far the host's clock is ahead of the controller's; nothing where it is within reason, or not known."""
    clock = parse_time(facts.state.clock)
    ahead = clock - now if clock is not None else timedelta(0)
    return ahead if abs(ahead) > SKEW else timedelta(0)


def words(facts: HostFacts, now: datetime | None = None) -> str:
    """A clause about an invalid certificate, without its host: when it ends or begins, and by which clock."""
    begins, end = parse_time(facts.state.not_before), ends(facts)
    if out(facts, now) == EARLY and begins is not None:
        text = f"from {begins:%Y-%m-%d %H:%M} UTC on"
    elif end is not None:
        text = f"until {end:%Y-%m-%d %H:%M} UTC"
    else:
        return ""
    clock = parse_time(facts.state.clock)
    if now is not None and clock is not None and skew(facts, now):
        text += f", and its clock says {clock:%Y-%m-%d %H:%M}"
    return text


def _out(facts: HostFacts, clock: datetime) -> str:
    begins, end = parse_time(facts.state.not_before), ends(facts)
    if end is not None and clock > end:
        return ENDED
    return EARLY if begins is not None and clock < begins else ""
