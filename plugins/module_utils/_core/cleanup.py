# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo what was begun where it does not come to its end."""

from __future__ import annotations

import contextlib
import typing as t


@contextlib.contextmanager
def on_failure(undo: t.Callable[[], object]) -> t.Iterator[None]:
    """Call ``undo`` where the block is left by an exception, whichever, and let that go on."""
    with contextlib.ExitStack() as stack:
        stack.callback(undo)
        yield
        stack.pop_all()
