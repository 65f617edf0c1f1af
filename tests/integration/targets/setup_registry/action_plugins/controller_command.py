# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a program of the tests on the controller, in the folder of the collection, without the process that a module takes."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.ocitools import registry

COLLECTION = Path(next(iter(registry.__path__)))


class ActionModule(ActionBase):
    """The action: ``argv`` in, ``stdout`` out."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(("argv",))

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the program; one that fails is an error with what it wrote."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        done = subprocess.run(
            self._task.args["argv"], cwd=COLLECTION, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AnsibleError(f"{' '.join(done.args[:4])} ... ended with exit code {done.returncode}: {done.stderr.strip()}")
        return {**result, "changed": True, "stdout": done.stdout}
