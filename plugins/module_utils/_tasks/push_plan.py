# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks that push have in common: a plan is carried out, or foretold in check mode, and told in the result."""

from __future__ import annotations

import typing as t

from .._core.cleanup import on_failure
from .._oci.reference import Reference
from .._registry.results import transfer_result
from .._registry.transfer import PushPlan, Transferred
from .task import Task


def carry_out(
    task: Task, image: Reference, plan: PushPlan, execute: t.Callable[[set[str]], Transferred], predict: t.Callable[[], Transferred]
) -> Transferred:
    """Let ``execute`` write what ``plan`` says, if anything, or ``predict`` tell it, and fill the result; return what was transferred.

    ``execute`` adds to its set what it has written: of a task that fails, the result tells of that.
    """
    if task.changes(plan.before, plan.after, image.name):
        written: set[str] = set()
        task.done = lambda: written

        def tell_written() -> None:
            before, after = plan.done(written)  # may have a new referrer besides the tags
            task.changes({**plan.before, **before}, {**plan.after, **after}, image.name)

        with on_failure(tell_written):
            transferred = execute(written)
        if transferred.shared:
            from .._registry.shared_tag import settle

            settle(transferred.shared)
    else:
        task.done = frozenset  # what fails here would write nothing
        transferred = predict()
        task.done = None
    task.result.update(transfer_result(image, plan, transferred))
    return transferred
