# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup with verify: no digest of an image that nobody signed."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.ocitools.registry.tests.unit.plugins import signing
from ansible_collections.ocitools.registry.tests.unit.plugins.modules.test_verify_option import KEY, VERIFY, move_at_each_request
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def test_t65_the_lookup_names_no_image_that_nobody_signed(registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    signed, unsigned = registry.add_index("app", "1"), registry.add_image("app", "2")
    signing.add_simple(registry, signed.digest, KEY)
    options = registry.args(verify=VERIFY)
    assert run_lookup(["app:1"], **options) == [signed.digest]
    assert run_lookup(["app:1"], platform="linux/arm64", **options) == [signed.children["linux/arm64"].digest]
    with pytest.raises(AnsibleLookupError, match=r"app:2 .*is not verified: .* has no signature of it. \(kind unverified\)"):
        run_lookup(["app:1", "app:2"], **options)
    assert run_lookup(["app:3"], missing="empty", **options) == [""]
    move_at_each_request(registry, (signed.digest, unsigned.digest))
    assert run_lookup(["app:1"], result="reference", **options) == [f"{registry.host}/app@{signed.digest}"]


def test_t65_a_misspelt_suboption_of_the_lookup_verifies_nothing_and_says_so(
    registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]
) -> None:
    registry.add_image("app", "1")
    policies: list[t.Any] = [{"keyz": []}, {}, {"keys": []}, {"keys": [""]}, {"keys": VERIFY["keys"], "require": "some"}, "keys"]
    for wrong in policies:
        with pytest.raises(AnsibleLookupError):
            run_lookup(["app:1"], **registry.args(verify=wrong))
    with pytest.raises(AnsibleLookupError, match=r"verify is wrong: Unsupported parameters for \(registry_digest\) lookup: verify\.keyz\."):
        run_lookup(["app:1"], **registry.args(verify=policies[0]))
    assert registry.requests == []


@pytest.mark.parametrize("folder", ["play", "play/files", "elsewhere"])
def test_keys_are_found_where_every_lookup_finds_files(
    registry: FakeRegistry,
    run_lookup: t.Callable[..., list[t.Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
) -> None:
    signed = registry.add_image("app", "1")
    signing.add_simple(registry, signed.digest, KEY)
    for made in ("play/files", "elsewhere"):
        (tmp_path / made).mkdir(parents=True)
    (tmp_path / folder / "release.pub").write_text(VERIFY["keys"][0], encoding="utf-8")
    monkeypatch.chdir(tmp_path / "elsewhere")
    variables = {"ansible_search_path": [str(tmp_path / "play")]}
    assert run_lookup(["app:1"], variables, **registry.args(verify={"keys": ["release.pub"]})) == [signed.digest]
    with pytest.raises(AnsibleLookupError, match=r"other\.pub"):
        run_lookup(["app:1"], variables, **registry.args(verify={"keys": ["other.pub"]}))


def test_t65_an_index_that_lacks_a_child_is_not_absent(registry: FakeRegistry, run_lookup: t.Callable[..., list[t.Any]]) -> None:
    index = registry.add_index("app", "1")
    for digest in (index.digest, *(child.digest for child in index.children.values())):
        signing.add_simple(registry, digest, KEY)
    options = registry.args(verify={**VERIFY, "recursive": True}, missing="empty")
    assert run_lookup(["app:1"], **options) == [index.digest]
    registry.remove_manifest("app", index.children["linux/arm64"].digest)
    with pytest.raises(AnsibleLookupError, match=r"is an index and lacks sha256:[0-9a-f]*, which it lists: .* \(kind invalid_response,"):
        run_lookup(["app:1"], **options)
