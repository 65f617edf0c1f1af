# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves a task, whichever front runs it: the result and the options, with every secret masked."""

from __future__ import annotations

import typing as t

from .._core.scrub import MASK, Scrubber
from .options import HOSTS, NAMED, ArgumentSpec, Map, texts

_NOT_SHOWN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"  # as ansible-core calls it


def masked_result(result: Map, params: Map, options: ArgumentSpec, scrubber: Scrubber, warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """Return ``result`` and, in ``invocation``, the options of the task, scrubbed; ``warn`` hears of names that a secret occurs in."""
    _warn_of_masked_names(result, params, scrubber, warn)
    # A misspelt option may hold a secret.
    known = {name: _shown(value, options[name]) for name, value in params.items() if name in options}
    shown: dict[str, t.Any] = scrubber.result({"invocation": {"module_args": known}, **result})
    return shown


def _warn_of_masked_names(result: Map, params: Map, scrubber: Scrubber, warn: t.Callable[[str], None]) -> None:
    """Say that a secret occurs in the names that a task gives: results cannot be used as names then."""
    refused = (result.get("error") or {}).get("kind") in ("invalid_option", "invalid_reference")
    names = {name: params.get(name) for name in (*NAMED, "tags", *HOSTS)}
    masked = [name for name, value in names.items() if not refused and any(scrubber.value(text) != text for text in texts(value))]
    if masked:
        warn(
            f"A secret of this task is part of {', '.join(masked)}: results show {MASK} in its place, so do not use them as names. "
            "Choose another secret or another name."
        )


def _shown(value: t.Any, option: Map) -> t.Any:
    return _NOT_SHOWN if option.get("no_log") and value is not None else value
