# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How images are brought somewhere, for the counts of the guide on requests."""

from __future__ import annotations

import typing as t

from ansible_collections.ocitools.registry.tests.unit.docs.budget_world import Act, N, World, after, again, fill_many, operation
from ansible_collections.ocitools.registry.tests.unit.plugins import images
from ansible_collections.ocitools.registry.tests.unit.plugins.copying import put, side


def _layout(world: World) -> str:
    return images.write_layout(world.folder / "layout", world.content())


@operation("``registry_push``: an image")
def _push(world: World) -> Act:
    path = _layout(world)
    return lambda: world.does("registry_push", name="new:1", path=path)


again("``registry_push``: an image")


@operation("``registry_push``: an image that the repository has, under a new tag")
def _push_tag(world: World) -> Act:
    path = _layout(world)
    world.does("registry_push", name="new:1", path=path)
    return lambda: world.does("registry_push", name="new:2", path=path)


@operation("``registry_push``: an archive of ``docker save``, again")
def _push_saved(world: World) -> Act:
    path = images.write_docker_archive(world.folder / "app.tar", world.content())
    return after(lambda: world.does("registry_push", name="new:1", path=path))


@operation("``registry_tag``: a new tag")
def _tag(world: World) -> Act:
    return lambda: world.does("registry_tag", name="app:1", tags=["2"])


again("``registry_tag``: a new tag")


@operation("``registry_tag``: a tag that moves")
def _move(world: World) -> Act:
    world.registry.add_image("app", "2", seed="other")
    return lambda: world.does("registry_tag", name="app:1", tags=["2"])


def _within(world: World, **options: t.Any) -> Act:
    options = {"src": world.registry.name("app:1"), "dest": world.registry.name("copy:1"), **options}
    return lambda: world.does("registry_copy", **options)


@operation("``registry_copy``: within a registry")
def _copy(world: World) -> Act:
    return _within(world)


again("``registry_copy``: within a registry")


@operation("``registry_copy``: between registries")
def _copy_between(world: World) -> Act:
    return lambda: world.copies("registry_copy", world.other, src="app:1", dest="app:1")


again("``registry_copy``: between registries")


def _listed() -> list[str]:
    return [f"many:1.{number}" for number in range(1, N + 1)]


@operation("``registry_sync``: a list of images of one repository")
def _sync(world: World) -> Act:
    fill_many(world)
    return lambda: world.copies("registry_sync", world.other, images=_listed())


again("``registry_sync``: a list of images of one repository")


@operation("``registry_sync``: images that are named by digest, again")
def _sync_pinned(world: World) -> Act:
    fill_many(world)
    listed = [{"src": f"many@{digest}", "dest": f"many:{tag}"} for tag, digest in world.registry.tags("many").items()]
    return after(lambda: world.copies("registry_sync", world.other, images=listed))


@operation("``registry_sync``: tags that are chosen, again")
def _sync_chosen(world: World) -> Act:
    fill_many(world)
    return after(lambda: world.copies("registry_sync", world.other, images=[{"src": "many", "semver": "1.x"}]))


@operation("``registry_sync``: a part of an index, again")
def _sync_part(world: World) -> Act:
    put(world.registry, "index", images.multi_arch(), "1")
    return after(lambda: world.copies("registry_sync", world.other, images=["index:1"], platforms=["linux/arm64"]))


@operation("``registry_sync``: an image with ``referrers``, of which it has none, again")
def _sync_referrers(world: World) -> Act:
    return after(lambda: world.copies("registry_sync", world.other, images=["app:1"], referrers=True))


@operation("``registry_sync``: ``extra=delete`` with nothing to delete")
def _sync_exact(world: World) -> Act:
    fill_many(world)
    task = {"images": [{"src": "many", "semver": "1.x"}], "extra": "delete"}
    return after(lambda: world.copies("registry_sync", world.other, **task))


def _export(world: World) -> Act:
    fill_many(world)
    options = {**side("src", world.registry), "images": _listed(), "dest_dir": str(world.folder / "carried")}
    return lambda: world.run("registry_sync", options).ok()


@operation("``registry_sync``: an export")
def _sync_export(world: World) -> Act:
    return _export(world)


again("``registry_sync``: an export")


@operation("``registry_sync``: an import")
def _sync_import(world: World) -> Act:
    _export(world)()
    options = {**side("dest", world.other), "src_dir": str(world.folder / "carried")}
    return lambda: world.run("registry_sync", options).ok()


again("``registry_sync``: an import")
