# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_copy: copy images between repositories and registries."""

from __future__ import annotations

from .image_copies import copy_images
from .options import ArgumentSpec, two_registries_spec
from .task import Task
from .verify_option import VERIFY

_NAMES: ArgumentSpec = {"src": {"type": "str", "aliases": ["source"]}, "dest": {"type": "str", "aliases": ["destination"]}}
_REQUIRED: ArgumentSpec = {name: {**option, "required": True} for name, option in _NAMES.items()}
_SHARED: ArgumentSpec = {
    "tags": {"type": "list", "elements": "raw", "aliases": ["tag"]},
    "platforms": {"type": "list", "elements": "str", "aliases": ["platform"]},
}
OPTIONS: ArgumentSpec = {
    **two_registries_spec(),
    **_SHARED,
    **_NAMES,
    "images": {"type": "list", "elements": "dict", "options": {**_REQUIRED, **_SHARED}},
    "referrers": {"type": "bool", "default": False},
    "existing": {"type": "str", "choices": ["overwrite", "keep", "fail"], "default": "overwrite"},
    "expected_digest": {"type": "str"},
    **VERIFY,
}
_ALTERNATIVES = [("images", "src"), ("images", "dest"), ("images", "expected_digest")]
RULES = {"required_one_of": [("src", "images")], "required_together": [("src", "dest")], "mutually_exclusive": _ALTERNATIVES}


def run(task: Task) -> None:
    """Run the task."""
    copy_images(task)
