# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a registry: is it there, do the credentials work, what does its certificate say, how much may be asked."""

from __future__ import annotations

import re
import typing as t

from .._core.errors import RegistryError
from .._core.scrub import clean
from .._http.answers import is_registry_root
from .._http.certificate import Certificate
from .._http.challenge import Challenge, parse_challenges
from .._http.exchange import Exchange
from .._http.transport import Answer
from .._oci.host import DOCKER_HUB
from .api import ACCEPT, RepositoryApi
from .results import Result

_SUPPORTED = ("bearer", "basic")
# Docker Hub tells its limit only with an image, and keeps one to ask for that counts nothing.
_HUB_SAMPLE = "ratelimitpreview/test"


def look_at_registry(exchange: Exchange, scope: str = "") -> Result:
    """Return what the registry's root tells; raises what keeps it from being used, wrong credentials among it.

    Credentials may be for the repositories below ``scope`` alone.
    """
    answer, challenge, authenticated = _look(exchange, scope)
    certificate = exchange.transport.certificate
    return {
        "reachable": True,
        "authenticated": authenticated,
        "auth_scheme": clean(challenge.scheme, 60) if challenge else None,
        "realm": clean(challenge.parameters.get("realm", ""), 1000) or None if challenge else None,
        "api_version": clean(answer.headers.get("Docker-Distribution-Api-Version", ""), 60) or None,
        "tls": vars(Certificate.parse(certificate)) if certificate else None,
        "rate_limit": _rate_limit(exchange, answer),
    }


def check_credentials(exchange: Exchange, scope: str = "") -> bool:
    """Return whether the registry asked for the credentials and took them; False where it asks nobody. Wrong ones raise ``unauthorized``."""
    return _look(exchange, scope)[2]


def _look(exchange: Exchange, scope: str) -> tuple[Answer, Challenge | None, bool]:
    """Return the answer of the registry's root, how it asks for credentials, and whether it took those that are there."""
    credentials = exchange.credentials(scope)
    answer = exchange.send("GET", exchange.base, (), scope) if credentials else exchange.greet()
    _check(exchange, answer, scope, credentials is not None)
    challenge = exchange.challenge or _read_challenge(answer)
    if challenge is None and credentials and credentials.registry_token:
        asked = exchange.greet()  # a ready token went along unasked
        asked.finish()
        challenge = _read_challenge(asked)
    return answer, challenge, answer.status == 200 and credentials is not None and challenge is not None


def _check(exchange: Exchange, answer: Answer, scope: str, known: bool) -> None:
    """Refuse what no registry answers at its root, and let go of the answer."""
    if answer.status not in (200, 404) and (known or answer.status != 401):
        raise exchange.failure(answer, f"Looking at the registry {exchange.registry}", exchange.registry, scope)
    strange = answer.status == 404 or (answer.status == 200 and not exchange.shown and not is_registry_root(answer))
    answer.finish()
    if strange:
        raise RegistryError(
            f"{exchange.registry} does not look like a registry (status {answer.status} at /v2/): check its name, and that no proxy "
            "or sign-in page is in front of it.",
            "invalid_response",
            answer.status,
            None,
            exchange.registry,
        )


def _read_challenge(answer: Answer) -> Challenge | None:
    if answer.status != 401:
        return None
    offered = {challenge.scheme: challenge for challenge in reversed(parse_challenges(answer.headers.get("WWW-Authenticate", "")))}
    return next((offered[scheme] for scheme in (*_SUPPORTED, *offered) if scheme in offered), None)


def _rate_limit(exchange: Exchange, answer: Answer) -> Result | None:
    told = _read_limit(answer.headers)
    if told is None and exchange.registry == DOCKER_HUB:
        api = RepositoryApi(exchange, _HUB_SAMPLE, (f"repository:{_HUB_SAMPLE}:pull",))
        try:
            sample = api.send("HEAD", api.url("manifests/latest"), headers={"Accept": ACCEPT})
        except RegistryError:
            return None  # the registry itself is fine
        sample.finish()
        told = _read_limit(sample.headers)
    return told


def _read_limit(headers: t.Mapping[str, str]) -> Result | None:
    values = {key: re.match(r"[0-9]{1,15}", headers.get(f"RateLimit-{key.title()}", ""), re.ASCII) for key in ("limit", "remaining")}
    if not any(values.values()):
        return None
    return {key: int(match.group()) if match else None for key, match in values.items()}
