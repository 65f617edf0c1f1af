# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for names of images; each is documented in the .yml file of its name."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils._core.errors import RegistryError
from ..module_utils._core.scrub import quoted
from ..module_utils._oci.reference import Digest, Reference, check_repository, check_tag, split_base
from ..module_utils._oci.versions import sort_by_version
from ..plugin_utils._template_values import decrypted, is_omitted, is_undefined

Group = tuple[str, ...]  # the registry and repository of an image, nothing for tags alone


def _type_of(value: t.Any) -> str:
    """Name the type as Python does: ansible-core has subclasses of its own, which tell a user nothing."""
    return next(kind.__name__ for kind in type(value).__mro__ if kind.__module__ == "builtins")


def _plain(value: t.Any) -> t.Any:
    """Return a value without what ansible-core before 2.19 wraps it in; what is undefined has no text, and says so itself."""
    return str(value) if is_undefined(value) else decrypted(value)


def _text(value: t.Any, what: str, filter_name: str) -> str:
    text = _plain(value)
    if is_omitted(text):
        raise AnsibleFilterError(f"{filter_name}: {what} is omit, which works only in options of tasks: use none instead.")
    if not isinstance(text, str):
        raise AnsibleFilterError(
            f"{filter_name}: {what} must be a string, not {_type_of(value)}. Put it in quotes if YAML reads it as something else."
        )
    return text


def _parse(image: t.Any, registry: t.Any, filter_name: str) -> Reference:
    base = None if registry is None else _text(registry, "registry", filter_name)
    try:
        return Reference.parse(_text(image, "the image", filter_name), base)
    except RegistryError as error:
        raise AnsibleFilterError(f"{filter_name}: {error.message}") from None


def image_parse(image: t.Any, registry: t.Any = None) -> dict[str, str | None]:
    """Return the parts of an image's name."""
    parsed = _parse(image, registry, "image_parse")
    return {
        "image": str(parsed),
        "name": parsed.name,
        "registry": parsed.registry,
        "repository": parsed.repository,
        "tag": parsed.tag,
        "digest": str(parsed.digest) if parsed.digest else None,
    }


def _locate(parsed: Reference, registry: str | None, prefix: str | None) -> tuple[str, str]:
    """Return host and repository: of the same place, or of a ``registry`` (with its own prefix), below ``prefix``."""
    host, base = split_base(registry) if registry else (parsed.registry, "")
    parts = [base, prefix or "", parsed.repository]
    return host, check_repository("/".join(part for part in parts if part), host)


def image_name(image: t.Any, registry: t.Any = None, prefix: t.Any = None, tag: t.Any = None, digest: t.Any = None) -> str:
    """Return an image's name with some parts changed."""
    changes = {"registry": registry, "prefix": prefix, "tag": tag, "digest": digest}
    given = {name: None if value is None else _text(value, name, "image_name") for name, value in changes.items()}
    parsed = _parse(image, None, "image_name")
    try:
        host, repository = _locate(parsed, given["registry"], given["prefix"])
        new_tag = parsed.tag if given["tag"] is None else check_tag(given["tag"]) if given["tag"] else None
        # Another tag is on another manifest: the digest of the old one would hide it.
        kept = parsed.digest if given["tag"] in (None, "") else None
        new_digest = kept if given["digest"] is None else Digest.parse(given["digest"]) if given["digest"] else None
        return str(Reference(host, repository, new_tag, new_digest))
    except RegistryError as error:
        raise AnsibleFilterError(f"image_name: {error.message}") from None


def _split(image: str) -> tuple[Group, str]:
    """Return what images are grouped by, and the tag that puts them in order; text that is no name with a tag is a tag itself."""
    if not any(mark in image for mark in "/:@"):
        try:
            return (), check_tag(image)
        except RegistryError as error:
            raise AnsibleFilterError(f"image_sort: {error.message}") from None
    parsed = _parse(image, None, "image_sort")
    return (parsed.name,), parsed.tag or ("" if parsed.digest else "latest")


def image_sort(images: t.Any, reverse: t.Any = False) -> list[str]:
    """Return images in the order of their repositories and versions."""
    if not isinstance(_plain(images), (list, tuple)):
        raise AnsibleFilterError(f"image_sort: expected a list of images, not {_type_of(images)}.")
    groups: dict[Group, list[tuple[str, str]]] = {}
    for image in (_text(image, "an image", "image_sort") for image in images):
        group, tag = _split(image)
        groups.setdefault(group, []).append((tag, image))
    try:
        backwards = boolean(reverse)
    except TypeError:
        raise AnsibleFilterError(f"image_sort: reverse is {quoted(reverse, 60)}: it must be true or false.") from None
    ordered = [sort_by_version(groups[group], lambda pair: pair[0], backwards) for group in sorted(groups)]
    return [image for group in ordered for _tag, image in group]


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters by name."""
        return {"image_name": image_name, "image_parse": image_parse, "image_sort": image_sort}
