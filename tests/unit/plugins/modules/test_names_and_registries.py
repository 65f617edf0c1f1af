# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which repository is asked for a name, with each way to say the registry, or with what words the name is refused before any request."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry

ITSELF = "names a registry itself; leave out one of the two"
UNSET = "a variable seems to be empty"
Case = tuple[t.Optional[str], str, str]

# The option registry, the name, and the path below /v2/ that is asked for. REG is the registry's host with its port.
MEANT: list[Case] = [
    (None, "REG/app", "app/manifests/latest"),
    (None, "REG/app:1", "app/manifests/1"),
    (None, "REG/team/app:1", "team/app/manifests/1"),
    (None, "REG/quay.io/org/db:16", "quay.io/org/db/manifests/16"),
    (None, "https://REG/team/app:1", "team/app/manifests/1"),
    (None, "docker://REG/team/app/", "team/app/manifests/latest"),
    (None, "REG/v2/app:1", "v2/app/manifests/1"),
    ("REG", "app:1", "app/manifests/1"),
    ("REG/", "app:1", "app/manifests/1"),
    ("https://REG", "app:1", "app/manifests/1"),
    ("https://REG/", "app:1", "app/manifests/1"),
    ("REG/v2", "app:1", "v2/app/manifests/1"),
    ("REG/v2/", "app:1", "app/manifests/1"),
    ("REG/v1/", "app:1", "app/manifests/1"),
    ("https://REG/v2", "app:1", "app/manifests/1"),
    ("https://REG/v2/", "app:1", "app/manifests/1"),
    ("HTTPS://REG/v1/", "app:1", "app/manifests/1"),
    ("docker://REG/v2", "app:1", "v2/app/manifests/1"),
    ("https://REG/team/v2/", "app:1", "team/v2/app/manifests/1"),
    ("https://REG/v2/team/", "app:1", "v2/team/app/manifests/1"),
    ("REG/team", "app:1", "team/app/manifests/1"),
    ("https://REG/team/", "org/app:1", "team/org/app/manifests/1"),
    ("REG", "quay.io/org/db:16", "quay.io/org/db/manifests/16"),
    ("REG/quay.io", "org/db:16", "quay.io/org/db/manifests/16"),
    ("REG/team", "quay.io:16", "team/quay.io/manifests/16"),
]

# The option registry, the name, and words of the refusal.
REFUSED: list[Case] = [
    ("REG", "REG/app:1", ITSELF),
    ("REG/team", "REG/team/app:1", ITSELF),
    ("REG", "quay.io:443/org/db:16", ITSELF),
    ("REG/team", "quay.io/org/db:16", ITSELF),
    ("REG/team", "https://quay.io/org/db:16", ITSELF),
    ("REG/team", "localhost/db", ITSELF),
    ("https://REG/team/", "[::1]/db", ITSELF),
    ("", "app:1", UNSET),
    ("", "REG/app:1", UNSET),
    ("/team", "app:1", UNSET),
    ("https:///v2/", "app:1", UNSET),
    ("REG//team", "app:1", UNSET),
    ("http://REG", "app:1", "set plain_http: true"),
    ("REG/Team", "app:1", "upper-case"),
    ("REG/app:1", "app:1", "not host[:port][/prefix]"),
    (None, "", UNSET),
    (None, "REG/", UNSET),
    (None, "REG/:1", UNSET),
    (None, "REG//app:1", UNSET),
    (None, "REG/app:", UNSET),
    (None, "REG/app@", UNSET),
    (None, "REG/app:@sha256:" + "0" * 64, UNSET),
    (None, "REG/app@sha256:", UNSET),
    (None, "/app:1", UNSET),
    (None, "registry:5000/", UNSET),
    ("REG", ":1", UNSET),
    ("REG", "app:", UNSET),
    ("REG", "/app", UNSET),
    ("REG/team", "/app", UNSET),
    ("REG/team", "org//app", UNSET),
    ("REG/team", "app@", UNSET),
]


def _filled(registry: FakeRegistry, base: str | None, name: str) -> tuple[dict[str, t.Any], str]:
    """Return the options of a task and its name, with the registry's host in both."""
    options = registry.args()
    del options["registry"]
    if base is not None:
        options["registry"] = base.replace("REG", registry.host)
    return options, name.replace("REG", registry.host)


def _paths(registry: FakeRegistry) -> set[str]:
    return {line.partition(" ")[2] for line in registry.log()}


@pytest.mark.parametrize(("base", "name", "path"), MEANT)
def test_a_name_reaches_the_repository_that_it_means(
    registry: FakeRegistry, run_module: RunModule, base: str | None, name: str, path: str
) -> None:
    repository, tag = path.split("/manifests/")
    digest = registry.add_image(repository, tag).digest
    options, name = _filled(registry, base, name)
    image = run_module("registry_image_info", {**options, "name": name, "details": "digest"}).ok()["images"][0]
    assert (image["digest"], image["registry"], image["repository"]) == (digest, registry.host, repository)
    assert _paths(registry) == {f"/v2/{path}"}


@pytest.mark.parametrize(("base", "name", "words"), REFUSED)
def test_a_name_that_means_two_registries_or_none_is_refused_before_any_request(
    registry: FakeRegistry, run_module: RunModule, base: str | None, name: str, words: str
) -> None:
    options, name = _filled(registry, base, name)
    for module, more in (("registry_image_info", {}), ("registry_tag", {"tags": ["2"]}), ("registry_pull", {"path": "/nowhere/x"})):
        assert words in run_module(module, {**options, **more, "name": name}).failure("invalid_reference").msg
    assert registry.log() == []


def test_a_registry_that_is_pasted_from_a_login_is_asked_itself(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("team/app", "1")
    for base in ("https://REG/v2/", "REG/v1/", "https://REG"):
        options, _name = _filled(registry, base, "")
        run_module("registry_info", options).ok()
        listed = run_module("registry_repository_info", options).ok()
        assert (listed["repositories"], listed["relative_names"]) == ([f"{registry.host}/team/app"], ["team/app"])
    assert _paths(registry) == {"/v2/", "/v2/_catalog"}


def test_hosts_that_are_trusted_may_be_written_as_addresses(make_registry: MakeRegistry, run_module: RunModule) -> None:
    guarded = make_registry(auth="token")
    guarded.add_image("app", "1")
    hosts = [f"https://{guarded.host}/", "HTTPS://cdn.example.com"]
    run_module("registry_image_info", guarded.args(name="app:1", auth_hosts=hosts, allowed_hosts=hosts)).ok()


# Copies: the options registry, src_registry and dest_registry, src, dest, and the two repositories, or words of the refusal. SRC and DST are hosts.
COPIES: list[tuple[tuple[str | None, str | None, str | None], str, str, tuple[str, str]]] = [
    ((None, None, None), "SRC/a:1", "DST/b:1", ("a", "b")),
    ((None, "SRC", "DST"), "a:1", "b:1", ("a", "b")),
    ((None, "SRC/x", "DST/y"), "a:1", "b:1", ("x/a", "y/b")),
    ((None, "https://SRC/v2/", "DST/v1/"), "a:1", "b:1", ("a", "b")),
    ((None, "SRC/v2", "DST/v1"), "a:1", "b:1", ("v2/a", "v1/b")),
    (("SRC", None, "DST"), "a:1", "b:1", ("a", "b")),
    (("DST", "SRC", None), "a:1", "b:1", ("a", "b")),
    (("SRC", None, None), "a:1", "DST/b:1", ("a", "b")),
    (("SRC/x", None, None), "a:1", "DST/b:1", ("x/a", "b")),
    (("https://SRC/v2/", None, None), "a:1", "https://DST/b:1", ("a", "b")),
    (("DST/y", None, None), "SRC/a:1", "b:1", ("a", "y/b")),
    (("DST/y", None, None), "SRC/a:1", "org/b:1", ("a", "y/org/b")),
    (("DST/y", None, None), "SRC/a:1", "DST/b:1", ("a", "b")),
    (("DST/y", None, None), "SRC/a:1", "b.c:1", ("a", "y/b.c")),
    (("SRC", "SRC/x", "DST/y"), "a:1", "b:1", ("x/a", "y/b")),
    ((None, None, "DST"), "SRC/a:1", "quay.io/org/b:1", ("a", "quay.io/org/b")),
    ((None, None, "DST/y"), "SRC/a:1", "quay.io/org/b:1", ("a", "y/quay.io/org/b")),
    (("DST/z", None, "DST/y"), "SRC/a:1", "quay.io/org/b:1", ("a", "y/quay.io/org/b")),
    ((None, "SRC/y", "DST"), "quay.io/org/a:1", "b:1", ("y/quay.io/org/a", "b")),
]

NOT_COPIED: list[tuple[tuple[str | None, str | None, str | None], str, str, str]] = [
    ((None, "SRC", None), "SRC/a:1", "DST/b:1", ITSELF),
    ((None, None, "DST/y"), "SRC/a:1", "DST/b:1", ITSELF),
    ((None, None, "DST/y"), "SRC/a:1", "quay.io:443/b:1", ITSELF),
    ((None, "", None), "a:1", "DST/b:1", f"option src_registry is empty, so {UNSET}"),
    ((None, None, ""), "SRC/a:1", "b:1", f"option dest_registry is empty, so {UNSET}"),
    (("", None, None), "a:1", "DST/b:1", f"option registry is empty, so {UNSET}"),
    (("", None, None), "SRC/a:1", "DST/b:1", f"option registry is empty, so {UNSET}"),
    (("", "SRC", "DST"), "a:1", "b:1", f"option registry is empty, so {UNSET}"),
    (("DST/y", None, None), "SRC/a:1", "/b:1", UNSET),
    (("DST/y", None, None), "SRC/a:1", ":1", UNSET),
    (("DST/y", None, None), "SRC/:1", "b:1", UNSET),
]


def _copy(
    pair: tuple[FakeRegistry, FakeRegistry], bases: tuple[str | None, str | None, str | None], src: str, dest: str
) -> dict[str, t.Any]:
    """Return the options of a copy between two registries over HTTP."""

    def fill(text: str) -> str:
        return text.replace("SRC", pair[0].host).replace("DST", pair[1].host)

    given = {name: fill(base) for name, base in zip(("registry", "src_registry", "dest_registry"), bases) if base is not None}
    return {"timeout": 10, "src_plain_http": True, "dest_plain_http": True, **given, "src": fill(src), "dest": fill(dest)}


@pytest.mark.parametrize(("bases", "src", "dest", "repositories"), COPIES)
def test_each_side_of_a_copy_reaches_the_repository_that_it_means(
    make_registry: MakeRegistry,
    run_module: RunModule,
    bases: tuple[str | None, str | None, str | None],
    src: str,
    dest: str,
    repositories: tuple[str, str],
) -> None:
    pair = source, destination = make_registry(), make_registry()
    digest = source.add_image(repositories[0], "1").digest
    options = _copy(pair, bases, src, dest)
    entry = {name: options.pop(name) for name in ("src", "dest")}
    assert run_module("registry_copy", {**options, "images": [entry]}).ok().changed
    assert not run_module("registry_copy", {**options, **entry}).ok().changed
    assert destination.tags(repositories[1]) == {"1": digest}
    for registry, repository in zip(pair, repositories):
        assert all(path.startswith((f"/v2/{repository}/manifests/", f"/v2/{repository}/blobs/")) for path in _paths(registry))


@pytest.mark.parametrize(("bases", "src", "dest", "words"), NOT_COPIED)
def test_a_copy_whose_names_mean_two_registries_or_none_is_refused_before_any_request(
    make_registry: MakeRegistry,
    run_module: RunModule,
    bases: tuple[str | None, str | None, str | None],
    src: str,
    dest: str,
    words: str,
) -> None:
    pair = make_registry(), make_registry()
    assert words in run_module("registry_copy", _copy(pair, bases, src, dest)).failure("invalid_reference").msg
    assert pair[0].log() == pair[1].log() == []


def test_a_name_without_a_registry_is_never_one_of_docker_hub_while_registry_is_set(
    registry: FakeRegistry, run_module: RunModule, names: dict[str, str]
) -> None:
    digest = registry.add_image("team/alpine", "3").digest
    options = registry.args(registry=f"{registry.host}/team", src="alpine:3", dest="copy")
    assert run_module("registry_copy", options).ok()["image"] == f"{registry.host}/team/copy@{digest}"
    assert "docker.io" not in names
    assert registry.tags("team/copy") == {"3": digest}
