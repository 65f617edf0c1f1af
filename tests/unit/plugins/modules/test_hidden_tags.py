# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries that answer 403 for what is absent: that stops nobody who may write, and is never called absent."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry, between
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.plugins.pushes import image, layout


@pytest.mark.parametrize("form", ["layout", "index", "docker"])
@pytest.mark.parametrize("check", [False, True])
def test_a_403_for_an_absent_tag_does_not_stop_a_push(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, form: str, check: bool
) -> None:
    registry = make_registry(missing="denied")
    content = images.multi_arch() if form == "index" else image("a")
    path = images.write_docker_archive(tmp_path / "a.tar", {"1": content}) if form == "docker" else layout(tmp_path, content)
    result = run_module("registry_push", registry.args(path=path, name="app:1", tags=["2"]), check=check).ok()
    assert result.changed
    assert set(registry.tags("app")) == (set() if check else {"1", "2"})
    assert registry.gaps() == []
    if not check:
        assert run_module("registry_push", registry.args(path=path, name="app:1", tags=["2"])).ok().changed is False


@pytest.mark.parametrize("existing", ["keep", "fail"])
def test_with_a_policy_the_tag_has_to_be_known(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, existing: str) -> None:
    registry = make_registry(missing="denied")
    options = registry.args(path=layout(tmp_path, image("a")), name="app:1", existing=existing)
    assert f"existing: {existing}" in run_module("registry_push", options).failure("denied").msg
    assert registry.writes() == []


def test_a_403_for_an_absent_tag_does_not_stop_a_tag(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(missing="denied")
    digest = registry.add_image("app", "1").digest
    result = run_module("registry_tag", registry.args(name="app:1", tags=["2"])).ok()
    assert (result["previous"], registry.tags("app")["2"]) == ({"2": None}, digest)
    for existing in ("keep", "fail"):
        run_module("registry_tag", registry.args(name="app:1", tags=["3"], existing=existing)).failure("denied")


def test_a_403_for_an_absent_tag_does_not_stop_a_copy(make_registry: MakeRegistry, run_module: RunModule) -> None:
    source, destination = make_registry(), make_registry(missing="denied")
    digest = source.add_index("app", "1", platforms=["linux/amd64", "linux/arm64"]).digest
    run_module("registry_copy", between(source, destination, src="app:1", dest="app")).ok()
    assert destination.tags("app") == {"1": digest}
    options = between(source, destination, src="app:1", dest="app:2", existing="keep")
    run_module("registry_copy", options).failure("denied")


@pytest.mark.parametrize("hidden", ["source", "destination"])
def test_a_403_for_an_absent_list_of_referrers_stops_neither_a_push_nor_a_copy(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path, hidden: str
) -> None:
    source, destination = [
        make_registry("artifactory", missing="denied" if name == hidden else "json") for name in ("source", "destination")
    ]
    subject = images.image()
    run_module("registry_push", source.args(path=layout(tmp_path / "image", subject), name="app:1")).ok()
    for number in (1, 2):
        content = images.artifact(subject, data=b"sbom %d" % number)
        options = source.args(path=layout(tmp_path / str(number), content), name=f"app:sbom-{number}")
        assert run_module("registry_push", options).ok()["digest"] == content.digest
        assert run_module("registry_push", options).ok().changed is False
    result = run_module("registry_copy", between(source, destination, src="app:1", dest="app", referrers=True)).ok()
    assert len(result["referrers"]) == 2
    for registry in (source, destination):
        found = run_module("registry_image_info", registry.args(name=["app:1"], referrers=True)).ok()["images"][0]["referrers"]
        assert {entry["digest"] for entry in found} == {entry["digest"] for entry in result["referrers"]}
    destination.add_image("app", "2")
    for registry, name in ((destination, "app:2"), (source, f"app@{result['referrers'][0]['digest']}")):
        assert run_module("registry_image_info", registry.args(name=[name], referrers=True)).ok()["images"][0]["referrers"] == []


def test_a_list_of_referrers_that_may_not_be_read_is_not_overwritten(
    make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path
) -> None:
    registry = make_registry(referrers=False)
    subject = images.image()
    for number, content in enumerate([subject, images.artifact(subject)]):
        run_module("registry_push", registry.args(path=layout(tmp_path / str(number), content), name=f"app:{number}")).ok()
    before = registry.tags("app")
    registry.on("get_manifest", "/sha256-", times=None).answer(403, code="DENIED")
    registry.on("head_manifest", "/sha256-", times=None, optional=True).answer(403)
    another = images.artifact(subject, data=b"another")
    run_module("registry_push", registry.args(path=layout(tmp_path / "another", another), name="app:2")).failure("denied")
    assert registry.tags("app") == before


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("registry_image_info", {"name": ["app:2"], "details": "digest"}),
        ("registry_tag_delete", {"name": "app:2"}),
        ("registry_tag", {"name": "app:2", "tags": ["1"]}),
    ],
)
def test_a_403_is_not_called_absent(make_registry: MakeRegistry, run_module: RunModule, module: str, options: dict[str, t.Any]) -> None:
    registry = make_registry(missing="denied")
    run_module(module, registry.args(**options)).failure("denied")


def test_a_token_server_that_refuses_stops_a_push(make_registry: MakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry = make_registry(auth="token")
    registry.on("token", times=None).answer(403)
    run_module("registry_push", registry.args(path=layout(tmp_path, image("a")), name="app:1")).failure("denied")
    assert registry.writes() == []
