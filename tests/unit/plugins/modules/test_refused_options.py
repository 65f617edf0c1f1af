# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that no module can use: paths that no file can have, and variables that are empty."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

NO_PATH = {
    "registry_pull": "path",
    "registry_push": "path",
    "registry_extract": "dest",
    "registry_artifact_pull": "dest",
    "registry_login": "auth_file",
}


@pytest.mark.parametrize("module", NO_PATH)
def test_a_path_that_no_file_can_have_is_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, module: str) -> None:
    matrix.fill(registry)
    task = {**registry.args(), **matrix.task(module, registry, tmp_path), NO_PATH[module]: f"{tmp_path}/a\0b"}
    failed = run_module(module, task)
    assert failed.failed
    assert failed["error"]["kind"] in ("invalid_option", "invalid_source", "local_io")
    assert re.search("NUL|embedded null", failed.msg)


@pytest.mark.parametrize("option", ["platform", "ca_path", "client_cert", "client_key"])
def test_an_option_whose_variable_is_empty_is_not_left_out(registry: FakeRegistry, run_module: RunModule, option: str) -> None:
    registry.add_image("app", "1")
    tasks: dict[str, dict[str, t.Any]] = {"registry_image_info": {"name": ["app:1"]}, "registry_tag": {"name": "app:1", "tags": ["2"]}}
    for module, options in tasks.items():
        assert run_module(module, registry.args(**{**options, option: ""})).failure("invalid_option")
    assert registry.log() == []


SHAPES: list[tuple[str, dict[str, t.Any], str]] = [
    (
        "registry_tag",
        {"name": "app:1", "tags": ["2"], "verify": True},
        "The option verify is a boolean: it must be a dictionary with keys, ",
    ),
    ("registry_tag", {"name": "app:1", "tags": ["2"], "verify": "release.pub"}, "The option verify is a string: it must be a dictionary"),
    (
        "registry_tag",
        {"name": "app:1", "tags": ["2"], "verify": {"keys": [["a"]]}},
        "Entry 1 of the option verify.keys is a list: it must be a",
    ),
    ("registry_tag", {"name": ["app:1"], "tags": ["2"]}, "The option name is a list: it must be a string."),
    (
        "registry_tag",
        {"image": {"a": "b"}, "tags": ["2"]},
        "The option image is a dictionary: it must be a string. To give JSON as text, add",
    ),
    ("registry_image_info", {"name": ["app:1", ["app:2"]]}, "Entry 2 of the option name is a list: it must be a string."),
    (
        "registry_artifact",
        {"name": "app:1", "config": 5},
        "The option config is a number: it must be a dictionary with path, content, media_type.",
    ),
    (
        "registry_copy",
        {"images": "app:1"},
        "The option images is a string: it must be a list of dictionaries with src, dest, tags, platforms.",
    ),
    ("registry_copy", {"images": [None]}, "Entry 1 of the option images is null: it must be a dictionary with src, "),
    ("registry_copy", {"images": [{"src": ["app:1"], "dest": "b"}]}, "The option images.src is a list: it must be a string."),
    ("registry_info", {"timeout": "inf"}, "The option timeout is 'inf': it must be a whole number."),
    ("registry_info", {"retries": float("inf")}, "The option retries is inf: it must be a whole number."),
    ("registry_info", {"jobs": "-Infinity"}, "The option jobs is '-Infinity': it must be a whole number."),
    ("registry_info", {"timeout": "1e999999999"}, "The option timeout is '1e999999999': it must be a whole number."),
    (
        "registry_sync",
        {"images": ["app:1"], "dest_registry": "b", "shard": {"index": 0, "count": "inf"}},
        "The option shard.count is 'inf': it must be a whole number.",
    ),
]


@pytest.mark.parametrize(("module", "options", "message"), SHAPES)
def test_a_value_of_another_shape_is_refused_in_one_sentence(
    registry: FakeRegistry, run_module: RunModule, module: str, options: dict[str, t.Any], message: str
) -> None:
    assert message in run_module(module, registry.args(**options)).failure("invalid_option").msg
    assert registry.log() == []


OMITTED = f"__omit_place_holder__{'0' * 40}"


@pytest.mark.parametrize(
    ("module", "options", "name"),
    [
        ("registry_tag", {"name": "app:1", "tags": ["2", OMITTED]}, "tags"),
        ("registry_tag", {"name": "app:1", "target_tags": OMITTED}, "target_tags"),
        ("registry_copy", {"images": [{"src": "app:1", "dest": "b", "tags": [OMITTED]}]}, "images"),
        ("registry_tag_delete", {"name": f"app:{OMITTED}"}, "name"),
    ],
)
def test_what_old_versions_of_ansible_do_not_leave_out_is_no_tag(
    registry: FakeRegistry, run_module: RunModule, module: str, options: dict[str, t.Any], name: str
) -> None:
    registry.add_image("app", "1")
    failure = run_module(module, registry.args(**options)).failure("invalid_option")
    assert f"The option {name} has omit in a list or in a string" in failure.msg
    assert registry.log() == []


def test_text_that_says_a_dictionary_is_one(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    for images in ("src=app:1 dest=b", ["src=app:1 dest=b"], ['{"src": "app:1", "dest": "b"}']):
        run_module("registry_copy", registry.args(images=images)).ok()


def test_mount_from_takes_repositories_of_the_same_registry(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    task = registry.args(**matrix.task("registry_push", registry, tmp_path))
    failed = run_module("registry_push", {**task, "mount_from": ["base", f"{registry.host}/base"]}).failure("invalid_reference")
    assert failed.msg == (
        f"The option mount_from has '{registry.host}/base', which begins with a registry: write only the repository, without {registry.host}/."
    )
    assert (
        "The option mount_from has an invalid entry."
        in run_module("registry_push", {**task, "mount_from": ["UP"]}).failure("invalid_reference").msg
    )
    assert registry.log() == []


def test_what_is_wrong_is_named_as_the_task_has_it(registry: FakeRegistry, run_module: RunModule) -> None:
    options = registry.args(name="app:1", tags=["2"])
    both = {"username": "ci", "password": "some-password", "registry_token": "some-token"}
    assert "(username with password, registry_token): give only one of them" in run_module("registry_tag", {**options, **both}).msg
    failed = run_module("registry_tag", {**options, "registry": f"http://{registry.host}"}).failure("invalid_reference")
    assert failed.msg.startswith(f"The option registry 'http://{registry.host}' begins with http://: remove http://")
    failed = run_module("registry_tag", {**options, "tags": [f"{registry.host}/app:2"]}).failure("invalid_reference")
    assert f"/app:2' is not a tag: write only the tag, which is set in {registry.host}/app." in failed.msg
    failed = run_module("registry_tag_info", registry.args(name="app", include=[None])).failure("invalid_option")
    assert "The option include contains null, which is not a regular expression" in failed.msg


def test_a_subject_without_artifacts_has_no_types_to_list(registry: FakeRegistry, run_module: RunModule, tmp_path: Path) -> None:
    registry.add_image("app", "1")
    for options in ({}, {"artifact_type": "text/plain"}):
        task = {**registry.args(subject="app:1", dest=str(tmp_path / "files")), **options}
        assert (
            run_module("registry_artifact_pull", task).failure("not_found").msg == f"{registry.host}/app:1 has no artifact attached to it."
        )


FILE_MODES: list[t.Any] = [True, 1.5, "", ["0644"], {"user": "rw"}]


@pytest.mark.parametrize("mode", FILE_MODES, ids=str)
@pytest.mark.parametrize("module", ["registry_pull", "registry_extract", "registry_artifact_pull"])
def test_a_mode_of_another_type_is_refused(registry: FakeRegistry, run_module: RunModule, tmp_path: Path, module: str, mode: t.Any) -> None:
    matrix.fill(registry)
    task = {**registry.args(), **matrix.task(module, registry, tmp_path), "mode": mode}
    for check in (True, False):
        assert "it must be an octal number such as" in run_module(module, task, check=check).failure("invalid_option").msg
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("option", "what"), [("owner", "user"), ("group", "group")])
@pytest.mark.parametrize("name", ["nobody-of-that-name", "a\0b", "-1", str(2**32 - 1), str(10**30)])
def test_an_owner_that_the_host_does_not_know_is_named(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, name: str, option: str, what: str
) -> None:
    matrix.fill(registry)
    task = {**registry.args(), **matrix.task("registry_pull", registry, tmp_path), option: name}
    for check in (True, False):
        failed = run_module("registry_pull", task, check=check).failure("invalid_option")
        assert failed.msg == f"The option {option} is {name!r}: the host that runs the task has no such {what}."


def test_a_platform_of_the_task_is_refused_once(registry: FakeRegistry, run_module: RunModule) -> None:
    task = registry.args(images=["app:1", "app:2"], dest_registry=registry.host, platforms=["arm64"])
    assert run_module("registry_sync", task).failure("invalid_option").msg.startswith("The platform 'arm64' is not valid: write os/arch")


def test_an_annotation_without_a_name_is_not_said_to_need_quotes(registry: FakeRegistry, run_module: RunModule) -> None:
    task = registry.args(name="app:1", signing_key=matrix.SIGNING_KEY, annotations={"": "1"})
    assert (
        run_module("registry_sign", task).failure("invalid_option").msg
        == "The option annotations has an empty key: give each annotation a name."
    )


@pytest.mark.parametrize("options", [{"extra": "delete"}, {"existing": "keep"}, {"existing": "fail"}], ids=str)
def test_an_export_takes_no_option_that_it_would_not_obey(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, options: dict[str, str]
) -> None:
    task = {**registry.args(images=["app:1"], dest_dir=str(tmp_path / "carried")), **options}
    assert "cannot be used with dest_dir" in run_module("registry_sync", task).failure("invalid_option").msg
    assert registry.log() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["registry_tag_info", "registry_login"])
def test_t39_an_auth_file_in_the_variable_for_its_path_is_not_shown(
    registry: FakeRegistry, run_module: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGISTRY_AUTH_FILE", '{"auths": {"a.example": {"password": "c4nary-in-a-path"}}}')
    task = {key: value for key, value in matrix.task(module, registry, tmp_path).items() if key != "auth_file"}
    failed = run_module(module, {**registry.args(**task), "use_auth_file": True}).failure("credentials")
    assert "REGISTRY_AUTH_FILE has the content of an auth file, not its path" in failed.msg
    assert "c4nary-in-a-path" not in failed.text
    assert list(tmp_path.iterdir()) == []
