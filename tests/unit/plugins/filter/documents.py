# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of the filters, and what their examples say that they return."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import yaml

_FOLDER = Path(__file__).resolve().parents[4] / "plugins" / "filter"


def filter_documents() -> dict[str, dict[str, t.Any]]:
    """Return the documents by the names of their filters."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in _FOLDER.glob("*.yml")}


def examples(document: dict[str, t.Any]) -> t.Iterator[tuple[str, str | None]]:
    """Yield the templates of a document's examples, each with the comment behind it that shows the result, None without one."""
    for part in re.split(r"(?m)^- name: ", document["EXAMPLES"])[1:]:
        task, *comments = re.split(r"(?m)^ *# ?", part.rstrip())
        body = yaml.safe_load(f"- name: {task}")[0]
        ((value,),) = [arguments.values() for key, arguments in body.items() if key != "name"]
        yield value, " ".join(line.strip() for line in comments) or None
