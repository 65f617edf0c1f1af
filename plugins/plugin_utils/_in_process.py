# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a task may run in Ansible's own worker: never where its module would run as somebody else, elsewhere, or in another environment."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import typing as t

from ansible import constants
from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils._http.sockets import HAS_REQUESTS

if t.TYPE_CHECKING:
    from ansible.plugins.action import ActionBase

SWITCH = "ocitools_registry_in_process"

Map = t.Mapping[str, t.Any]


def may_run_here(action: ActionBase, variables: Map) -> bool:
    """Return whether the task of ``action`` may run in this process instead of as a module on the host."""
    return (
        HAS_REQUESTS
        and bool(action._connection.matches_name(["local"]))
        and action._connection.become is None
        and not action._play_context.become
        and not action._task.async_val
        and not _environment(action)
        and _is_wanted(action, variables)
        and _is_this_python(action, variables)
    )


def _environment(action: ActionBase) -> dict[str, str]:
    found: dict[str, str] = {}
    action._compute_environment_string(found)
    return found


def _is_wanted(action: ActionBase, variables: Map) -> bool:
    wanted = action._templar.template(variables.get(SWITCH, True))
    return bool(boolean(wanted, strict=False))


def _is_this_python(action: ActionBase, variables: Map) -> bool:
    """Return whether the Python that the host's tasks run with is left to Ansible, or is this one: a virtual environment is its folder."""
    host = action._task.delegate_to
    of_host = variables.get("ansible_delegated_vars", {}).get(host, variables) if host else variables
    chosen = action._templar.template(constants.config.get_config_value("INTERPRETER_PYTHON", variables=of_host))
    if not chosen or str(chosen).startswith("auto"):
        return True
    path = shutil.which(str(chosen))
    return path is not None and _place(path) == _place(sys.executable)


@contextlib.contextmanager
def working_directory(path: str) -> t.Iterator[None]:
    """Work in the folder ``path``, as a module does on this host in the folder of the playbook, and then again where it was before.

    Ansible may be where its user cannot be (``sudo`` from somebody else's home), or in a folder that is gone: nothing leads back there.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            before = os.open(".", os.O_RDONLY)
            stack.callback(os.close, before)
            stack.callback(os.fchdir, before)
        os.chdir(path)
        yield


def _place(path: str) -> tuple[str, str]:
    return os.path.dirname(os.path.abspath(path)), os.path.realpath(path)
