# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plays of the guide to signatures."""

from __future__ import annotations

import json

import pytest
from ansible_collections.ocitools.registry.tests.unit.docs.guide_plays import LOGIN, MakeRegistry, Tell, guarded, telling
from ansible_collections.ocitools.registry.tests.unit.plugins import signing

pytestmark = pytest.mark.usefixtures("one_authority")
tell = pytest.fixture(telling)


def test_signatures(make_registry: MakeRegistry, tell: Tell) -> None:
    registry = guarded(make_registry)
    reader = tell("guide_signatures", {"registry.example.com": registry})
    release, following = signing.make_key(), signing.make_key()
    for name, key in (("release", release), ("next", following)):
        (reader.folder / f"{name}.pub").write_text(signing.pem_of(key), encoding="utf-8")
    secrets = {
        **LOGIN,
        "vault_signing_key": signing.private_pem(release, "words-of-the-guide"),
        "vault_signing_passphrase": "words-of-the-guide",
        "vault_next_key": signing.private_pem(following),
    }
    (reader.folder / "secrets.json").write_text(json.dumps(secrets), encoding="utf-8")
    vault = ("-e", "@secrets.json")
    tested = registry.add_index("team/app", "1.4.2-rc1").digest
    reader.play("promote.yml", *vault, fails=True)
    assert registry.tags("release/app") == {}
    assert reader.play("sign.yml", *vault, tested_digest=tested).changed == 1
    assert reader.play("sign.yml", *vault, tested_digest=tested).changed == 0
    assert reader.play("promote.yml", *vault).changed > 0
    assert registry.tags("release/app")["1.4.2"] == tested
    reader.play("deploy.yml", *vault)
    shown = (reader.folder / "deploy.yml.out").read_text(encoding="utf-8")
    assert shown == f"image: {registry.host}/release/app@{tested}\n"
    assert reader.play("rotate.yml", *vault).changed == 1
    (reader.folder / "release.pub").write_text(signing.pem_of(signing.make_key()), encoding="utf-8")
    reader.play("promote.yml", *vault, fails=True)
    reader.play("deploy.yml", *vault, fails=True)
