# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers upon each other, held against a plain model; and paths of any kind, none of which leads out."""

from __future__ import annotations

import posixpath
import typing as t

from ansible_collections.ocitools.registry.plugins.module_utils._core.budget import Budget
from ansible_collections.ocitools.registry.plugins.module_utils._local.file_selection import Selector
from ansible_collections.ocitools.registry.plugins.module_utils._local.files import MemoryFile
from ansible_collections.ocitools.registry.plugins.module_utils._local.image_paths import NeededPaths, Want, split_path
from ansible_collections.ocitools.registry.plugins.module_utils._local.image_tree import DIRECTORY, LINK, ImageTree
from ansible_collections.ocitools.registry.plugins.module_utils._local.layer_reader import read_layer
from ansible_collections.ocitools.registry.plugins.module_utils._oci.manifest import Descriptor
from ansible_collections.ocitools.registry.plugins.module_utils._oci.reference import Digest
from ansible_collections.ocitools.registry.tests.unit.plugins.filesystems import Member, file, folder, gone, layer, link, opaque
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, quick
from hypothesis import given
from hypothesis import strategies as st

_DIGEST = Digest.parse(f"sha256:{'0' * 64}")
_NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
_MEMBERS = st.one_of(
    st.builds(file, _NAMES, st.sampled_from(["1", "22", "333"])),
    st.builds(folder, _NAMES),
    st.builds(gone, _NAMES),
    st.builds(opaque, _NAMES),
)
_LAYERS = st.lists(st.lists(_MEMBERS, max_size=6), min_size=1, max_size=4)


def _tree(layers: t.Sequence[t.Sequence[Member]]) -> ImageTree:
    tree, needed = ImageTree(), NeededPaths([Want(())])
    for number, members in enumerate(layers):
        raw = layer(*members)
        stated = Descriptor("application/vnd.oci.image.layer.v1.tar", _DIGEST, len(raw))
        tree.add(
            number,
            read_layer(
                MemoryFile(raw),
                stated,
                "The layer",
                needed,
                lambda _number, _parts, _header: False,
                lambda _number, _blocks: None,
                Budget(),
            ),
        )
    return tree


def _below(files: t.Mapping[str, int], name: str) -> list[str]:
    return [other for other in files if other.startswith(f"{name}/")]


def _model(layers: t.Sequence[t.Sequence[Member]]) -> dict[str, int]:
    """Paths with the sizes of files, -1 for directories."""
    files: dict[str, int] = {}
    for members in layers:
        for member in members:
            above, name = posixpath.split(member.name)
            doomed = posixpath.join(above, name[4:]) if name.startswith(".wh.") else ""
            if name == ".wh..wh..opq":
                doomed = ""
                for other in _below(files, above):
                    del files[other]
            for other in [doomed, *_below(files, doomed)] if doomed else ():
                files.pop(other, None)
        for member in members:
            parts = member.name.split("/")
            if parts[-1].startswith(".wh."):
                continue
            for length in range(1, len(parts)):
                above = "/".join(parts[:length])
                files[above] = -1
            if member.kind == b"5":
                files[member.name] = -1
            else:
                for other in _below(files, member.name):
                    del files[other]
                files[member.name] = len(member.content)
    return files


@quick
@given(_LAYERS)
def test_layers_lie_upon_each_other_as_in_a_plain_model(layers: list[list[Member]]) -> None:
    needed = NeededPaths([Want(())])
    selected = Selector(_tree(layers), [Want(())], needed, 0).run()
    found = {"/".join(item.out): -1 if item.kind == DIRECTORY else item.size for item in selected.items}
    assert found == _model(layers)


@quick
@given(
    st.lists(
        st.tuples(_NAMES, st.one_of(hostile_text, st.lists(st.sampled_from(["..", ".", "a", "b", "", "/"]), max_size=6).map("/".join))),
        max_size=8,
    )
)
def test_t73_no_link_that_is_laid_down_leads_out(links: list[tuple[str, str]]) -> None:
    usable = [link(name, target) for name, target in links if "\0" not in target and target.isascii()]
    tree = _tree([[folder("a"), file("a/x", "1"), *usable]])
    for want in (Want(()), Want(("a",))):
        if tree.find(want.parts).node is None:
            continue
        for item in Selector(tree, [want], NeededPaths([want]), 0).run().items:
            if item.kind == LINK:
                assert not item.link.startswith("/")
                assert not posixpath.normpath(posixpath.join("/".join(item.out[:-1]), item.link)).startswith("..")


@quick
@given(hostile_text)
def test_a_path_stays_inside(text: str) -> None:
    assert not {"", ".", ".."} & set(split_path(text))
