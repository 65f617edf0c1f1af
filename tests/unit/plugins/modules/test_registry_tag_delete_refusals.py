# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_tag_delete where the registry refuses, and method digest, which is refused where it would harm."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import Result, RunModule
from ansible_collections.ocitools.registry.tests.unit.registry.auth import TokenAuth, User
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Recorded

MakeRegistry = t.Callable[..., FakeRegistry]
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def delete(run_module: RunModule, fake: FakeRegistry, name: str = "app:1.0", check: bool = False, **options: t.Any) -> Result:
    return run_module("registry_tag_delete", fake.args(**{"name": name, **options}), check=check)


# Refusals: what is told, and that nothing was changed


@pytest.mark.parametrize("method", ["auto", "tag", "substitute", "digest"])
@pytest.mark.parametrize("switches", [{"delete_by_tag": "unsupported", "delete_by_digest": False}, {"read_only": True}], ids=str)
def test_deletion_is_disabled(make_registry: MakeRegistry, run_module: RunModule, method: str, switches: dict[str, t.Any]) -> None:
    registry = make_registry(**switches)
    registry.add_image("app", "1.0")
    before = registry.tags("app")
    result = delete(run_module, registry, method=method).failure("unsupported")
    hint = "method to auto or substitute" if method == "tag" else "Deletion is disabled on this registry, or it is read-only"
    assert hint in result.msg
    assert result.error["status"] == 405
    assert registry.tags("app") == before
    assert not [line for line in registry.writes() if line.startswith("PUT")]


def test_a_registry_that_deletes_no_manifest_with_a_tag(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "1.0")
    registry.on("delete_manifest").answer(400, code="GOOGLE_MANIFEST_DANGLING_TAG")
    result = delete(run_module, registry, method="digest").failure("unsupported")
    assert "set method to auto or tag" in result.msg
    assert "disabled" not in result.msg


@pytest.mark.parametrize("way", ["digest_invalid", "unsupported", "not_found"])
def test_method_tag_alone_is_not_enough(make_registry: MakeRegistry, run_module: RunModule, way: str) -> None:
    registry = make_registry(delete_by_tag=way)
    registry.add_image("app", "1.0")
    before = registry.tags("app")
    result = delete(run_module, registry, method="tag").failure("unsupported")
    assert "set method to auto or substitute" in result.msg
    assert registry.tags("app") == before


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("ghcr.io", "GitHub deletes package versions"),
        ("docker.io", "Docker Hub deletes tags only on its web pages"),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "aws ecr batch-delete-image"),
        ("public.ecr.aws", "aws ecr batch-delete-image"),
        ("mcr.microsoft.com", "its vendor's"),
    ],
)
@pytest.mark.parametrize("method", ["auto", "tag", "substitute", "digest"])
def test_vendors_with_ways_of_their_own(
    make_registry: MakeRegistry, run_module: RunModule, names: dict[str, str], host: str, own: str, method: str
) -> None:
    registry = make_registry("ghcr")
    digest = registry.add_image("library/app", "1.0").digest
    names[host] = "127.0.0.1"
    address = registry.host.replace("127.0.0.1", host)
    result = delete(run_module, registry, "library/app:1.0", method=method, registry=address).failure("unsupported")
    assert own in result.msg
    assert registry.tags("library/app") == {"1.0": digest}


def test_a_proxy_that_lets_no_deletion_through(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    registry.add_image("app", "1.0")
    registry.on("delete_manifest", times=None).html(404)
    result = delete(run_module, registry).failure("unsupported")
    assert "web page" in result.msg
    assert not [line for line in registry.writes() if line.startswith("PUT")]


def test_a_registry_that_says_of_everything_that_it_is_not_there(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    registry.add_image("app", "1.0")
    before = registry.tags("app")
    registry.on("delete_manifest", times=None).answer(404, {"Content-Type": "text/plain"}, b"404 page not found\n")
    result = delete(run_module, registry).failure("unsupported")
    assert "Deletion is disabled" in result.msg
    assert "The tag was restored" in result.msg
    assert registry.tags("app") == before


def test_without_permission(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=TokenAuth(users={"user": User(grants={"app": "pull,push"})}))
    registry.add_image("app", "1.0")
    before = registry.tags("app")
    delete(run_module, registry).failure("denied")
    assert registry.tags("app") == before


def test_the_word_delete_is_refused_by_the_token_server(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=TokenAuth(refused_words=["delete"], users={"user": User(grants={"*": "*"})}))
    registry.add_image("app", "1.0")
    assert delete(run_module, registry, check=True).ok().changed is True


def test_an_index_names_it(make_registry: MakeRegistry, run_module: RunModule) -> None:
    """Such a registry refuses the deletion by name (405 DENIED); a tag of its own can go."""
    registry = make_registry("zot")
    index = registry.add_index("app", "1.0")
    child = index.children["linux/amd64"].digest
    registry.set_tag("app", "1.0-amd64", child)
    refused: t.Any = {"status": 405, "code": "DENIED", "message": "the manifest is referenced by an index"}
    registry.on("delete_manifest", "/1.0-amd64$").answer(**refused)
    assert delete(run_module, registry, "app:1.0-amd64").ok()["methods"] == {"1.0-amd64": "substitute"}
    assert registry.tags("app") == {"1.0": index.digest}
    assert registry.gaps() == []
    registry.set_tag("app", "1.0-amd64", child)
    registry.on("delete_manifest", "/1.0-amd64$").answer(**refused)
    result = delete(run_module, registry, "app:1.0-amd64", method="tag").failure("denied")
    assert "An index may need the manifest" in result.msg


def test_no_substitute_for_what_refers_to_another(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    image = registry.add_image("app", "1.0")
    registry.set_tag("app", "sbom", registry.add_referrer("app", image.digest).digest)
    before = registry.tags("app")
    result = delete(run_module, registry, "app:sbom").failure("unsupported")
    assert "has a subject" in result.msg
    assert registry.tags("app") == before


@pytest.mark.parametrize(
    ("switches", "kind"),
    [({"missing": "html"}, "invalid_response"), ({"missing": "denied"}, "denied"), ({"html_errors": True}, "invalid_response")],
)
def test_absent_is_not_said_without_evidence(make_registry: MakeRegistry, run_module: RunModule, switches: t.Any, kind: str) -> None:
    registry = make_registry(**switches)
    registry.add_image("app", "1.0")
    for options in ({"name": "app:0.9"}, {"name": "app", "tags": ["0.9", "0.8"]}):
        delete(run_module, registry, **options).failure(kind)


# Method digest


def test_by_digest_all_tags_of_it_go(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1.0").digest
    registry.set_tag("app", "stable", digest)
    other = registry.add_image("app", "2.0").digest
    for name, also in (("app:1.0", ["stable"]), (f"app@{digest}", ["1.0", "stable"])):
        predicted = delete(run_module, registry, name, check=True, method="digest").ok()
        assert predicted["also_deleted_tags"] == also
    result = delete(run_module, registry, method="digest").ok()
    assert result["deleted_tags"] == ["1.0"]
    assert result["also_deleted_tags"] == ["stable"]
    assert result["methods"] == {"1.0": "digest"}
    assert registry.tags("app") == {"2.0": other}
    assert registry.manifest("app", digest) is None
    again = delete(run_module, registry, f"app@{digest}", method="digest").ok()
    assert again.changed is False


def test_by_digest_without_tags(registry: FakeRegistry, run_module: RunModule) -> None:
    registry.add_image("app", "2.0")
    digest = registry.add_image("app").digest
    result = delete(run_module, registry, f"app@{digest}", method="digest").ok()
    assert result.changed is True
    assert result["also_deleted_tags"] == []
    assert registry.manifest("app", digest) is None


@pytest.mark.parametrize("nested", [False, True])
def test_by_digest_never_a_child_of_an_index(registry: FakeRegistry, run_module: RunModule, nested: bool) -> None:
    index = registry.add_index("app", "1.0", nested=nested)
    child = index.children["linux/arm64"].digest
    registry.set_tag("app", "arm", child)
    for check in (True, False):
        result = delete(run_module, registry, "app:arm", check=check, method="digest").failure("precondition")
        assert child in result.msg
        assert "tag 1.0" in result.msg
    assert registry.writes() == []


def test_by_digest_an_index_and_what_it_alone_names(registry: FakeRegistry, run_module: RunModule) -> None:
    index = registry.add_index("app", "1.0")
    registry.set_tag("app", "arm", index.children["linux/arm64"].digest)
    registry.add_image("app", "2.0")
    delete(run_module, registry, "app", tags=["1.0", "arm"], method="digest").ok()
    assert list(registry.tags("app")) == ["2.0"]


def test_by_digest_an_index_goes_before_what_it_names(registry: FakeRegistry, run_module: RunModule) -> None:
    index = registry.add_index("app", "1.0")
    child = index.children["linux/arm64"].digest
    registry.set_tag("app", "arm", child)

    def is_named(request: Recorded) -> bool:
        return request.reference == child and registry.manifest("app", index.digest) is not None

    registry.on("delete_manifest", times=None, optional=True, where=is_named).answer(405, code="DENIED", message="an index needs it")
    result = delete(run_module, registry, "app", tags=["arm", "1.0"], method="digest").ok()
    assert result["deleted_tags"] == ["arm", "1.0"]
    assert registry.tags("app") == {}


def test_by_digest_an_index_goes_before_the_index_that_it_names(registry: FakeRegistry, run_module: RunModule) -> None:
    inner = registry.add_index("app", "inner")
    outer = registry.add_manifest(
        "app", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [inner.stored.descriptor()]}, OCI_INDEX, "outer"
    )

    def is_named(request: Recorded) -> bool:
        return request.reference == inner.digest and registry.manifest("app", outer.digest) is not None

    registry.on("delete_manifest", times=None, optional=True, where=is_named).answer(405, code="DENIED", message="an index needs it")
    result = delete(run_module, registry, "app", tags=["inner", "outer"], method="digest").ok()
    assert result["deleted_tags"] == ["inner", "outer"]
    assert registry.tags("app") == {}


def test_by_digest_the_expected_one(registry: FakeRegistry, run_module: RunModule) -> None:
    digest = registry.add_image("app", "1.0").digest
    other = registry.add_image("app", "2.0").digest
    delete(run_module, registry, f"app@{digest}", method="digest", expected_digest=other).failure("precondition")
    delete(run_module, registry, "app:1.0", method="digest", expected_digest=other).failure("precondition")
    assert registry.writes() == []


def test_by_digest_a_registry_that_keeps_the_tags(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(delete_leaves_tags=True)
    digest = registry.add_image("app", "1.0").digest

    def put_back(_request: Recorded) -> None:
        registry.add_image("app", "1.0")

    registry.on("get_manifest", "/1.0$", nth=2).call(put_back)
    result = delete(run_module, registry, method="digest").failure("conflict")
    assert digest in result.msg
    assert "still points to it" in result.msg


def test_by_digest_it_is_taken_off_the_list_of_referrers(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry("distribution2")
    image = registry.add_image("app", "1.0")
    referrers = [registry.add_referrer("app", image.digest, data=data) for data in (b"one", b"two")]
    fallback = image.digest.replace(":", "-")
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}
    registry.add_manifest("app", {**index, "manifests": [made.stored.descriptor() for made in referrers]}, tag=fallback)
    registry.set_tag("app", "sbom", referrers[0].digest)
    registry.add_manifest("app", {**index, "manifests": [referrers[0].stored.descriptor()]}, tag="named")
    delete(run_module, registry, "app:sbom", method="digest").failure("precondition")  # another index needs it
    registry.remove_tag("app", "named")
    delete(run_module, registry, "app:sbom", method="digest").ok()
    listed = registry.manifest("app", fallback)
    assert listed is not None
    assert json.loads(listed.raw)["manifests"] == [referrers[1].stored.descriptor()]


@pytest.mark.parametrize("left", ["substitute", "image", "nothing"])
def test_what_others_began_to_delete_keeps_no_other_tag_from_being_deleted(
    registry: FakeRegistry, run_module: RunModule, waits: list[float], left: str
) -> None:
    image = registry.add_image("app", "1.0")
    registry.add_image("app", "2.0")

    def begin(request: Recorded) -> None:
        registry.add_manifest("app", image.raw + b"\n" + b" \t" * 48, image.media_type, "1.0")
        if left != "substitute":
            end = registry.on("head_manifest", "/1.0$", nth=2)
            end.call(lambda request: registry.set_tag("app", "1.0", image.digest) if left == "image" else registry.remove_tag("app", "1.0"))

    registry.on("head_manifest", "/1.0$").call(begin)
    result = delete(run_module, registry, "app", tags=["1.0", "2.0"], method="substitute", timeout=2)
    assert result.failed is (left != "nothing")
    assert result["deleted_tags"] == ["2.0"]
    if left == "nothing":
        assert result["absent_tags"] == ["1.0"]
    else:
        assert "Somebody else began to delete the tag" in result.failure("conflict").msg
        assert "said" not in result.msg
    assert ("1.0" in registry.tags("app")) is (left != "nothing")
