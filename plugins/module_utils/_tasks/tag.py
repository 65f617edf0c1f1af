# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_tag: set tags on an image in a registry."""

from __future__ import annotations

from .._core.errors import RegistryError
from .._core.scrub import quoted
from .._oci.manifest import Descriptor, Manifest
from .._oci.platform import Platform
from .._oci.reference import Digest, Reference, check_tags, parse_expected
from .._registry.client import RegistryClient
from .._registry.results import tagging_result
from .._registry.tagging import TagMap, align, apply_policy
from .options import ArgumentSpec
from .task import Task
from .verify_option import VERIFY, parse_verify

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "required": True, "aliases": ["image"]},
    "tags": {"type": "list", "elements": "raw", "required": True, "aliases": ["tag", "target_tags"]},
    "existing": {"type": "str", "choices": ["overwrite", "keep", "fail"], "default": "overwrite", "aliases": ["existing_images"]},
    "expected_digest": {"type": "str"},
    "platform": {"type": "str"},
    **VERIFY,
}


def _check_tags(task: Task, repository: str) -> tuple[str, ...]:
    for tag in task.params["tags"]:
        if isinstance(tag, str) and ("/" in tag or ":" in tag):
            raise RegistryError(
                f"{quoted(tag, 200)} is not a tag: write only the tag, which is set in {repository}. For another repository or registry use "
                "registry_copy.",
                "invalid_reference",
            )
    return check_tags(task.params["tags"])


def _find_source(
    client: RegistryClient, source: Reference, platform: Platform | None, expected: Digest | None, before: TagMap
) -> tuple[Descriptor, Manifest | None]:
    """Return what the tags shall be on; where a tag is absent the manifest is needed anyway and read at once."""
    if platform is None and None not in before.values():
        found = client.get_descriptor(source.identifier)
        if {digest.algorithm for digest in (*before.values(), expected) if digest} == {found.digest.algorithm}:
            _check_expected(source, found.digest, expected in (None, found.digest), expected)
            return found, None
    root = client.get_manifest(source.identifier)
    _check_expected(source, root.digest, expected is None or root.has_digest(expected), expected)
    manifest = root if platform is None else client.choose(root, platform, source.identifier)
    return manifest.descriptor(), manifest


def _check_expected(source: Reference, digest: Digest, fits: bool, expected: Digest | None) -> None:
    if not fits:
        raise RegistryError(
            f"{source} has the digest {digest}, not the expected {expected}: nothing was changed.",
            "precondition",
            reference=str(source),
        )


def _write(
    task: Task, client: RegistryClient, source: Reference, root: Descriptor, manifest: Manifest, plan: tuple[TagMap, TagMap]
) -> None:
    """Write the tags; where one of them fails, tell of the others."""
    before, after = plan
    written: set[str] = set()
    task.done = lambda: written
    try:
        client.tag_manifest(manifest, [tag for tag in before if before[tag] != after[tag]], written)
    finally:
        known = [tag for tag in before if tag in written or before[tag] == after[tag]]
        task.result.update(tagging_result(source, root, *({tag: states[tag] for tag in known} for states in plan)))


def run(task: Task) -> None:
    """Run the task."""
    source = task.reference(task.params["name"])
    tags = _check_tags(task, source.name)
    expected = parse_expected(task.params["expected_digest"])
    platform = None if task.params["platform"] is None else Platform.parse(task.params["platform"])
    verification = parse_verify(task.params)
    client = task.client(source, "pull", "push")
    if verification is not None:
        source = verification.pin(client, source)
    before = client.find_states(tags, task.params["existing"])
    root, manifest = _find_source(client, source, platform, expected, before)
    before = align(before, manifest) if manifest else before
    after = apply_policy(before, root.digest, task.params["existing"], source.name)
    task.result.update(tagging_result(source, root, before, after))
    if task.changes(before, after, source.name):
        _write(task, client, source, root, manifest or client.get_manifest(str(root.digest)), (before, after))
