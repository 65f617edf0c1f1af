# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with images beside bringing them somewhere, for the counts of the guide on requests."""

from __future__ import annotations

from ansible_collections.ocitools.registry.tests.unit.docs.budget_world import CASES, KEY, Act, N, World, again, fill_many, operation
from ansible_collections.ocitools.registry.tests.unit.plugins import images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import put


@operation("``registry_digest``: an image")
def _digest(world: World) -> Act:
    return lambda: world.look_up(["app:1"], **world.registry.args())


@operation("``registry_digest``: further images of the repository")
def _digests(world: World) -> Act:
    for tag in ("2", "3"):
        world.registry.set_tag("app", tag, world.digest)
    return lambda: world.look_up(["app:1", "app:2", "app:3"], **world.registry.args())


@operation("``registry_digest``: an image that is missing")
def _digest_absent(world: World) -> Act:
    return lambda: world.look_up(["app:2"], **world.registry.args(missing="empty"))


def _info(details: str) -> None:
    def case(world: World) -> Act:
        return lambda: world.does("registry_image_info", name=["app:1"], details=details)

    CASES[f"``registry_image_info``: ``details={details}``"] = case


for _details in ("digest", "manifest", "config"):
    _info(_details)


@operation("``registry_image_info``: ``referrers``, of which there are none")
def _info_referrers(world: World) -> Act:
    return lambda: world.does("registry_image_info", name=["app:1"], referrers=True)


@operation("``registry_pull``: an image")
def _pull(world: World) -> Act:
    return lambda: world.does("registry_pull", name="app:1", path=str(world.folder / "pulled"))


again("``registry_pull``: an image")


@operation("``registry_extract``: files of an image")
def _extract(world: World) -> Act:
    put(world.registry, "files", world.content(), "1")
    return lambda: world.does("registry_extract", name="files:1", paths=["/"], platform="linux/amd64", dest=str(world.folder / "files"))


again("``registry_extract``: files of an image")


@operation("``registry_tag_info``: the tags of a repository")
def _tags(world: World) -> Act:
    return lambda: world.does("registry_tag_info", name="app")


@operation("``registry_repository_info``: the repositories of a registry")
def _catalog(world: World) -> Act:
    return lambda: world.does("registry_repository_info")


@operation("``registry_info``: a registry")
def _look(world: World) -> Act:
    return lambda: world.does("registry_info")


@operation("``registry_info``: ``push_to``")
def _push_to(world: World) -> Act:
    return lambda: world.does("registry_info", push_to="new")


@operation("``registry_preflight``: an image")
def _preflight(world: World) -> Act:
    return lambda: world.does("registry_preflight", images=["app:1"])


@operation("``registry_tag_delete``: a tag, where the registry deletes tags")
def _delete(world: World) -> Act:
    world.registry.set_tag("app", "2", world.digest)
    return lambda: world.does("registry_tag_delete", name="app:2")


again("``registry_tag_delete``: a tag, where the registry deletes tags")


@operation("``registry_tag_delete``: a tag, where the registry does not")
def _substitute(world: World) -> Act:
    world.registry = world.make("distribution2", auth="token")
    world.registry.set_tag("app", "2", world.registry.add_image("app", "1").digest)
    return lambda: world.does("registry_tag_delete", name="app:2")


@operation("``registry_prune``: nothing to delete")
def _prune_nothing(world: World) -> Act:
    fill_many(world)
    return lambda: world.does("registry_prune", name="many", keep_last=N, sort="version")


@operation("``registry_prune``: one tag to delete")
def _prune(world: World) -> Act:
    fill_many(world)
    return lambda: world.does("registry_prune", name="many", keep_last=N - 1, sort="version")


@operation("``registry_index``: an index of images in its repository")
def _index(world: World) -> Act:
    for number, platform in enumerate(("linux/amd64", "linux/arm64", "linux/s390x"), 1):
        put(world.registry, "build", images.image(platform), f"1.{number}")
    listed = [f"build:1.{number}" for number in range(1, N + 1)]
    return lambda: world.does("registry_index", name="build:all", images=listed)


again("``registry_index``: an index of images in its repository")


@operation("``registry_artifact``: files")
def _artifact(world: World) -> Act:
    files = [images.write_bytes(world.folder / f"{number}.txt", b"%d" % number) for number in range(world.blobs - 1)]
    return lambda: world.does("registry_artifact", name="files:1", files=files, artifact_type="application/vnd.example.files")


again("``registry_artifact``: files")


@operation("``registry_artifact_pull``: files")
def _artifact_pull(world: World) -> Act:
    _artifact(world)()
    (world.folder / "got").mkdir()
    return lambda: world.does("registry_artifact_pull", name="files:1", dest=str(world.folder / "got"))


again("``registry_artifact_pull``: files")


@operation("``registry_sign``: an image")
def _sign(world: World) -> Act:
    return lambda: world.does("registry_sign", name="app:1", signing_key=signing.private_pem(KEY))


again("``registry_sign``: an image")


@operation("``registry_verify``: a signature by cosign, under its tag")
def _verify(world: World) -> Act:
    _sign(world)()
    return lambda: world.does("registry_verify", name=["app:1"], keys=[signing.pem_of(KEY)])


@operation("``registry_login``: credentials that are checked")
def _login(world: World) -> Act:
    return lambda: world.does("registry_login", auth_file=str(world.folder / "auth.json"))


again("``registry_login``: credentials that are checked")


@operation("``registry_archive_info``: an archive")
def _archive(world: World) -> Act:
    path = images.write_layout(world.folder / "layout", world.content())
    return lambda: world.run("registry_archive_info", {"path": path}).ok()
