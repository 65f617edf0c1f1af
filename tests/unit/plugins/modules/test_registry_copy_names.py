# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_copy: names that cannot be meant so, and what errors name."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def _pair(make: MakeRegistry) -> tuple[FakeRegistry, FakeRegistry]:
    return make(), make()


def test_what_the_task_makes_is_no_source_of_it(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    entries = [
        {"src": f"{source.host}/a:1", "dest": f"{destination.host}/b:1"},
        {"src": f"{destination.host}/b:1", "dest": f"{destination.host}/c:1"},
    ]
    options = {name: value for name, value in between(source, destination).items() if not name.endswith("registry")}
    result = run_module("registry_copy", {**options, "images": entries}).failure("invalid_option")
    assert f"{destination.host}/b:1" in result.msg
    assert source.log() == destination.log() == []


def test_two_spellings_of_one_source_are_one(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    digest = source.add_image("a", "latest").digest
    entries = [{"src": name, "dest": "b:1"} for name in ("a", "a:latest")]
    run_module("registry_copy", between(source, destination, images=entries)).ok()
    assert destination.tags("b") == {"1": digest}


def test_a_tag_that_two_entries_set_is_a_change_of_the_first(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    digest = source.add_image("a", "1").digest
    entries = [{"src": "a:1", "dest": "b:1", "tags": tags} for tags in (["x", "y"], ["x"])]
    for check in (True, False):
        result = run_module("registry_copy", between(source, destination, images=entries), check=check, diff=True).ok()
        assert [image["changed"] for image in result["images"]] == [True, False]
        assert result["diff"]["after"] == {f"{destination.host}/b:{tag}": digest for tag in ("1", "x", "y")}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"src": "", "dest": "b:1"}, "option src has"),
        ({"src": "a:1", "dest": ""}, "option dest has"),
        ({"images": [{"src": "a:1", "dest": "b"}, {"src": "a:1", "dest": ""}]}, "option dest of entry 2 of images has"),
        ({"images": None}, "option src has"),
    ],
)
def test_an_image_without_a_name_is_told_by_its_option(
    make_registry: MakeRegistry, run_module: RunModule, options: dict[str, t.Any], words: str
) -> None:
    source, destination = _pair(make_registry)
    assert words in run_module("registry_copy", between(source, destination, **options)).failure("invalid_option").msg


def test_a_corrupt_blob_names_the_repository_that_it_came_from(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = _pair(make_registry)
    source.add_image("a", "1")
    source.on("get_blob", times=None).flip(3)
    result = run_module("registry_copy", between(source, destination, src="a:1", dest="b:1", retries=0)).failure("digest_mismatch")
    assert (result.error["registry"], result.error["reference"]) == (source.host, f"{source.host}/a")
