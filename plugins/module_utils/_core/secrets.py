# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand secrets learnt at run time to ansible-core, where it takes them."""

from __future__ import annotations

try:
    from ansible.module_utils.secrets import register_secret as _register
except ImportError:
    _register = None


def register_secret(secret: str) -> None:
    """Have ansible-core mask ``secret`` wherever it masks; older ones know only a module's own list."""
    if _register is not None and len(secret) >= 4:
        _register(secret)
