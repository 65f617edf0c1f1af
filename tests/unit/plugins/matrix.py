# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module with a task of its own, and everything that a registry can do to it: for tests of what holds for all modules."""

from __future__ import annotations

import base64
import typing as t
from pathlib import Path

from ansible.module_utils.common import parameters
from ansible_collections.ocitools.registry.tests.unit.plugins import images, signing
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import plugin
from ansible_collections.ocitools.registry.tests.unit.registry.fake import FakeRegistry
from ansible_collections.ocitools.registry.tests.unit.registry.faults import Rule, error_body
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Headers, Recorded
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer

Options = dict[str, t.Any]
Spoil = t.Callable[[Rule], object]

FOLDER = Path(__file__).resolve().parents[3] / "plugins" / "modules"
MODULES = sorted(path.stem for path in FOLDER.glob("*.py"))
OFFLINE = ("registry_archive_info",)  # they need no registry
ONLINE = [module for module in MODULES if module not in OFFLINE]
READERS = (
    "registry_archive_info",
    "registry_image_info",
    "registry_info",
    "registry_preflight",
    "registry_repository_info",
    "registry_tag_info",
    "registry_verify",
)
SIGNING_KEY = signing.private_pem(signing.make_key())


PAIR = {"username": "canary-user", "password": "c4nary-of-the-login"}


def fill(registry: FakeRegistry) -> None:
    """Put in what the tasks of ``task`` need."""
    registry.add_image("app", "1", config={"config": {"Labels": {"team": "blue"}}})
    registry.add_image("app", "old")


def _titled(registry: FakeRegistry) -> dict[str, t.Any]:
    """A file of an artifact in the registry."""
    return {**registry.add_blob("app", b"text", "text/plain"), "annotations": {"org.opencontainers.image.title": "a.txt"}}


def task(module: str, registry: FakeRegistry, folder: Path) -> Options:
    """Return the options, without those of the connection, of a task that does something with ``app``."""
    if module == "registry_archive_info":
        return {"path": images.write_layout(folder / "layout", images.multi_arch())}
    if module == "registry_push":
        return {"name": "app:new", "path": images.write_docker_archive(folder / "app.tar", images.image(layers=["one"]))}
    if module == "registry_artifact":
        return {
            "name": "app:files",
            "subject": "app:1",
            "files": [{"path": images.write_bytes(folder / "a.txt", b"text"), "title": "b.txt"}],
        }
    if module == "registry_artifact_pull" and registry.tags("app"):
        registry.add_referrer("app", registry.tags("app")["1"], layers=[_titled(registry)])
    known: dict[str, Options] = {
        "registry_artifact_pull": {"subject": "app:1", "dest": str(folder / "files")},
        "registry_copy": {"src": registry.name("app:1"), "dest": registry.name("copy:1")},
        "registry_extract": {"name": "app:1", "paths": ["/"], "dest": str(folder / "extracted")},
        "registry_image_info": {"name": ["app:1"], "details": "config", "referrers": True},
        "registry_index": {"name": "app:all", "images": ["app:1", {"name": "app:old", "platform": "linux/arm64"}]},
        "registry_info": {},
        "registry_preflight": {"images": ["app:1", {"name": "app:old"}], "problems": "report"},
        "registry_login": {"auth_file": str(folder / "auth.json"), **(registry.auth.credentials() or PAIR)},
        "registry_prune": {"name": "app", "keep_within": "1d", "include": ["^old$"]},
        "registry_pull": {"name": "app:1", "path": str(folder / "pulled")},
        "registry_repository_info": {},
        "registry_sign": {"name": "app:1", "signing_key": SIGNING_KEY},
        "registry_sync": {
            "dest_registry": registry.name("mirror"),
            "images": [registry.name("app:1"), {"src": registry.name("app"), "newest": 1, "sort": "created", "referrers": True}],
        },
        "registry_tag": {"name": "app:1", "tags": ["2"]},
        "registry_tag_delete": {"name": "app:old"},
        "registry_tag_info": {"name": "app", "details": "config"},
        "registry_verify": {"name": ["app:1"], "keys": [signing.KEYS["p256"]], "unverified": "report"},
    }
    return known[module]


def verbose(options: Options) -> Options:
    """Return a task's options as Ansible hands them over with ``-vvvv`` and tracebacks, as far as this version knows these words."""
    words = {"verbosity": 4, "debug": True, "inject_invocation": True, "tracebacks_for": ["error", "warning", "deprecated"]}
    return {**options, **{f"_ansible_{word}": value for word, value in words.items() if word in parameters.PASS_VARS}}


def argument_spec(module: str) -> dict[str, dict[str, t.Any]]:
    """Return the argument specification of a module, connection options among it."""
    body = plugin(f"module_utils._tasks.{module.partition('_')[2]}")
    return {**plugin("module_utils._tasks.options").connection_spec(), **body.OPTIONS}


# Registries that spoil their answers


def _told(request: Recorded) -> str:
    """What a request told that nobody else should know: its Authorization header, as it came and decoded."""
    header = request.headers.get("Authorization") or "nothing"
    try:
        decoded = base64.b64decode(header.partition(" ")[2]).decode("utf-8", "ignore")
    except ValueError:
        decoded = ""
    return f"{header} {decoded}"


def _add_many_headers(answer: Answer) -> None:
    for number in range(200):
        answer.headers.add(f"X-{number}", "y")


def _echo(status: int, name: str = "") -> Spoil:
    """Answer with what the request told, in the body or in a header."""

    def answer(request: Recorded) -> Answer:
        told = _told(request).replace("\r", "").replace("\n", "")
        headers = Headers([("Content-Type", "application/json")])
        if name:
            raw = told.encode().decode("latin-1")  # the bytes of UTF-8
            headers.set(name, raw if name != "Warning" else f'299 - "{raw}"')
        return Answer(status, headers, error_body("UNKNOWN", f"I was told {told}", {"again": told}))

    return lambda rule: rule.call(answer)


FAULTS: dict[str, Spoil] = {
    "silence": lambda rule: rule.silence(),
    "reset": lambda rule: rule.reset(),
    "drop": lambda rule: rule.drop(),
    "raw nonsense": lambda rule: rule.raw(b"no HTTP at all\r\n\r\n"),
    "a chunk of less than nothing": lambda rule: rule.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nabc\r\n0\r\n\r\n"),
    "truncate": lambda rule: rule.truncate(3),
    "truncate and reset": lambda rule: rule.truncate(3, reset=True),
    "truncated chunks": lambda rule: rule.chunked().truncate(3),
    "flip": lambda rule: rule.change(lambda answer: answer.replace(bytes(byte ^ 0xFF for byte in answer.content()))),
    "append": lambda rule: rule.append(b"more"),
    "gzip": lambda rule: rule.gzip(),
    "empty body": lambda rule: rule.body(b""),
    "not UTF-8": lambda rule: rule.body(b"\xff\xfe{}"),
    "wrong length": lambda rule: rule.headers({"Content-Length": "99"}),
    "garbage digest": lambda rule: rule.headers({"Docker-Content-Digest": "sha256:../../x"}),
    "web page": lambda rule: rule.html(200),
    "error page": lambda rule: rule.html(502),
    "bad gateway": lambda rule: rule.answer(502),
    "not found": lambda rule: rule.answer(404, code="MANIFEST_UNKNOWN"),
    "denied": lambda rule: rule.answer(403, code="DENIED"),
    "refused": lambda rule: rule.answer(401),
    "refused oddly": lambda rule: rule.answer(401, {"WWW-Authenticate": 'Bearer realm="'}),
    "rate limit": lambda rule: rule.answer(429, {"Retry-After": "9999"}),
    "redirect": lambda rule: rule.redirect("http://169.254.169.254/latest/meta-data"),
    "redirect with a secret": lambda rule: rule.call(
        lambda request: Answer(307, Headers([("Location", f"http://x/?{_told(request)}".encode().decode("latin-1"))]))
    ),
    "unknown status": lambda rule: rule.status(299),
    "early end": lambda rule: rule.answer(413).early(),
    "many headers": lambda rule: rule.change(_add_many_headers),
    "an error that echoes": _echo(400),
    "a refusal that echoes": _echo(403),
    "a fault that echoes": _echo(500),
    "a conflict that echoes": _echo(409),
    "an answer that echoes": _echo(200),
    "a warning that echoes": _echo(200, "Warning"),
    "a type that echoes": _echo(200, "Content-Type"),
    "a digest that echoes": _echo(200, "Docker-Content-Digest"),
    "a location that echoes": _echo(202, "Location"),
    "a range that echoes": _echo(202, "Range"),
    "a link that echoes": _echo(200, "Link"),
    "a challenge that echoes": _echo(401, "WWW-Authenticate"),
    "a wait that echoes": _echo(429, "Retry-After"),
}
