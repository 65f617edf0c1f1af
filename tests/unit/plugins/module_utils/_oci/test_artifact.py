# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Titles and links of artifacts: whatever is accepted stays below the folder."""

from __future__ import annotations

import os

from ansible_collections.ocitools.registry.plugins.module_utils._oci.artifact import check_title, link_stays
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, is_plain, mixed, parsed, quick
from hypothesis import given
from hypothesis import strategies as st

_PATHS = mixed("..", ".", "/", "a", "b/", "\\", "é")


@quick
@given(st.one_of(hostile_text, _PATHS))
def test_a_title_that_is_accepted_is_a_name_below_a_folder(text: str) -> None:
    title = parsed(check_title, text, "an artifact", "invalid_response")
    if title is None:
        return
    assert title == text == os.path.normpath(text)
    assert is_plain(title)
    assert os.path.commonpath(["/top", os.path.join("/top", title)]) == "/top"
    assert os.path.join("/top", title) != "/top"


@quick
@given(st.lists(st.sampled_from(["a", "b"]), max_size=4), st.one_of(hostile_text, _PATHS))
def test_a_link_that_is_accepted_leads_nowhere_else(folder: list[str], target: str) -> None:
    if link_stays(folder, target):
        reached = os.path.normpath(os.path.join("/top", *folder, target))
        assert reached == "/top" or reached.startswith("/top/")
        below = [part for part in target.split("/") if part not in ("", ".")]
        climbs = len(below) - len([part for part in below if part != ".."])
        assert ".." not in below[climbs:]
