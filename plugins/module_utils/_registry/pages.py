# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single pages of the lists of the distribution specification: the names on them, and where the next one is."""

from __future__ import annotations

import hashlib
import re
import typing as t
from dataclasses import dataclass

from .._core.errors import RegistryError
from .._core.json import check_spelling, load_object
from .._core.scrub import clean
from .._http.answers import is_page
from .._http.headers import parse_next_link
from .._http.origin import Target
from .._http.token_server import Scopes
from .._http.transport import Answer
from .._oci.reference import check_repository, check_tag
from .api import RepositoryApi

MAX_PAGE = 8 * 1024 * 1024
MAX_NAMES = 1_000_000  # on a page
MAX_UNUSABLE = 1000
_SAY_MORE = frozenset(
    {
        "next",
        "nexttoken",
        "nextpage",
        "nextpagetoken",
        "continuationtoken",
        "truncated",
        "istruncated",
        "hasmore",
        "hasadditional",
        "hasnext",
    }
)
_DIGEST = re.compile(r"sha[0-9]{3}:[0-9a-f]+", re.ASCII)


@dataclass(frozen=True)
class Page:
    """One page of a list of ``count`` entries, and where the next one is; ``unusable`` names break the grammar and stand in no address."""

    names: tuple[str, ...]
    following: Target | None
    unusable: tuple[str, ...] = ()
    count: int = 0


class Visited:
    """The pages of a list that were read: of their addresses, which may be very long, it keeps digests."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def add(self, target: Target) -> bool:
        """Enter a page; return False where it was read before."""
        before = len(self._seen)
        self._seen.add(hashlib.blake2b(target.url.encode(), digest_size=16).digest())
        return len(self._seen) > before

    def __len__(self) -> int:
        return len(self._seen)


def read_page(api: RepositoryApi, target: Target, key: str, scopes: Scopes | None = None) -> Page:
    """Return one page of tags or repositories; null is an empty list.

    Some registries list digests among the tags: those are left out.
    """
    what = f"A page of the {key} of {api.name}"
    answer = api.exchange.send("GET", target, scopes or api.scopes, api.repository, reference=api.name, whole=(MAX_PAGE, what))
    if answer.status != 200:
        raise api.failure(answer, f"Listing the {key} of {api.name}")
    raw = answer.read_all(MAX_PAGE, what)
    if is_page(answer.content_type, raw):
        raise api.exchange.page_failure(answer, f"Listing the {key} of {api.name}", api.name)
    with api.exchange.budget.parsing(raw, what):
        document = load_object(raw, MAX_PAGE, what, values=MAX_NAMES)
    check_spelling(document, ("name", key), what)
    if not {key, "name" if key == "tags" else key} & document.keys():
        raise RegistryError(f"{what} is not a list of {key}: check that {api.exchange.registry} is a registry.", "invalid_response")
    names = document.get(key)
    names = [] if names is None else names
    if not isinstance(names, list):
        raise RegistryError(f"{what} is no list.", "invalid_response")
    api.exchange.shown = True
    usable, unusable = _sort_names(names, check_tag if key == "tags" else check_repository, what)
    following = next_page(api, answer)
    _check_whole(document, following is None, api, what)
    return Page(usable, following, unusable, len(names))


def _check_whole(document: dict[str, t.Any], is_last: bool, api: RepositoryApi, what: str) -> None:
    """Refuse a page that says that it is not what was asked for: a list must not be taken for the whole then."""
    if document.get("errors"):
        raise _broken(api, f"{what} reports an error instead of the whole list.")
    says_more = [name for name, value in document.items() if _is_true(value) and name.lower().replace("_", "") in _SAY_MORE]
    if is_last and says_more:
        where = f"by {clean(says_more[0], 30)} in its content, but not where: it must send a Link header."
        raise _broken(api, f"{api.exchange.registry} says that the list of {api.name} has another page, {where}")


def _broken(api: RepositoryApi, message: str) -> RegistryError:
    """Return the error of a page that cannot be gone on from, although its status says that all is well."""
    return RegistryError(message, "invalid_response", 200, None, api.exchange.registry, api.name)


def next_page(api: RepositoryApi, answer: Answer) -> Target | None:
    """Return where a list goes on, as its last page says; another host is not asked."""
    header = answer.headers.get("Link")
    try:
        link = parse_next_link(header)
    except ValueError as error:
        why = f"but its Link header cannot be read, since {error}: {clean(header or '', 100)}"
        raise _broken(api, f"{api.exchange.registry} says that the list of {api.name} has another page, {why}") from None
    if link is None:
        return None
    target = answer.target.join(link, f"The next page that {api.exchange.registry} names")
    if target.origin != answer.target.origin:
        ours, theirs = answer.target.origin, target.origin
        proxy = "If a proxy is in front of the registry, it must"
        other = f"on {theirs.authority}: another host is not allowed"
        if theirs.host == ours.host and theirs.scheme != ours.scheme:
            other = f"over {theirs.scheme}, not {ours.scheme}: another scheme is not allowed. {proxy} send X-Forwarded-Proto: {ours.scheme}"
        elif theirs.host == ours.host:
            other = f"on {theirs.authority}: another port is not allowed. {proxy} pass on the Host header with the port {ours.port}"
        raise RegistryError(
            f"{ours.authority} names the next page of a list {other}.",
            "untrusted_target",
            None,
            None,
            api.exchange.registry,
            api.name,
        )
    return target


def _is_true(value: t.Any) -> bool:
    return value.strip().lower() not in ("", "false", "null", "none", "0") if isinstance(value, str) else bool(value)


def _sort_names(names: t.Sequence[t.Any], check: t.Callable[[str], str], what: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names on a page that pass ``check``, and those that do not, made fit to be shown; digests and null are passed over."""
    usable: list[str] = []
    unusable: list[str] = []
    for name in names:
        if name is None or (isinstance(name, str) and _DIGEST.fullmatch(name)):
            continue
        try:
            usable.append(check(name if isinstance(name, str) else ""))
        except RegistryError:
            if len(unusable) == MAX_UNUSABLE:
                raise RegistryError(f"{what} contains more than {MAX_UNUSABLE} invalid names.", "invalid_response") from None
            unusable.append(clean(ascii(name), 150))
    return tuple(usable), tuple(unusable)
