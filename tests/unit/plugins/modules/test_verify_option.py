# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``verify``: what was verified is what is written and returned, and nothing else is."""

from __future__ import annotations

import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins import images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded
from ansible_collections.ocitools.registry.tests.unit.registry.store import Stored

KEY = signing.make_key()
VERIFY: dict[str, t.Any] = {"keys": [signing.pem_of(KEY)]}
Use = t.Callable[..., Result]


def _copy(registry: FakeRegistry, folder: Path, **options: t.Any) -> tuple[str, dict[str, t.Any]]:
    names: dict[str, t.Any] = {"src": registry.name("app:1"), "dest": registry.name("copy:1")}
    return "registry_copy", {**registry.args(**names), "registry": None, "src_registry": None, **options}


def _tag(registry: FakeRegistry, folder: Path, **options: t.Any) -> tuple[str, dict[str, t.Any]]:
    return "registry_tag", registry.args(name="app:1", tags=["released"], **options)


def _pull(registry: FakeRegistry, folder: Path, **options: t.Any) -> tuple[str, dict[str, t.Any]]:
    return "registry_pull", registry.args(name="app:1", path=str(folder / "pulled"), **options)


def _index(registry: FakeRegistry, folder: Path, **options: t.Any) -> tuple[str, dict[str, t.Any]]:
    return "registry_index", registry.args(name="all:1", images=["app:1"], **options)


TASKS: dict[str, t.Callable[..., tuple[str, dict[str, t.Any]]]] = {"copy": _copy, "tag": _tag, "pull": _pull, "index": _index}


def _written(registry: FakeRegistry, folder: Path) -> list[str]:
    return [*registry.writes(), *(path.name for path in folder.iterdir())]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


@pytest.mark.parametrize("task", TASKS)
def test_t65_an_image_that_nobody_signed_is_not_written(registry: FakeRegistry, run_module: RunModule, folder: Path, task: str) -> None:
    signing.add_simple(registry, registry.add_image("app", "1").digest, signing.make_key())
    module, options = TASKS[task](registry, folder, verify=VERIFY)
    for check in (True, False):
        failure = run_module(module, options, check=check).failure("unverified")
        assert "not by any of the keys" in failure.msg
    assert _written(registry, folder) == []


@pytest.mark.parametrize("task", TASKS)
def test_t65_twin_a_signed_one_is(registry: FakeRegistry, run_module: RunModule, folder: Path, task: str) -> None:
    digest = registry.add_image("app", "1").digest
    signing.add_bundle(registry, digest, KEY)
    module, options = TASKS[task](registry, folder, verify=VERIFY)
    result = run_module(module, options).ok()
    assert result.changed
    assert result["digest"] == digest or task == "index"
    assert not run_module(module, options).ok().changed


@pytest.mark.parametrize("task", TASKS)
def test_t65_what_is_there_already_has_to_be_signed_too(registry: FakeRegistry, run_module: RunModule, folder: Path, task: str) -> None:
    registry.add_image("app", "1")
    module, options = TASKS[task](registry, folder)
    run_module(module, options).ok()
    run_module(module, {**options, "verify": VERIFY}).failure("unverified")


def move_at_each_request(registry: FakeRegistry, digests: tuple[str, str]) -> None:
    """Let somebody put the tag on the other image after each request that was answered."""

    def move(request: Recorded) -> None:
        current = registry.tags("app")["1"]
        registry.set_tag("app", "1", digests[1] if current == digests[0] else digests[0])

    registry.on(times=None, optional=True).then(move)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("first", ["signed", "unsigned"])
@pytest.mark.parametrize("style", ["full", "distribution2"])
def test_t65_a_tag_that_moves_at_each_request_brings_nothing_unsigned(
    make_registry: t.Callable[..., FakeRegistry], run_module: RunModule, folder: Path, task: str, first: str, style: str
) -> None:
    registry = make_registry(style)
    signed = registry.add_index("app", "1").digest
    unsigned = registry.add_index("app", "1", platforms=["linux/s390x"]).digest
    signing.add_simple(registry, signed, KEY)
    registry.set_tag("app", "1", signed if first == "signed" else unsigned)
    move_at_each_request(registry, (signed, unsigned))
    module, options = TASKS[task](registry, folder, verify=VERIFY)
    result = run_module(module, options)
    if first == "signed":
        brought = result.ok()["digest"]
        assert brought == signed or (task == "index" and "s390x" not in str(result["platforms"]))
        assert unsigned not in {registry.tags("app").get("released"), registry.tags("copy").get("1")}
    else:
        result.failure("unverified")
        assert _written(registry, folder) == []


WRONG: dict[str, dict[str, t.Any]] = {
    "nobody": {},
    "no keys": {"keys": []},
    "an unset key": {"keys": [""]},
    "a file that is not there": {"keys": ["/nowhere/release.pub"]},
    "something else": {"keys": ["-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"]},
    "two keys at a time": {"keys": [VERIFY["keys"][0] * 2]},
    "an authority without identities": {"certificate_authorities": [signing.AUTHORITY]},
    "identities without an authority": {"keys": VERIFY["keys"], "identities": ["ci@example.com"]},
    "an empty identity": {"certificate_authorities": [signing.AUTHORITY], "identities": [""]},
    "a pattern that is none": {"certificate_authorities": [signing.AUTHORITY], "identities": ["^(ci$"]},
    "notation by keys": {"keys": VERIFY["keys"], "formats": ["notation"]},
    "an annotation that is no text": {"keys": VERIFY["keys"], "annotations": {"build": 1.10}},
    "a repository that is none": {"keys": VERIFY["keys"], "identity": "UPPER/case"},
    "a misspelt one": {"keys": VERIFY["keys"], "identites": ["hunter2-of-the-test"]},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_t65_a_policy_that_proves_nothing_is_refused(registry: FakeRegistry, run_module: RunModule, folder: Path, wrong: str) -> None:
    module, options = _tag(registry, folder, verify=WRONG[wrong])
    failure = run_module(module, options)
    assert failure.error["kind"] == ("local_io" if "file" in wrong else "invalid_option")
    assert "hunter2" not in failure.text
    assert registry.requests == []


def test_t65_an_index_is_appended_to_what_is_signed_only(registry: FakeRegistry, run_module: RunModule) -> None:
    signing.add_simple(registry, registry.add_image("app", "arm", platform="linux/arm64").digest, KEY)
    base = registry.add_image("app", "1").digest
    options = registry.args(name="app:1", images=["app:arm"], children="append", verify=VERIFY)
    assert base in run_module("registry_index", options).failure("unverified").msg
    assert registry.tags("app")["1"] == base


def test_an_index_of_nothing_but_verified_images_needs_no_signature(registry: FakeRegistry, run_module: RunModule) -> None:
    for platform in ("amd64", "arm64"):
        signing.add_simple(registry, registry.add_image("app", platform, platform=f"linux/{platform}").digest, KEY)
    options = registry.args(name="app:1", images=["app:amd64", "app:arm64"], children="append", verify=VERIFY)
    assert run_module("registry_index", options).ok().changed
    assert not run_module("registry_index", options).ok().changed
    made = registry.tags("app")["1"]
    for other in ({"images": ["app:arm64"]}, {"annotations": {"a": "b"}}):
        assert made in run_module("registry_index", {**options, **other}).failure("unverified").msg


def test_a_pull_without_a_tag_is_called_latest_all_the_same(registry: FakeRegistry, run_module: RunModule, folder: Path) -> None:
    signing.add_simple(registry, registry.add_image("app", "latest").digest, KEY)
    options = registry.args(name="app", path=str(folder / "pulled"))
    assert run_module("registry_pull", options).ok().changed
    assert not run_module("registry_pull", {**options, "verify": VERIFY}).ok().changed


def test_a_digest_of_another_algorithm_names_the_same_image(registry: FakeRegistry, run_module: RunModule) -> None:
    added = registry.add_image("app", "1")
    other = f"sha512:{hashlib.sha512(added.raw).hexdigest()}"
    registry.store.get("app").manifests[other] = Stored(other, added.media_type, added.raw)
    name = f"app@{other}"
    run_module("registry_verify", registry.args(name=[name], **VERIFY)).failure("unverified")
    run_module("registry_sign", registry.args(name=name, signing_key=signing.private_pem(KEY))).ok()
    run_module("registry_verify", registry.args(name=[name, "app:1"], **VERIFY)).ok()
    assert run_module("registry_tag", registry.args(name=name, tags=["2"], verify=VERIFY)).ok().changed


def test_a_key_may_be_in_a_file(registry: FakeRegistry, run_module: RunModule, folder: Path) -> None:
    signing.add_simple(registry, registry.add_image("app", "1").digest, KEY)
    (folder / "release.pub").write_text(VERIFY["keys"][0], encoding="utf-8")
    module, options = _tag(registry, folder, verify={"keys": [str(folder / "release.pub")]})
    run_module(module, options).ok()


def _list_referrers(registry: FakeRegistry, times: int | None, *entries: t.Any) -> None:
    """Let the registry say so many times (None: always) that these are the referrers."""
    body = json.dumps({"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": list(entries)}).encode()
    registry.on("referrers", times=times).answer(200, {"Content-Type": images.OCI_INDEX}, body)


HIDING: dict[str, t.Callable[[FakeRegistry], object]] = {
    "an empty list": lambda registry: _list_referrers(registry, None),
    "no API": lambda registry: registry.on("referrers", times=None).answer(404),
    "a denial": lambda registry: registry.on("referrers", times=None).answer(403, code="DENIED"),
    "a page": lambda registry: registry.on("referrers", times=None).html(200),
    "another subject's list": lambda registry: _list_referrers(
        registry, None, registry.add_referrer("app", "sha256:" + "0" * 64, signing.BUNDLE).stored.descriptor()
    ),
}


@pytest.mark.parametrize("how", HIDING)
def test_t65_a_registry_that_hides_signatures_gets_nothing_verified(
    registry: FakeRegistry, run_module: RunModule, folder: Path, how: str
) -> None:
    digest = registry.add_image("app", "1").digest
    signing.add_bundle(registry, digest, KEY)
    HIDING[how](registry)
    module, options = _tag(registry, folder, verify=VERIFY)
    run_module(module, options).failure("unverified")
    assert registry.writes() == []


def test_t65_a_signature_that_comes_later_counts_later(registry: FakeRegistry, run_module: RunModule, folder: Path) -> None:
    digest = registry.add_image("app", "1").digest
    signing.add_bundle(registry, digest, KEY)
    _list_referrers(registry, 1)
    module, options = _tag(registry, folder, verify=VERIFY)
    run_module(module, options).failure("unverified")
    run_module(module, options).ok()


def test_t65_a_fault_of_the_registry_is_no_word_about_signatures(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1")
    registry.on("referrers", times=None).answer(500)
    for unverified in ("fail", "report"):
        run_module("registry_verify", registry.args(name=["app:1"], unverified=unverified, **VERIFY)).failure("server")


def test_t65_a_signature_of_another_repository_counts_unless_identity_is_given(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1").digest
    signing.add_simple(registry, digest, KEY, signing.payload_for(digest, "registry.example.com/team/app"))
    run_module("registry_verify", registry.args(name=["app:1"], **VERIFY)).ok()
    run_module("registry_verify", registry.args(name=["app:1"], identity="registry.example.com/team/app", **VERIFY)).ok()
    for other in ("registry.example.com/team/other", "registry.example.com/team", "docker.io/team/app"):
        failure = run_module("registry_verify", registry.args(name=["app:1"], identity=other, **VERIFY)).failure("unverified")
        assert f"does not name the repository {other}" in failure.msg


def test_the_library_is_needed_only_where_signatures_are(registry: FakeRegistry, run_module_process: t.Callable[..., Result]) -> None:
    registry.add_image("app", "1")
    without = registry.args(name="app:1", tags=["2"])
    run_module_process("registry_tag", without, hide=["cryptography"]).ok()
    registry.clear()
    failure = run_module_process("registry_tag", {**without, "verify": VERIFY}, hide=["cryptography"]).failure("missing_library")
    assert "cryptography (36 or newer)" in failure.msg
    assert registry.requests == []


def test_the_requests_of_a_verification(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1").digest
    signing.add_simple(registry, digest, KEY)
    run_module("registry_verify", registry.args(name=["app:1"], **VERIFY)).ok()
    assert registry.counts() == {"head_manifest": 1, "get_manifest": 1, "get_blob": 1, "referrers": 1}
    registry.clear()
    signing_tag = f"{digest.replace(':', '-')}.sig"
    run_module("registry_tag", registry.args(name="app:1", tags=["2"], verify=VERIFY), check=True).ok()
    assert f"GET /v2/app/manifests/{signing_tag}" in registry.log()
    assert registry.named("referrers") == []  # one signature that counts is enough


def test_t65_all_signers_have_to_sign(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1").digest
    other = signing.make_key()
    signing.add_simple(registry, digest, KEY)
    both: dict[str, t.Any] = {"keys": [signing.pem_of(KEY), signing.pem_of(other)]}
    run_module("registry_verify", registry.args(name=["app:1"], **both)).ok()
    run_module("registry_verify", registry.args(name=["app:1"], require="all", **both)).failure("unverified")
    signing.add_bundle(registry, digest, other)
    run_module("registry_verify", registry.args(name=["app:1"], require="all", **both)).ok()


@pytest.mark.parametrize("module", ["registry_verify", "registry_sign", "registry_tag"])
def test_t65_an_index_that_lacks_a_child_is_damaged_and_not_absent(registry: FakeRegistry, run_module: RunModule, module: str) -> None:
    index = registry.add_index("app", "1")
    lacking = index.children["linux/arm64"].digest
    for digest in (index.digest, *(child.digest for child in index.children.values())):
        signing.add_simple(registry, digest, KEY)
    registry.remove_manifest("app", lacking)
    verify = {**VERIFY, "recursive": True}
    options: dict[str, dict[str, t.Any]] = {
        "registry_verify": {"name": ["app:1"], "unverified": "report", **verify},
        "registry_sign": {"name": "app:1", "signing_key": signing.private_pem(KEY), "recursive": True},
        "registry_tag": {"name": "app:1", "tags": ["2"], "verify": verify},
    }
    failure = run_module(module, registry.args(**options[module])).failure("invalid_response")
    assert f"is an index and lacks {lacking}, which it lists" in failure.msg
    assert registry.writes() == []
