# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of the results."""

from __future__ import annotations

import typing as t

OURS = ("registry_", "lookup", "mirror")


def is_ours(name: str) -> bool:
    """Tell whether a contender is of this collection."""
    return name.startswith(OURS)


def rivals(name: str, found: t.Mapping[str, t.Any]) -> list[str]:
    """Return the contenders that are held against ``name``: peers in playbooks for playbooks, else peers by themselves."""
    inside = name.endswith("playbook")
    return [other for other in found if not is_ours(other) and other.endswith("playbook") == inside]


def ratio(name: str, found: t.Mapping[str, t.Any]) -> float | None:
    """Return our time by that of the best peer, None for peers and without one."""
    others = rivals(name, found) if is_ours(name) else []
    return found[name]["median"] / min(found[other]["median"] for other in others) if others else None


def _shown(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}"


def table(title: str, found: t.Mapping[str, t.Any]) -> str:
    """Return one case as text in Markdown."""
    lines = [
        f"\n### {title}\n",
        "| | median s | range | processor s | MB | requests | to the best peer |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, numbers in found.items():
        share = ratio(name, found)
        times = numbers["seconds"]
        shown = name + (f" (1/{numbers['parts']} measured)" if numbers["parts"] > 1 else "")
        cells = [
            shown,
            _shown(numbers["median"]),
            f"{_shown(min(times))}-{_shown(max(times))}",
            _shown(numbers["cpu"]),
            f"{numbers['rss'] / 1e6:.0f}",
            str(numbers["requests"] or ""),
            f"{share:.2f}" if share is not None else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
