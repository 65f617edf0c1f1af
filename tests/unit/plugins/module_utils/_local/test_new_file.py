# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files under a temporary name, whose task is ended at an unlucky moment."""

from __future__ import annotations

import contextlib
import os
import signal
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.interruption import interruptible
from ansible_collections.ocitools.registry.plugins.module_utils._local.disk import Folder, NewFile
from ansible_collections.ocitools.registry.plugins.module_utils._tasks.signals import orderly_end


def _hide(folder: Folder) -> None:
    with NewFile(folder, "layout", "shown") as file:
        file.hide()


@pytest.mark.parametrize("is_late", [False, True])
def test_a_signal_while_a_file_loses_its_name_leaves_it_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_late: bool) -> None:
    unlink, signals, ended = os.unlink, [signal.SIGTERM], list[int]()

    def interrupted(name: str, **options: t.Any) -> None:
        if is_late:
            unlink(name, **options)
        while signals:
            os.kill(os.getpid(), signals.pop())
        if not is_late:
            unlink(name, **options)

    monkeypatch.setattr(os, "unlink", interrupted)
    with contextlib.closing(Folder(os.open(tmp_path, os.O_RDONLY), str(tmp_path))) as folder, interruptible(), orderly_end(ended.append):
        _hide(folder)
    assert ended == [signal.SIGTERM]
    assert list(tmp_path.iterdir()) == []
