# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RegistryClient: what modules, lookups and tests call. What only writers need is imported where it is used: readers start faster."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .._core.errors import NotFound, RegistryError, damaged
from .._core.fanout import fan_out
from .._core.progress import Progress
from .._http.challenge import merge_scopes
from .._oci.manifest import Descriptor, Manifest
from .._oci.platform import Platform
from .._oci.reference import Digest, check_repository, check_tag, check_tags, is_digest
from .api import RepositoryApi
from .tagging import TagMap, find_digest, find_states, write_tags
from .transfer_options import Connection

if t.TYPE_CHECKING:
    from .._oci.image_source import ImageSource
    from .download import RegistryImage
    from .listing import OnUnusable
    from .transfer import PushPlan, Transferred

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")


class RegistryClient:
    """A registry, or the part of it below a scope; safe for several threads.

    Methods take a tag or a digest (``sha256:...``, a leading ``@`` allowed) within the scope, which is then one repository.
    ``actions`` (``pull``, ``push``, ``delete``) are asked for with the first token, and so are the scopes in ``also``.
    Every error is a ``RegistryError``.
    """

    def __init__(
        self, connection: Connection, repository: str = "", actions: t.Sequence[str] = ("pull",), also: tuple[str, ...] = ()
    ) -> None:
        self.connection = connection
        self.repository = repository
        self.actions = tuple(actions)
        self.also = also

    @property
    def registry(self) -> str:
        """The host and the scope: ``registry.example.com/team/app``."""
        host = self.connection.exchange.registry
        return f"{host}/{self.repository}" if self.repository else host

    def with_segment(self, *segments: str) -> RegistryClient:
        """Return a client for what lies below this one's scope; connections and tokens are shared."""
        scope = [self.repository] if self.repository else []
        for segment in segments:
            trimmed = segment[1:] if segment.startswith("/") else segment
            scope.append(trimmed[:-1] if trimmed.endswith("/") else trimmed)
        repository = check_repository("/".join(scope), self.connection.exchange.registry) if segments else self.repository
        return RegistryClient(self.connection, repository, self.actions, self.also)

    def with_actions(self, *actions: str) -> RegistryClient:
        """Return the same client with these ``actions`` asked for at once."""
        return RegistryClient(self.connection, self.repository, actions, self.also)

    def with_options(self, **changes: t.Any) -> RegistryClient:
        """Return the same client with some ``TransferOptions`` changed."""
        connection = self.connection._replace(options=replace(self.connection.options, **changes))
        return RegistryClient(connection, self.repository, self.actions, self.also)

    @property
    def progress(self) -> Progress:
        """What counts how far the task has come."""
        return self.connection.options.progress

    @property
    def api(self) -> RepositoryApi:
        """The endpoints of the repository."""
        check_repository(self.repository, self.connection.exchange.registry)
        return RepositoryApi(self.connection.exchange, self.repository, merge_scopes([self.scope], self.also))

    @property
    def scope(self) -> str:
        """What a token for this client must allow."""
        return f"repository:{self.repository}:{','.join(self.actions)}"

    def _acting(self, *actions: str) -> RepositoryApi:
        return self.with_actions(*dict.fromkeys(self.actions + actions)).api

    def fan_out(self, work: t.Callable[[Item], Result], items: t.Iterable[Item]) -> list[Result]:
        """Return ``work(item)`` for each item, in order, as many at a time as the registry shall be asked."""
        return fan_out(work, items, self.connection.options.workers)

    # Reading

    def get_descriptor(self, tag: str, platform: Platform | None = None) -> Descriptor:
        """Return media type, digest and size by HEAD; by GET where HEAD does not tell, or says that it is absent."""
        identifier = tag.removeprefix("@")
        if platform is not None:
            return self.get_manifest(identifier, platform).descriptor()
        api = self.api
        try:
            head = api.head_manifest(identifier)
        except NotFound:
            head = None
        if head is not None and head.size is not None and head.is_typed:
            digest = Digest.parse(identifier) if is_digest(identifier) else head.digest
            if digest is not None:
                return Descriptor(head.media_type, digest, head.size)
        return api.get_manifest(identifier).descriptor()

    def get_digest(self, tag: str, platform: Platform | None = None) -> Digest:
        """Return the digest of a tag, or of its child for ``platform``; an absent one is confirmed by a GET."""
        return self.get_descriptor(tag, platform).digest

    def find_digest(self, tag: str, platform: Platform | None = None) -> Digest | None:
        """Return the digest of a tag, None where it is absent."""
        try:
            return self.get_digest(tag, platform)
        except NotFound:
            return None

    def get_manifest(self, tag: str, platform: Platform | None = None) -> Manifest:
        """Return the manifest or index; with ``platform`` the image for it.

        Errors: ``not_found`` also where an index has no such platform, or a single image is for another one.
        """
        manifest = self.api.get_manifest(tag.removeprefix("@"))
        return manifest if platform is None else self.choose(manifest, platform, tag)

    def choose(self, manifest: Manifest, platform: Platform, tag: str) -> Manifest:
        """Return the image for ``platform`` out of a ``manifest`` that ``tag`` leads to; errors as of ``get_manifest``."""
        api = self.api
        shown, registry = api.display(tag.removeprefix("@")), self.connection.exchange.registry
        if manifest.is_index:
            return self.get_child(manifest.child(platform, shown, registry), shown)
        from .._oci.subset import check_platforms

        check_platforms(self.image_of(manifest), [platform], shown, registry)
        return manifest

    def get_child(self, child: Descriptor, shown: str) -> Manifest:
        """Return the manifest of a ``child`` of the index that is ``shown`` so; that it lacks does not mean that the index is absent."""
        try:
            manifest = self.api.get_manifest(str(child.digest))
        except NotFound as error:
            raise damaged(error, f"{shown} is an index and lacks {child.digest}, which it lists") from None
        manifest.check(child, f"The manifest {child.digest} in {shown}")
        return manifest

    def get_image_config(self, tag: str, platform: Platform | None = None) -> dict[str, t.Any]:
        """Return the config of an image; an index needs a ``platform``."""
        return self.config_of(self.get_manifest(tag, platform), tag)

    def config_of(self, manifest: Manifest, tag: str) -> dict[str, t.Any]:
        """Return the config that ``manifest`` names; for an index the error lists its platforms."""
        if manifest.is_index:
            shown = self.api.display(tag.removeprefix("@"))
            there = ", ".join(str(child.platform) for child in manifest.platforms) or "none"
            raise RegistryError(
                f"{shown} is an index, which has no config of its own: choose a platform; it has: {there}.",
                "invalid_option",
                reference=shown,
            )
        from .._oci.subset import image_config

        return image_config(self.image_of(manifest), self.registry, self.connection.exchange.budget)

    def check_image_exists(self, tag: str) -> None:
        """Raise ``NotFound`` where the tag or digest is absent; denied is not absent."""
        self.get_digest(tag)

    def exists(self, tag: str) -> bool:
        """Tell whether the tag or digest is there."""
        return self.find_digest(tag) is not None

    def get_image(self, tag: str, platform: Platform | None = None) -> RegistryImage:
        """Return the image or index as an image source."""
        return self.image_of(self.get_manifest(tag, platform))

    def image_of(self, manifest: Manifest) -> RegistryImage:
        """Return the image source of a ``manifest`` that was read from here."""
        from .download import RegistryImage

        return RegistryImage(self.api, manifest, self.connection.options.retries)

    def iter_tags(self, last: str | None = None, limit: int | None = None, on_unusable: OnUnusable | None = None) -> t.Iterator[str]:
        """Yield the tags, in the registry's order, those after ``last`` only; errors as of ``list_tags``."""
        from .listing import iter_tags

        return iter_tags(self.api, last, limit, on_unusable)

    def list_tags(self, limit: int | None = None, last: str | None = None, on_unusable: OnUnusable | None = None) -> list[str]:
        """Return all tags, or the first ``limit`` of those after ``last``.

        A listed name that no tag can have (``1.0+1``) is an error, or handed to ``on_unusable``: who deletes must know of it.
        """
        from .listing import keep_names

        return keep_names(self.iter_tags(last, limit, on_unusable), self.connection.exchange.budget, self.registry)

    def warn_of_name(self, name: str) -> None:
        """Warn of a ``name`` that no tag can have in the list of this repository."""
        self.connection.exchange.warner(f"the tags of {self.repository}")(name)

    def iter_repositories(self, last: str | None = None, limit: int | None = None) -> t.Iterator[str]:
        """Yield the full names of the repositories under the scope."""
        from .listing import iter_repositories

        return iter_repositories(self.connection.exchange, self.repository, last, limit)

    def list_repositories(self, limit: int | None = None, last: str | None = None) -> list[str]:
        """Return the full names of the repositories under the scope."""
        return list(self.iter_repositories(last, limit))

    # Writing

    def plan_push(self, source: ImageSource, tags: t.Sequence[str], existing: str = "overwrite", before: TagMap | None = None) -> PushPlan:
        """Return, by reads only, what has to be written so that ``tags`` (or the digest itself) are ``source``.

        ``before`` is what some of them are on, as far as that is known.
        """
        from .transfer import plan_push

        return plan_push(self._acting(), source, tags, existing, self.connection.options, before)

    def predict_push(self, plan: PushPlan, check: t.Callable[[Descriptor], None] = lambda blob: None) -> Transferred:
        """Return what ``execute_push`` would send; each blob of that is handed to ``check`` first."""
        from .transfer import predict

        return predict(self._acting(), plan, self.connection.options, check)

    def execute_push(self, plan: PushPlan, source: ImageSource, written: set[str] | None = None) -> Transferred:
        """Carry out ``plan``; the tags are added to ``written`` as soon as they are."""
        from .transfer import Execution

        return Execution(self._acting("push"), source, self.connection.capabilities, self.connection.options).run(plan, written)

    def push_image(self, tag: str, source: ImageSource, *more_tags: str, existing: str = "overwrite") -> Transferred:
        """Push an image or index from any source to ``tag`` and ``more_tags``; nothing is sent that is there."""
        client = self.with_actions("pull", "push")
        plan = client.plan_push(source, [name.removeprefix("@") for name in (tag, *more_tags)], existing)
        return client.execute_push(plan, source)

    def copy_image(self, tag: str, destination: RegistryClient, *destination_tags: str, existing: str = "overwrite") -> Transferred:
        """Copy an image or index, digests kept, to ``destination_tags`` (``tag`` itself without any) of another repository.

        Within a registry blobs are mounted; between registries they are streamed through, verified on the way.
        """
        source, target = pair_clients(self, destination)
        tags = destination_tags or (tag,)
        return target.push_image(tags[0], source.get_image(tag), *tags[1:], existing=existing)

    def find_states(self, tags: t.Sequence[str], existing: str) -> TagMap:
        """Return the digest of each tag as far as a write with the policy ``existing`` has to know it, None also where it may not be told."""
        return find_states(self.api, check_tags(tags), self.connection.options.workers, existing)

    def tag_manifest(self, manifest: Manifest, tags: t.Sequence[str], written: set[str] | None = None) -> None:
        """Put ``manifest``, which the repository has, under each tag, byte by byte as it is; add those that are done to ``written``."""
        write_tags(self._acting("push"), manifest, check_tags(tags), self.connection.options.workers, written)

    def tag_image(self, source: str, destination: str) -> bool:
        """Put ``source`` under the tag ``destination`` too; return False where it was so already."""
        client = self.with_actions("pull", "push")
        digest = client.get_digest(source)
        if find_digest(client.api, check_tag(destination)) == digest:
            return False
        client.tag_manifest(client.get_manifest(str(digest)), [destination])
        return True

    def delete_tag(self, tag: str, method: str = "auto") -> str:
        """Delete that tag only and return the method that did it; raises ``NotFound`` where it is absent."""
        from .tag_deletion import delete_tag

        api = self._acting("push", "delete")
        return delete_tag(api, check_tag(tag), api.get_manifest(tag), method)

    def delete_manifest(self, digest: str) -> None:
        """Delete a manifest and with it every tag on it; raises ``NotFound`` where it is absent."""
        from .tag_deletion import delete_digest

        api = self._acting("push", "delete")
        delete_digest(api, api.get_manifest(str(Digest.parse(digest))))


def pair_clients(source: RegistryClient, destination: RegistryClient) -> tuple[RegistryClient, RegistryClient]:
    """Return the two as a copy needs them: in one registry they share one token, and blobs are mounted."""
    if source.connection.exchange.registry != destination.connection.exchange.registry:
        return source, destination
    target = destination.with_options(mount_from=(source.repository,))
    if source.connection.exchange is not destination.connection.exchange:
        return source, target
    scopes = merge_scopes([destination.scope], [source.scope])
    first, second = (RegistryClient(client.connection, client.repository, client.actions, scopes) for client in (source, target))
    return first, second
