# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front of registry_sign for tasks on the controller."""

from __future__ import annotations

from ..plugin_utils._compiled import compiled_imports

with compiled_imports():
    from ..module_utils._registry import download, transfer
    from ..module_utils._tasks import sign
    from ..plugin_utils._registry_action import RegistryAction


class ActionModule(RegistryAction):
    """registry_sign."""

    options, run_task = sign.OPTIONS, staticmethod(sign.run)
    preloaded = (*RegistryAction.preloaded, download, transfer)
