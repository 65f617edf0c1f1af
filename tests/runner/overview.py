# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw how the pieces fit: ``python3 tests/runner/overview.py`` writes the pictures anew, and the linters hold them against the code.

The overview shows users what there is for them. The picture of the layers is for developers: layers come from tests/unit/plugins/layers.py, and every
kind of plugin stands on the highest layer that it imports.
"""

from __future__ import annotations

import re
import runpy
import textwrap
import typing as t
from html import escape
from pathlib import Path

from environment import CHECKOUT

_IMAGES = CHECKOUT / "docs" / "docsite" / "rst" / "images"

_LEFT, _MIDDLE, _RIGHT, _END = 16, 166, 664, 814  # edges of the columns: filters and tests, modules, lookup
_OUTSIDE, _WIDTH = 908, 1076
_LINE, _CHARACTER, _PADDING, _GAP = 18, 7.3, 12, 8
_DOOR = "sockets"  # the only file that opens connections

_OVERVIEW = (
    "Roles use modules. Modules and plugins talk to registries and their token servers over HTTPS; nothing else is needed on the host."
)
_LAYERS = (
    "Roles stand on modules. Modules, the lookup, filters and tests stand on layers of shared code; one of these layers alone talks to "
    "registries and token servers."
)
_STYLE = """\
  text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1c2733 }
  .title { font-weight: 600 }
  .name { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; fill: #3b4a5a }
  .back { fill: #ffffff }
  .use { fill: #e3f1f6; stroke: #1f6f8b }
  .layer { fill: #f4f6f8; stroke: #b3bcc5 }
  .outside { fill: #fdf3e1; stroke: #b7791f }
  .wire { stroke: #b7791f; stroke-width: 2; fill: none }
  .head { fill: #b7791f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .name { fill: #b8c4d0 }
    .back { fill: #12181f }
    .use { fill: #123240; stroke: #4aa3c0 }
    .layer { fill: #1c242d; stroke: #4b5763 }
    .outside { fill: #33270f; stroke: #d69e3c }
    .wire { stroke: #d69e3c }
    .head { fill: #d69e3c }
  }
"""


class Box(t.NamedTuple):
    """A titled box with names in it."""

    left: float
    right: float
    title: str
    names: t.Sequence[str]
    look: str

    def lines(self) -> list[str]:
        """Return the names, wrapped to the width."""
        return textwrap.wrap(", ".join(self.names), int((self.right - self.left - 2 * _PADDING) / _CHARACTER), break_long_words=False)

    def height(self) -> int:
        """Return the height that the text needs."""
        return 2 * _PADDING + _LINE * (len(textwrap.wrap(self.title, self._room())) + len(self.lines())) - 4

    def draw(self, top: float, height: float) -> t.Iterator[str]:
        """Yield the elements of the box."""
        yield f'<rect class="{self.look}" x="{self.left}" y="{top}" width="{self.right - self.left}" height="{height}" rx="6"/>'
        texts = [("title", line) for line in textwrap.wrap(self.title, self._room())] + [("name", line) for line in self.lines()]
        for number, (look, text) in enumerate(texts):
            yield f'<text class="{look}" x="{self.left + _PADDING}" y="{top + _PADDING + _LINE * number + 11}">{escape(text)}</text>'

    def _room(self) -> int:
        return int((self.right - self.left - 2 * _PADDING) / _CHARACTER)


def _names(pattern: str) -> list[str]:
    return sorted(path.stem for path in (CHECKOUT / "plugins").glob(pattern))


def _highest(folder: str, order: t.Mapping[str, int]) -> int:
    """Return the highest layer that a kind of plugin imports."""
    texts = [path.read_text(encoding="utf-8") for path in (CHECKOUT / "plugins" / folder).glob("*.py")]
    return max(order[name] for text in texts for name in re.findall(r"^ *from \.\.module_utils\.(\w+)\.\w+ import", text, re.MULTILINE))


def _layers() -> t.Iterator[Box]:
    """Yield the layers from the highest to the lowest, as wide as what stands on them."""
    table: dict[str, t.Any] = runpy.run_path(str(CHECKOUT / "tests" / "unit" / "plugins" / "layers.py"))["LAYERS"]
    order = {folder: number for number, folder in enumerate(table)}
    values, lookups = max(_highest("filter", order), _highest("test", order)), _highest("lookup", order)
    for number, layer in reversed(list(enumerate(table.values()))):
        words = layer.files.split()
        yield Box(_LEFT if number <= values else _MIDDLE, _END if number <= lookups else _RIGHT, layer.title, words, "layer")


def draw_overview() -> str:
    """Return what users see: roles, modules, plugins, and what they talk to."""
    kinds = (("filter", "*.yml"), ("test", "*.yml"), ("lookup", "*.py"))
    plugins = [f"{kind} {name}" for kind, pattern in kinds for name in _names(f"{kind}/{pattern}")]
    boxes = [
        Box(_LEFT, _END, "Roles: whole jobs, made of modules", sorted(path.name for path in (CHECKOUT / "roles").iterdir()), "use"),
        Box(_LEFT, _END, "Modules: one task each", _names("modules/*.py"), "use"),
        Box(_LEFT, _END, "Plugins: in templates and conditions", plugins, "layer"),
    ]
    elements: list[str] = []
    y: float = _LEFT
    for box in boxes:
        elements += box.draw(y, box.height())
        y += box.height() + _GAP
    elements += _outside((y + _LEFT) / 2)
    return _page(elements, y - _GAP + _LEFT, "What ocitools.registry has", _OVERVIEW)


def draw_layers() -> str:
    """Return the layers of the code, and what stands on which."""
    gap = _GAP
    roles = Box(_MIDDLE, _RIGHT - gap, "Roles", sorted(path.name for path in (CHECKOUT / "roles").iterdir()), "use")
    modules = Box(_MIDDLE, _RIGHT - gap, "Modules", _names("modules/*.py"), "use")
    elements = [*roles.draw(_LEFT, roles.height())]
    top = _LEFT + roles.height() + gap
    elements += modules.draw(top, modules.height())
    y = top + modules.height() + gap
    bottoms, middle = dict.fromkeys((_MIDDLE, _END), y), 0.0
    for box in _layers():
        drawn = box if box.right == _END else box._replace(right=_RIGHT - gap)
        if box.left == _MIDDLE:
            bottoms[_MIDDLE] = y + box.height() + gap
        if box.right == _RIGHT:
            bottoms[_END] = y + box.height() + gap
        if _DOOR in box.names:
            middle = y + box.height() / 2
        elements += drawn.draw(y, box.height())
        y += box.height() + gap
    side = Box(_LEFT, _MIDDLE - gap, "Filters", _names("filter/*.yml"), "use")
    elements += side.draw(top, (bottoms[_MIDDLE] - top) / 2 - gap)
    elements += side._replace(title="Tests", names=_names("test/*.yml")).draw(
        (top + bottoms[_MIDDLE]) / 2, (bottoms[_MIDDLE] - top) / 2 - gap
    )
    elements += Box(_RIGHT, _END, "Lookup", _names("lookup/*.py"), "use").draw(top, bottoms[_END] - top - gap)
    elements += _outside(middle)
    return _page(elements, y - gap + _LEFT, "The layers of ocitools.registry", _LAYERS)


def _outside(y: float) -> t.Iterator[str]:
    """Yield what the collection talks to, and over which layer alone."""
    registry = Box(_OUTSIDE, _WIDTH - _LEFT, "Registry", ["one or several"], "outside")
    token = Box(_OUTSIDE, _WIDTH - _LEFT, "Its token server", ["credentials for tokens"], "outside")
    for box, top in ((registry, y - 24 - registry.height()), (token, y + 24)):
        yield from box.draw(top, box.height())
        target = top + box.height() / 2
        yield f'<path class="wire" d="M{_END} {y} C{_END + 50} {y} {_OUTSIDE - 50} {target} {_OUTSIDE - 8} {target}"/>'
        yield f'<path class="head" d="M{_OUTSIDE} {target} l-10 -5 v10 z"/>'
    yield f'<text x="{_OUTSIDE}" y="{y + 4}" class="title">straight over HTTPS</text>'


def _page(elements: t.Sequence[str], height: float, title: str, description: str) -> str:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img">',
        f"<title>{title}</title>",
        f"<desc>{description}</desc>",
        f"<style>\n{_STYLE}</style>",
        f'<rect class="back" width="{_WIDTH}" height="{height}" rx="10"/>',
        *elements,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _pictures() -> dict[Path, str]:
    return {_IMAGES / "overview.svg": draw_overview(), _IMAGES / "layers.svg": draw_layers()}


def check() -> list[str]:
    """Return what is wrong with the pictures in the checkout."""
    stale = [path for path, text in _pictures().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    return [
        f"{path.relative_to(CHECKOUT)} does not show what there is: python3 {Path(__file__).relative_to(CHECKOUT)} draws it anew."
        for path in stale
    ]


if __name__ == "__main__":
    _IMAGES.mkdir(parents=True, exist_ok=True)
    for picture, content in _pictures().items():
        picture.write_text(content, encoding="utf-8")
