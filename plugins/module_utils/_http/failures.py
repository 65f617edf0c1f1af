# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say why a host gave no answer that can be used: the reasons that libraries have, in one sentence."""

from __future__ import annotations

import socket
import ssl
import typing as t

from .._core.errors import RegistryError
from .._core.scrub import clean
from . import sockets
from .origin import Origin
from .proxies import describe_proxy, proxy_refusal, tunnel_status

_DATES = (9, 10)  # OpenSSL's codes for a certificate that is not yet valid, or not any more
_REFUSALS = (  # what OpenSSL calls why servers refuse a handshake
    ("CERTIFICATE_REQUIRED", "requires a client certificate: set client_cert and client_key"),
    (
        "HANDSHAKE_FAILURE",
        "refuses the TLS handshake: it may require a client certificate (set client_cert), or have no cipher that this host uses",
    ),
    ("PROTOCOL_VERSION", "has no version of TLS that is safe: it must offer 1.2 or newer"),
    ("UNSUPPORTED_PROTOCOL", "has no version of TLS that is safe: it must offer 1.2 or newer"),
    ("UNRECOGNIZED_NAME", "has no TLS certificate for this name: check the name of the registry"),
)
_OF_CLIENTS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")  # alerts about what the client has shown


def _causes(error: BaseException) -> t.Iterator[BaseException]:
    """Yield an exception and all that it carries: libraries wrap the socket's own error several times."""
    pending: list[t.Any] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            pending += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]


def describe_failure(error: BaseException, origin: Origin, proxy: str = "", plain_http: str = "") -> RegistryError:
    """Return the error that says in one sentence why ``origin``, asked through ``proxy`` (``host:port``), gave no answer.

    ``plain_http`` is the option by which the task can reach it without TLS, "" where there is none.
    """
    where = origin.authority
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, RegistryError):
            return cause
    refused = tunnel_status(causes) if proxy else None
    if refused is not None:
        return proxy_refusal(proxy, where, refused)
    failure = _describe_certificate(causes, where) or _describe_tls(causes, where, plain_http) or _describe_lookup(causes, where)
    if failure is not None:
        return failure
    by = f", asked through the proxy {proxy}," if proxy else ""
    text = " ".join(str(cause) for cause in causes).lower()
    if any(isinstance(cause, (socket.timeout, TimeoutError)) for cause in causes) or "timed out" in text:
        return RegistryError(
            f"{where}{by} did not respond in time: it sent nothing, or too little, within the timeout. If it needs longer, set timeout.",
            "timeout",
            passing=True,
        )
    if any(map(sockets.is_no_http, causes)):
        tls = ", and whether it uses TLS" if origin.scheme == "http" else ""
        return RegistryError(f"{where}{by} does not use HTTP: check the port{tls}.", "network", passing=True)
    if any(map(sockets.is_oversized, causes)):
        return RegistryError(
            f"{where}{by} sent more headers than can be read (100), or longer ones (64 KiB): check what proxies add.", "invalid_response"
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return RegistryError(f"{where} refuses connections: check the port, and that the registry is running.", "network", passing=True)
    why = next(filter(None, map(sockets.why_unreachable, causes)), "")
    if why:
        return RegistryError(f"{where} cannot be reached ({why}): check its address, the network and firewalls.", "network", passing=True)
    return RegistryError(f"The connection to {where}{by} broke before the response was complete.", "network", passing=True)


def describe_proxy_failure(error: Exception, host: str, port: int) -> RegistryError:
    """Return the error that says why a proxy was not reached."""
    proxy = f"{host}:{port}"
    causes = list(_causes(error))
    return _describe_certificate(causes, proxy) or describe_proxy(causes, proxy)


def _describe_certificate(causes: t.Sequence[BaseException], where: str) -> RegistryError | None:
    for cause in causes:
        # urllib3 1 compares host names itself, and says so in an error of its own.
        if isinstance(cause, ssl.SSLCertVerificationError) or type(cause).__name__ == "CertificateError":
            reason = clean(getattr(cause, "verify_message", "") or str(cause), 200).rstrip(".") or "it cannot be verified"
            advice = "Set ca_path to the certificate authority that issued it"
            if "match" in reason:
                advice = "Use a name that the certificate contains"
            elif getattr(cause, "verify_code", 0) in _DATES:
                advice = "Renew the certificate, or correct the clock of this host"
            return RegistryError(f"The TLS certificate of {where} is not trusted: {reason}. {advice}.", "tls")
    return None


def _describe_tls(causes: t.Sequence[BaseException], where: str, plain_http: str) -> RegistryError | None:
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            if "WRONG_VERSION_NUMBER" in str(cause) or "RECORD_LAYER_FAILURE" in str(cause):
                advice = f": if it really uses plain HTTP, set {plain_http}: true" if plain_http else ""
                return RegistryError(f"{where} does not use TLS{advice}.", "tls")
            for word, fault in _REFUSALS:
                if word in str(cause.reason):
                    return RegistryError(f"{where} {fault}.", "tls")
            if "ALERT" in str(cause.reason) and any(word in str(cause.reason) for word in _OF_CLIENTS):
                return RegistryError(
                    f"{where} does not accept the client certificate ({cause.reason}): check client_cert, and who issued it.", "tls"
                )
            return RegistryError(f"The TLS connection to {where} failed: {cause.reason or 'handshake refused'}.", "tls")
    return None


def _describe_lookup(causes: t.Sequence[BaseException], where: str) -> RegistryError | None:
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return RegistryError(
                f"The host name {where} cannot be resolved: check its spelling, and the DNS servers.",
                "network",
                passing=cause.errno == socket.EAI_AGAIN,
            )
    return None
