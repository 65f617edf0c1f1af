# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One drawing of the results, where matplotlib is: ``python3 tests/benchmark/plots.py FOLDER`` for one with ``results.json``.

It shows playbooks: ours beside the best of the peers, for each case and network.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import typing as t
from pathlib import Path

_OURS, _PEERS = "#1f6f8b", "#b8bcc2"


class Pair(t.NamedTuple):
    """Ours and the best peer in a playbook, in seconds."""

    label: str
    ours: float
    best: float
    peer: str


def pairs(results: t.Mapping[str, t.Any], tasks: bool) -> list[Pair]:
    """Return the cases with several tasks in a playbook, or those with one."""
    found = []
    for name, case in results["cases"].items():
        for network, contenders in case["networks"].items() if (case["tasks"] > 1) == tasks else ():
            inside = {name: numbers["median"] for name, numbers in contenders.items() if name.endswith(" in a playbook")}
            ours = [median for name, median in inside.items() if contenders[name]["ours"]]
            peers = {median: name.removesuffix(" in a playbook") for name, median in inside.items() if not contenders[name]["ours"]}
            if ours and peers:
                found.append(Pair(f"{name}, {network}", ours[0], min(peers), peers[min(peers)]))
    return found


def draw(results: t.Mapping[str, t.Any], folder: Path) -> list[Path]:
    """Write the drawing and return its path; none is written without matplotlib."""
    try:  # only now: what this process holds in memory counts as the memory of all that it starts
        matplotlib = importlib.import_module("matplotlib")
    except ImportError:
        return []
    # The same numbers make the same file, and text stays text.
    matplotlib.rcParams.update({"svg.hashsalt": "benchmark", "svg.fonttype": "none"})
    panels = [
        (pairs(results, tasks=False), "A playbook with one task", "seconds, start of Ansible included", 1.0),
        (pairs(results, tasks=True), "Each task of a longer playbook", "milliseconds a task", 1000.0),
    ]
    panels = [panel for panel in panels if panel[0]]
    if not panels:
        return []
    rows = max(len(panel[0]) for panel in panels)
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(5.5 * len(panels), 0.62 * rows + 1.4), layout="constrained")
    figure.suptitle(
        "ocitools.registry (blue) beside the fastest of the other tools, called by ansible.builtin.command or uri (grey)", fontsize=10
    )
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        _draw_panel(axes, *panel)
    path = folder / "benchmark-playbooks.svg"
    figure.savefig(path, metadata={"Date": None})
    # matplotlib ends lines of its paths with a space.
    path.write_text(re.sub(r" +$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8")
    return [path]


def _draw_panel(axes: t.Any, shown: t.Sequence[Pair], title: str, unit: str, factor: float) -> None:
    places = range(len(shown))
    for shift, colour, values in ((-0.2, _OURS, [pair.ours for pair in shown]), (0.2, _PEERS, [pair.best for pair in shown])):
        axes.barh([place + shift for place in places], [value * factor for value in values], 0.38, color=colour)
    for place, pair in zip(places, shown):
        for shift, value, name in ((-0.2, pair.ours, ""), (0.2, pair.best, f" {pair.peer}")):
            number = f"{value * factor:.0f}" if factor > 1 else f"{value:.2f}"
            axes.annotate(f" {number}{name}", (value * factor, place + shift), va="center", fontsize=8)
    axes.set_yticks(list(places), [pair.label for pair in shown], fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(unit)
    for spine in ("top", "right"):
        axes.spines[spine].set_visible(False)


def main() -> None:
    """Draw the results in a folder."""
    parser = argparse.ArgumentParser(prog="tests/benchmark/plots.py", description="Draw results of the benchmark.")
    parser.add_argument("folder", type=Path, help="where results.json is, and the drawing goes")
    folder = parser.parse_args().folder
    drawn = draw(json.loads((folder / "results.json").read_text(encoding="utf-8")), folder)
    if not drawn:
        parser.error("matplotlib is not installed for this Python, or there is nothing to draw.")


if __name__ == "__main__":
    main()
