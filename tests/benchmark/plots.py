# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawings of the results, where matplotlib is: ``python3 tests/benchmark/plots.py FOLDER`` for one with ``results.json``."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import typing as t
from pathlib import Path

_OURS, _PEERS = "#1f6f8b", "#b8bcc2"


def draw(results: t.Mapping[str, t.Any], folder: Path) -> list[Path]:
    """Write an SVG for each case and return their paths; none are written without matplotlib."""
    try:  # only now: what this process holds in memory counts as the memory of all that it starts
        matplotlib = importlib.import_module("matplotlib")
    except ImportError:
        return []
    # The same numbers make the same file, and text stays text.
    matplotlib.rcParams.update({"svg.hashsalt": "benchmark", "svg.fonttype": "none"})
    return [_draw_case(folder / f"benchmark-{name}.svg", case) for name, case in results["cases"].items()]


def _draw_case(path: Path, case: t.Mapping[str, t.Any]) -> Path:
    networks = case["networks"]
    bars = max(len(found) for found in networks.values())
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(5 * len(networks) + 1, 0.36 * bars + 1.2), layout="constrained")
    figure.suptitle(case["title"])
    for axes, (network, found) in zip(figure.subplots(1, len(networks), squeeze=False)[0], networks.items()):
        names = list(found)[::-1]
        middle = [found[name]["median"] for name in names]
        below = [found[name]["median"] - min(found[name]["seconds"]) for name in names]
        above = [max(found[name]["seconds"]) - found[name]["median"] for name in names]
        colours = [_OURS if found[name]["ours"] else _PEERS for name in names]
        axes.barh(names, middle, xerr=[below, above], color=colours, error_kw={"elinewidth": 0.8, "ecolor": "#444444"})
        axes.set_title(network, fontsize=10)
        axes.set_xlabel("seconds, median and range")
        for spine in ("top", "right"):
            axes.spines[spine].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    # matplotlib ends lines of its paths with a space.
    path.write_text(re.sub(r" +$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8")
    return path


def main() -> None:
    """Draw the results in a folder."""
    parser = argparse.ArgumentParser(prog="tests/benchmark/plots.py", description="Draw results of the benchmark.")
    parser.add_argument("folder", type=Path, help="where results.json is, and the drawings go")
    folder = parser.parse_args().folder
    drawn = draw(json.loads((folder / "results.json").read_text(encoding="utf-8")), folder)
    if not drawn:
        parser.error("matplotlib is not installed for this Python.")


if __name__ == "__main__":
    main()
