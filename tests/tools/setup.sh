#!/usr/bin/env bash
# Copyright: (c) 2026, the quorum.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes .venv: a Python environment with the pinned tools of tests/requirements.txt, and in it the folder
# .venv/collections where Ansible and Python find this checkout as the collection quorum.swarm.
# Touches .venv only, and, as root on Debian or Ubuntu, installs the packages it misses.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-python3}

# ssh and git are what Ansible and the checks call; python3-venv is a package of its own on Debian.
missing=()
command -v ssh >/dev/null || missing+=(openssh-client)
command -v git >/dev/null || missing+=(git)
command -v "$python" >/dev/null && "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    # One of the checks of `make test`; where it cannot be installed that check is reported as skipped.
    command -v shellcheck >/dev/null || missing+=(shellcheck)
fi
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "Install ${missing[*]} and run this command again." >&2
        exit 1
    fi
    echo "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "${missing[@]}" >/dev/null
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or later is needed; $python is $("$python" -V 2>&1). Name another one: make PYTHON=python3.11" >&2
    exit 1
fi

[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "installing the tools of tests/requirements.txt into .venv"
.venv/bin/python -m pip install -qq --disable-pip-version-check -r tests/requirements.txt
mkdir -p .venv/collections/ansible_collections/quorum
ln -sfn ../../../.. .venv/collections/ansible_collections/quorum/swarm
touch .venv/ready
