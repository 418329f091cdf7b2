# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values as they arrive from inventories and command lines, made into what the core counts with.

Pure. ``-e swarm_force=false`` arrives as the string "false": read here, once, and nowhere else.
"""

from __future__ import annotations

import re
from typing import Any

TRUE = frozenset(("y", "yes", "on", "1", "true", "t"))
FALSE = frozenset(("n", "no", "off", "0", "false", "f", ""))

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PARTS = re.compile(r"([0-9]{1,9}[smhdw])+")


class BadValue(ValueError):
    """A variable that cannot be read. Its text is one sentence that names the variable and what it may be."""


def boolean(name: str, value: Any, default: bool = False) -> bool:
    """A truth value; ``None`` means the default.

    :raises BadValue: for anything that is neither true nor false by Ansible's own words for it.
    """
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise BadValue(f"{name} is {value!r}; it takes true or false.")


def word(name: str, value: Any) -> str:
    """A name that people give, such as a failure zone: a text, or a whole number taken as its text. Empty: none given.

    YAML makes ``yes``, ``no`` and ``1.10`` into something else than what was written, so those are refused.

    :raises BadValue: for a boolean, a fraction, a list or a mapping.
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise BadValue(f"{name} is {value!r}; it takes a name. Write it in quotes.")
    return str(value).strip()


def integer(name: str, value: Any, minimum: int = 0) -> int:
    """A whole number of at least ``minimum``.

    :raises BadValue: for anything else.
    """
    try:
        if isinstance(value, bool):
            raise ValueError
        number = int(str(value).strip())
    except ValueError:
        raise BadValue(f"{name} is {value!r}; it takes a whole number.") from None
    if number < minimum:
        raise BadValue(f"{name} is {number}; it takes at least {minimum}.")
    return number


def duration(name: str, value: Any) -> int:
    """Seconds: a whole number of them, or a text such as ``36h``, ``7d`` or ``1d12h``.

    :raises BadValue: for anything else.
    """
    text = "" if isinstance(value, bool) else str(value).strip()
    if re.fullmatch(r"[0-9]{1,12}", text):
        return int(text)
    if not _PARTS.fullmatch(text):
        raise BadValue(f"{name} is {value!r}; it takes a number of seconds, or a time such as 36h or 7d.")
    return sum(int(part[:-1]) * _UNITS[part[-1]] for part in re.findall(r"[0-9]+[smhdw]", text))


def seconds(name: str, value: Any) -> float:
    """Seconds as ``duration`` reads them; also a fraction of one.

    :raises BadValue: for anything else.
    """
    try:
        return number(name, value)
    except BadValue:
        return duration(name, value)


def number(name: str, value: Any) -> float:
    """A number that is not negative, a whole one as an ``int``.

    :raises BadValue: for anything else.
    """
    text = "" if isinstance(value, bool) else str(value).strip()
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", text):
        raise BadValue(f"{name} is {value!r}; it takes a number.")
    return float(text) if float(text) % 1 else int(float(text))


def labels(name: str, value: Any) -> dict[str, str]:
    """Node labels: a mapping of names to texts, as the engine keeps them. ``None`` means none.

    :raises BadValue: when it is not a mapping, or a value is itself a list or a mapping.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadValue(f"{name} is {value!r}; it takes a mapping of label names to values.")
    result: dict[str, str] = {}
    for key, text in value.items():
        if isinstance(text, (dict, list)):
            raise BadValue(f"{name}: the value of label {key!r} is {text!r}; it takes a text.")
        if isinstance(text, bool):
            text = "true" if text else "false"
        result[str(key)] = "" if text is None else str(text)
    return result


def texts(name: str, value: Any) -> list[str]:
    """A list of texts; one text is a list of one, commas separate.

    :raises BadValue: for anything else.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, (list, tuple)):
        return [str(part) for part in value]
    raise BadValue(f"{name} is {value!r}; it takes a list of texts.")
