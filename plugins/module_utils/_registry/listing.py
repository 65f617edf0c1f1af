# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of tags and repositories: all pages, each name once, and never a loop."""

from __future__ import annotations

import typing as t
from urllib.parse import quote

from .._core.budget import Budget, Kept
from .._core.errors import NotFound, RegistryError
from .._http.exchange import Exchange
from .._http.origin import Target
from .._http.token_server import TokenRefused
from .._oci.host import DOCKER_HUB
from .api import RepositoryApi
from .pages import MAX_UNUSABLE, Page, Visited, read_page

MOST_BARREN = 1000  # pages in a row without a new name
MOST_NAMES = 1_000_000
_PART = 1000
_NAME_WEIGHT, _PAGE_WEIGHT = 130, 150  # bytes of memory, besides the characters
OnUnusable = t.Callable[[str], None]
Names = tuple[str, ...]
_CATALOG_SCOPES = ("registry:catalog:*",)


def _pages(
    api: RepositoryApi, target: Target, key: str, scopes: tuple[str, ...] | None, on_unusable: OnUnusable | None
) -> t.Iterator[Names]:
    page, in_parts = _first_page(api, target, key, scopes)
    seen = Visited()
    seen.add(target)
    unusable = 0
    while True:
        unusable += len(page.unusable)
        for name in page.unusable:
            if on_unusable is None or unusable > MAX_UNUSABLE:
                raise RegistryError(
                    f"The list of {api.name} contains {name}, which is not a valid name and cannot be read.",
                    "invalid_response",
                    reference=api.name,
                )
            on_unusable(name)
        yield page.names
        following = page.following
        if following is None and in_parts and page.count >= _PART:
            # A full part without a word of a next one may be the last, or that of a registry that writes no Link.
            if not page.names:
                raise _endless(api.name, "gives no name to continue from")
            following = target.with_query(f"n={_PART}&last={quote(page.names[-1], safe='/')}")
            if not seen.add(following):
                return
        elif following is not None and not seen.add(following):
            raise _endless(api.name, "names the same page again")
        if following is None:
            return
        page = _further_page(api, following, key, scopes)


def _first_page(api: RepositoryApi, target: Target, key: str, scopes: tuple[str, ...] | None) -> tuple[Page, bool]:
    """Return the first page of a list, and whether it was asked for in parts, since as a whole it is too large."""
    try:
        return read_page(api, target, key, scopes), False
    except RegistryError as error:
        if error.kind != "limit":
            raise
        return read_page(api, target.with_query(f"n={_PART}"), key, scopes), True


def _further_page(api: RepositoryApi, target: Target, key: str, scopes: tuple[str, ...] | None) -> Page:
    """Return a page that the one before named: that it is missing, or not allowed, does not mean that there is no list."""
    try:
        return read_page(api, target, key, scopes)
    except RegistryError as error:
        if error.kind not in ("not_found", "unsupported"):
            raise
        raise RegistryError(
            f"The list of {api.name} is not complete: a page of it is missing. {error.message}",
            "invalid_response",
            error.status,
            error.code,
            api.exchange.registry,
            api.name,
        ) from None


def _endless(name: str, fault: str) -> RegistryError:
    return RegistryError(f"The list of {name} does not end: the registry {fault}.", "invalid_response", reference=name)


def weigh_names(names: t.Sequence[str]) -> int:
    """Return how many bytes of memory a list of ``names`` takes, together with a set of them."""
    return _NAME_WEIGHT * len(names) + sum(map(len, names))


def keep_names(names: t.Iterable[str], budget: Budget, of: str) -> list[str]:
    """Return a list of ``names``, charged to ``budget`` for as long as somebody has it."""
    kept = Kept(names)
    budget.hold(kept, weigh_names(kept), f"The list of {of}")
    return kept


def _fresh(pages: t.Iterable[Names], budget: Budget, of: str) -> t.Iterator[Names]:
    """Yield of each page the names that were on none before."""
    seen: set[str] = set()
    charged = 0
    try:
        for names in pages:
            fresh = tuple(name for name in dict.fromkeys(names) if name not in seen)
            weight = _PAGE_WEIGHT + weigh_names(fresh)
            budget.take(weight, f"The list of {of}")
            charged += weight
            seen.update(fresh)
            if len(seen) > MOST_NAMES:
                raise RegistryError(f"The list of {of} has more than {MOST_NAMES} names.", "limit", reference=of)
            yield fresh
    finally:
        budget.give_back(charged)


def _unique(pages: t.Iterable[Names], wanted: t.Callable[[str], bool], limit: int | None, budget: Budget, of: str) -> t.Iterator[str]:
    """Yield each name that is ``wanted`` once, up to ``limit``."""
    count = barren = 0
    for fresh in _fresh(pages, budget, of):
        barren = 0 if fresh else barren + 1
        if barren >= MOST_BARREN:
            raise _endless(of, f"gives {MOST_BARREN} pages without a new name")
        for name in fresh:
            if not wanted(name):
                continue
            if limit is not None and count >= limit:
                return
            count += 1
            yield name
        if limit is not None and count >= limit:
            return


def iter_tags(
    api: RepositoryApi, last: str | None = None, limit: int | None = None, on_unusable: OnUnusable | None = None
) -> t.Iterator[str]:
    """Yield the tags of the repository in the registry's order; ``n`` is not sent where it is not needed, some registries refuse it.

    Listed names that no tag can have are handed to ``on_unusable``; without it they are an error.
    """
    query = f"?last={quote(last, safe='')}" if last else ""
    pages = _pages(api, api.url(f"tags/list{query}"), "tags", None, on_unusable)
    return _unique(
        pages, lambda name: last is None or name > last, limit, api.exchange.budget, api.name
    )  # some ignore last, and start from the first name


def is_unlisted(api: RepositoryApi, tag: str, error: RegistryError) -> bool:
    """Tell whether ``error``, of a look at a tag, means that it is absent: some registries deny what is not there, but do not list it either."""
    if error.kind != "denied" or isinstance(error, TokenRefused):
        return False
    try:
        return tag not in iter_tags(api, on_unusable=lambda name: None)
    except NotFound:
        return True
    except RegistryError:
        return False


def iter_repositories(exchange: Exchange, scope: str = "", last: str | None = None, limit: int | None = None) -> t.Iterator[str]:
    """Yield the full names of the repositories at or under ``scope``; raises ``unsupported`` without a catalog.

    One warning each tells of names that no repository can have.
    """
    exchange.introduce()
    api = RepositoryApi(exchange, "", _CATALOG_SCOPES)
    query = f"?last={quote(f'{scope}/{last}' if scope else last, safe='/')}" if last else ""
    target = exchange.base.join(f"/v2/_catalog{query}", "The address")
    after = (f"{scope}/{last}" if scope else last) if last else None
    pages = _pages(api, target, "repositories", _CATALOG_SCOPES, exchange.warner("the repositories"))

    def wanted(name: str) -> bool:
        return (not scope or name == scope or name.startswith(f"{scope}/")) and (after is None or name > after)

    try:
        yield from _unique(pages, wanted, limit, exchange.budget, exchange.registry)
    except RegistryError as error:
        if not _lacks_catalog(exchange.registry, error):
            if error.kind in ("unauthorized", "denied"):
                error.message = f"{error.message} Many registries show their catalog only to administrators."
            raise
        raise RegistryError(
            f"The registry {exchange.registry} has no catalog of its repositories: list them in the task.",
            "unsupported",
            error.status,
            error.code,
            exchange.registry,
        ) from None


def _lacks_catalog(registry: str, error: RegistryError) -> bool:
    """Tell whether a failed listing means that there is no catalog; Docker Hub has none and says that access is denied."""
    return (
        isinstance(error, NotFound) or error.kind == "unsupported" or (registry == DOCKER_HUB and error.kind in ("unauthorized", "denied"))
    )
