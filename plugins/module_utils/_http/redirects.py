# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which redirects are followed, and what is said of those that lead to nothing."""

from __future__ import annotations

import typing as t

from .._core.errors import RegistryError
from .origin import Origin
from .transport import Answer


def check_redirect(method: str, answer: Answer, target: Origin, plain_http: str) -> None:
    """Refuse a redirect to ``target`` that a request with this ``method`` must not follow.

    Of writes only those are followed that stay where they are and keep the content. ``plain_http`` is what the task calls that option.
    """
    own = answer.target.origin
    if method in ("GET", "HEAD") or (answer.status in (307, 308) and target == own):
        return
    reason = f"content is never sent to another host after a redirect{_advise_tls(own, target, plain_http)}."
    if target == own:
        reason = (
            f"with status {answer.status} the content would be lost. Check that this is the registry, and that no proxy or sign-in "
            "page is in front of it."
        )
    raise RegistryError(f"{own.authority} redirects a {method} to {target.authority}: {reason}", "untrusted_target", answer.status)


def _advise_tls(registry: Origin, target: Origin, plain_http: str) -> str:
    """Return the end of a sentence for a ``registry`` over http that redirects to itself over TLS, "" for any other target."""
    upgraded = (registry.scheme, target.scheme) == ("http", "https") and registry.host == target.host
    return f". The registry uses TLS: leave out {plain_http}" if upgraded else ""


Facts = tuple[int, t.Optional[str], str, t.Optional[str]]  # status, code, registry and reference


def refused_elsewhere(action: str, answer: Answer, registry: Origin, plain_http: str, told: str, facts: Facts) -> RegistryError:
    """Return the error of an ``answer`` from another host, to which the ``registry`` redirected.

    An address that was signed for a while may have run out: the registry gives another one.
    """
    other = answer.target.origin
    return RegistryError(
        f"{action} failed: {other.authority}, where the registry redirected to{answer.way}, refused{told}"
        f"{_advise_tls(registry, other, plain_http)}.",
        "server",
        *facts,
        passing=answer.status in (400, 403),
    )
