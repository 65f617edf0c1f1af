# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that tell how far a task has come: on stderr, since callbacks that write JSON need stdout whole."""

from __future__ import annotations

import math
import typing as t

from ansible.utils.display import Display

from ..module_utils._core.errors import RegistryError
from ..module_utils._core.progress import ProgressOutput
from ..module_utils._core.scrub import quoted

if t.TYPE_CHECKING:
    from ansible.plugins.action import ActionBase

SWITCH = "ocitools_registry_progress"
DEFAULT = 10.0

Map = t.Mapping[str, t.Any]


def find_pause(action: ActionBase, variables: Map) -> float:
    """Return the seconds between two lines, 0 for none."""
    value = action._templar.template(variables.get(SWITCH, DEFAULT))
    try:
        seconds = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise RegistryError(
            f"The variable {SWITCH} is {quoted(value, 60)}: it must be the seconds between two lines, or 0 for none.", "invalid_option"
        )
    return seconds


def progress_output(action: ActionBase, variables: Map, seconds: float, mask: t.Callable[[str], str]) -> ProgressOutput | None:
    """Return what shows the lines of a task, None where none shall be: for ``seconds`` 0, and with no_log."""
    if not seconds or action._task.no_log:
        return None
    display = Display()
    hosts = variables.get("ansible_play_hosts_all") or ()
    host = f"{variables.get('inventory_hostname')}: " if len(hosts) > 1 else ""

    def show(text: str) -> None:
        display.display(mask(f"{host}{text}"), stderr=True)

    return ProgressOutput(show, show if display.verbosity else lambda text: None, seconds)
