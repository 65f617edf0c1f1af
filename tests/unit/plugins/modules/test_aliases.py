# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options may be called what other collections call them."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import within
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry


def test_an_image_goes_there_and_back_by_other_names(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    saved = images.write_oci_archive(tmp_path / "app.tar", {"1.0": images.multi_arch()})
    pushed = run_module("registry_push", registry.args(load_path=saved, image="app", tag=["1.0"], platform=["linux/amd64"])).ok()
    assert registry.tags("app") == {"1.0": pushed["digest"]}
    run_module("registry_pull", registry.args(image="app:1.0", archive_path=str(tmp_path / "back"), platform=["linux/amd64"])).ok()
    assert (tmp_path / "back" / "index.json").is_file()
    run_module("registry_tag", registry.args(image="app:1.0", target_tags=["2.0"])).ok()
    run_module("registry_tag", registry.args(image="app:1.0", tag=["2.0"])).ok()
    assert run_module("registry_tag_info", registry.args(repository="app")).ok()["tags"] == ["1.0", "2.0"]
    run_module("registry_tag_delete", registry.args(image="app", tag=["1.0"])).ok()
    assert set(registry.tags("app")) == {"2.0"}


def test_an_image_is_copied_by_other_names(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    saved = images.write_oci_archive(tmp_path / "app.tar", {"1.0": images.image()})
    run_module("registry_push", registry.args(input=saved, image="app", tag=["1.0"])).ok()
    run_module("registry_copy", within(registry, source="app:1.0", destination="one", tag=["1"])).ok()
    entry = {"source": "app:1.0", "destination": "two", "tag": ["2"], "platform": ["linux/amd64"]}
    run_module("registry_copy", within(registry, images=[entry])).ok()
    assert registry.tags("one").keys() == {"1"}
    assert registry.tags("two").keys() == {"2"}


@pytest.mark.parametrize(
    "names", [("ca_cert",), ("cacert_path",), ("tls_ca_cert",), ("cert_path", "key_path"), ("tls_client_cert", "tls_client_key")]
)
def test_files_of_tls_by_other_names(registry: FakeRegistry, run_module: RunModule, names: tuple[str, ...]) -> None:
    missing: dict[str, t.Any] = {name: f"/nowhere/{name}.pem" for name in names}
    failure = run_module("registry_image_info", registry.args(name=["app:1.0"], plain_http=False, **missing)).failure("invalid_option")
    assert f"/nowhere/{names[0]}.pem" in failure.msg
    assert registry.requests == []


def test_tls_of_each_side_by_the_names_of_skopeo(make_registry: t.Callable[..., FakeRegistry], run_module: RunModule) -> None:
    source, destination = make_registry(tls=True), make_registry(tls=True)
    added = source.add_image("app", "1.0")
    names = {"src": f"{source.host}/app:1.0", "dest": f"{destination.host}/app:1.0"}
    run_module("registry_copy", {**names, "src_tls_verify": False}).failure("tls")
    run_module("registry_copy", {**names, "src_tls_verify": False, "dest_tls_verify": False}).ok()
    assert destination.tags("app") == {"1.0": added.digest}
