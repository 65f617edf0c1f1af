# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of registry_sign: sign images in a registry."""

from __future__ import annotations

from .._core.errors import RegistryError
from .._oci.reference import Digest
from .._registry.shared_tag import SharedTag, settle
from .._registry.signing import Signing, children_of
from .._signatures.crypto import require_cryptography
from .._signatures.envelopes import BUNDLE, SIMPLE
from .._signatures.keys import SigningKey
from .._signatures.policy import check_annotations
from .options import ArgumentSpec
from .task import Task
from .verify_option import read_pem

OPTIONS: ArgumentSpec = {
    "name": {"type": "str", "required": True, "aliases": ["image"]},
    "signing_key": {"type": "str", "no_log": True},
    "passphrase": {"type": "str", "no_log": True},
    "format": {"type": "str", "choices": ["cosign", "bundle"], "default": "cosign"},
    "annotations": {"type": "dict", "default": {}},
    "recursive": {"type": "bool", "default": False},
}


def _parse(task: Task) -> Signing:
    params = task.params
    if params["signing_key"] is None:
        raise RegistryError(
            "Signing without a key (keyless, by Fulcio and Rekor) is not supported: give the option signing_key.", "invalid_option"
        )
    if params["passphrase"] == "":
        raise RegistryError(
            "The option passphrase is empty (an unset variable?): give a passphrase, or leave the option out.", "invalid_option"
        )
    require_cryptography()
    key = SigningKey.parse(read_pem(params["signing_key"], "signing_key"), params["passphrase"])
    form = SIMPLE if params["format"] == "cosign" else BUNDLE
    return Signing(key, form, check_annotations(params["annotations"], "annotations"))


def run(task: Task) -> None:
    """Run the task."""
    image = task.reference(task.params["name"])
    signing = _parse(task)
    client = task.client(image, "pull", "push")
    root = client.get_manifest(image.identifier)
    manifests = {Digest.of(one.raw): one for one in (root, *(children_of(client, root) if task.params["recursive"] else ()))}
    signed = dict(zip(manifests, client.fan_out(lambda digest: signing.is_signed(client, digest), manifests)))
    names = {digest: f"{image.name}@{digest}" for digest in manifests}
    key = signing.key.public.fingerprint
    before = {names[digest]: key if signed[digest] else None for digest in manifests}
    digest = next(iter(manifests))
    task.result.update(digest=str(digest), image=names[digest], key=key, format=task.params["format"])
    task.result["unchanged_digests"] = [str(one) for one in manifests if signed[one]]
    task.result["signed_digests"] = []
    missing = [one for one in manifests if not signed[one]]
    if task.changes(before, dict.fromkeys(before, key)):
        done: set[str] = set()
        task.done = lambda: done
        shared: list[SharedTag] = []
        for one in missing:
            tag = signing.sign(client, manifests[one])
            shared += [tag] if tag is not None else []
            done.add(names[one])
            task.result["signed_digests"].append(str(one))
        settle(shared)
    elif task.check_mode:
        task.result["signed_digests"] = [str(one) for one in missing]
