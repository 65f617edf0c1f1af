# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masking on purpose made hard: by cuts, by escapes, by tokens that are words of ours, by keys that mean something to ansible-core."""

from __future__ import annotations

import base64
import json
import re
import time
import typing as t

import pytest
import yaml
from ansible_collections.ocitools.registry.plugins.module_utils._core.errors import KINDS
from ansible_collections.ocitools.registry.plugins.module_utils._core.scrub import MASK, Scrubber, clean, cut, is_secret, plain_data, quoted
from ansible_collections.ocitools.registry.tests.unit.plugins import matrix
from ansible_collections.ocitools.registry.tests.unit.plugins.clients import MakeRegistry
from ansible_collections.ocitools.registry.tests.unit.plugins.harness import RunModule, plugin
from ansible_collections.ocitools.registry.tests.unit.registry.auth import Basic, IssuedToken, TokenAuth
from ansible_collections.ocitools.registry.tests.unit.registry.journal import Headers
from ansible_collections.ocitools.registry.tests.unit.registry.wire import Answer


def scrubber(*secrets: str) -> Scrubber:
    made = Scrubber()
    for secret in secrets:
        made.add(secret)
    return made


@pytest.mark.parametrize("shown", [clean, quoted, cut])
@pytest.mark.parametrize("place", range(88, 124))
def test_t49_no_cut_takes_a_part_of_a_secret_before_it_is_masked(shown: t.Callable[[str, int], str], place: int) -> None:
    secret = "Zk9-Qw7_Xy5/Vb3+Nm1=Lk8,Jh7;"
    known = scrubber(secret)
    for text in (
        secret,
        json.dumps(secret)[1:-1].replace("+", "\\u002B").replace("=", "\\u003d"),
        base64.b64encode(secret.encode()).decode(),
    ):
        line = known.text(shown("x" * place + text + "y" * 200, 120))
        assert not any(text[:length] in line for length in range(4, len(text)))
        assert len(line) <= 125


def test_t49_text_is_cut_by_the_functions_that_mask_and_by_no_format() -> None:
    folder = matrix.FOLDER.parent
    cutting = [str(path) for path in folder.rglob("*.py") if re.search(r"\{[^{}]*(?:![ars]:|:)\.[0-9]+s?\}", path.read_text())]
    assert cutting == []


def test_t49_secrets_of_another_task_of_the_process_do_not_spoil_the_masking() -> None:
    known, other = scrubber("Zk9-Qw7_Xy5.Vb3.Nm1"), scrubber("Qw7_Xy5.")
    for shown in (clean, cut, quoted):
        assert "Zk9" not in known.text(shown(f"{'x' * 60}Zk9-Qw7_Xy5.Vb3.Nm1{'y' * 90}", 100))
    other.retire()
    known.retire()
    assert "Qw7_Xy5." in cut(f"Qw7_Xy5.{'y' * 90}", 50)


@pytest.mark.parametrize(
    "spelling",
    [
        r"Zk9\u002BQw7\u002fXy5\u003d\u003D\u0026Vb3",
        r"Zk9\u002bQw7\/Xy5\u003d\u003d\u0026Vb3",
        r"Zk9\x2bQw7\x2FXy5\x3d\x3d\x26Vb3",
        r"Zk9\u{2b}Qw7/Xy5\75\075==&Vb3".replace(r"\75\075", ""),
        "Zk9&#x2B;Qw7&#x2F;Xy5&#x3D;&#x3d;&amp;Vb3",
        "Zk9&#43;Qw7&#47;Xy5&#61;&#061;&#38;Vb3",
        "Zk9&plus;Qw7&sol;Xy5&equals;&equals;&AMP;Vb3",
        "Zk9%2BQw7%2fXy5%3D%3d%26Vb3",
        "Zk9%252BQw7%252fXy5%253D%253d%2526Vb3",
        r"Zk9\\u002BQw7\\u002fXy5\\u003d\\u003D\\u0026Vb3",
        "".join(f"\\u{ord(char):04X}" for char in "Zk9+Qw7/Xy5==&Vb3"),
        "".join(f"&#{ord(char)};" for char in "Zk9+Qw7/Xy5==&Vb3"),
        "".join(f"%{ord(char):02x}" for char in "Zk9+Qw7/Xy5==&Vb3"),
        r"Zk9\x{2b}Qw7\x{2F}Xy5\x{3d}\x{3d}\x{26}Vb3",
        f"Zk9&#{'0' * 20}43;Qw7&#x{'0' * 20}2f;Xy5\\u{{{'0' * 20}3d}}&#{'0' * 900}61;&amp;Vb3",
        "Zk9%u002BQw7%u002fXy5%u003D%u003d%u0026Vb3",
        r"Zk9\+Qw7\/Xy5\=\=\&Vb3",
        "Zk9&amp;#43;Qw7&amp;#47;Xy5&amp;#61;&amp;#61;&amp;amp;Vb3",
    ],
)
def test_t49_escapes_of_any_writer_are_undone(spelling: str) -> None:
    known = scrubber("Zk9+Qw7/Xy5==&Vb3")
    assert known.text(f"a \u00e4 &lt;b {spelling} c &gt; %20d") == f"a \u00e4 &lt;b {MASK} c &gt; %20d"


def test_t49_the_pair_of_user_and_password_is_masked_with_escapes() -> None:
    pair = base64.b64encode(b"user:>>~?\xfb\xff\xfesecret").decode()
    assert "+" in pair
    assert "/" in pair
    for plus, slash, equals in (("\\u002B", "\\/", "\\u003d"), ("&#x2B;", "&#x2F;", "&#x3D;")):
        text = pair.replace("+", plus).replace("/", slash).replace("=", equals)
        assert scrubber(pair).text(f"Basic {text}") == f"Basic {MASK}"


def test_t49_a_part_of_a_secret_without_its_end_is_masked() -> None:
    secret = "Zk9-Qw7_Xy5.Vb3.Nm1.Lk8.Jh7"
    for length in range(21, len(secret)):
        assert scrubber(secret).text(f"<{secret[:length]}> and more") == f"<{MASK}> and more"


# T46: words of our own

OWN = {
    "failed": True,
    "changed": False,
    "exists": True,
    "error": {"kind": "unauthorized", "status": 401, "code": "DENIED", "registry": None, "reference": None},
    "images": [
        {
            "digest": f"sha256:{'0123456789abcdef' * 4}",
            "media_type": "application/vnd.oci.image.manifest.v1+json",
            "platform": "linux/arm64/v8",
        }
    ],
    "invocation": {"module_args": {"existing": "overwrite", "registry": "docker.io"}},
}


WORDS = (
    "failed changed exists error kind unauthorized False invocation module_args overwrite linux/arm64/v8 fail igest sha256 0123456789abcdef "
    "application/vnd.oci.image.manifest.v1+json docker.io DENIED existing"
)


@pytest.mark.parametrize("secret", [*WORDS.split(), f"sha256:{'0123456789abcdef' * 4}"])
def test_t46_no_secret_masks_keys_digests_and_words_of_ours(secret: str) -> None:
    assert scrubber(secret).result(OWN) == OWN


def test_t46_a_digest_keeps_its_hexadecimal_in_any_text() -> None:
    digest = f"sha256:{'0123456789abcdef' * 4}"
    known = scrubber("89abcdef0123", "sha256")
    assert known.text(f"reg/app@{digest} is not {digest[:-1]}0.") == f"reg/app@{digest} is not {digest[:-1]}0."
    assert known.text("89abcdef0123") == MASK


def test_t46_a_password_that_comes_as_a_digest_is_masked_all_the_same() -> None:
    password = "00ff" * 16
    assert scrubber(password).text(f"The digest sha256:{password} is wrong") == f"The digest sha256:{MASK} is wrong"


@pytest.mark.parametrize(
    "token", ["failed", "changed", "exists", "sha256", "False", "seven77", "unauthorized", "media_type", "00" * 32, f"sha256:{'00' * 32}"]
)
def test_t46_a_token_that_is_a_word_protects_nothing(token: str) -> None:
    assert not is_secret(token)


# B18: time


@pytest.mark.parametrize("text", ["a", f"{'a' * 19999}b", f"{'a' * 63}b", f"{'a' * 11}b"], ids=["a", "19999", "63", "11"])
def test_t46_masking_takes_time_by_the_text_not_by_text_times_secret(text: str) -> None:
    known = scrubber("a" * 20_000, *(f"{'a' * number}{number}" for number in range(100, 400)))
    known.text("x")
    whole = (text * 200_000)[:200_000]
    before = time.process_time()
    known.text(whole)
    assert time.process_time() - before < 20  # it was minutes


def test_t37_a_long_token_is_masked_to_its_end_and_takes_little_memory() -> None:
    token = "".join(f"{number:x}." for number in range(15_000))
    known = scrubber(token)
    assert known.text(f"<{token}> <{base64.b64encode(token.encode()).decode()}> <{token.encode().hex()}>") == f"<{MASK}> <{MASK}> <{MASK}>"


# T62: characters that steer a terminal


def test_t62_no_character_of_a_result_steers_a_terminal() -> None:
    value = {"a\x1b[2J": ["\x07bell", ("right\u202eleft", {"deep": "\x9b31m"})], "lines": "one\n\ttwo\r", "n": 1}
    assert Scrubber().result(value) == {"a [2J": [" bell", ["right left", {"deep": " 31m"}]], "lines": "one\n\ttwo ", "n": 1}
    assert Scrubber().shown("a\x1bb\u2066") == "a b "


# T50: types of ansible-core


def test_t50_no_key_of_a_result_is_a_type_of_ansible_core() -> None:
    value = {
        "a": [{"__ansible_type": "x", "b": ({"__ansible_vault": 1, "__ansible_unsafe": 2},)}],
        "__ansible_": 0,
        "_ansible_x": 1,
        "x__ansible_y": 2,
    }
    assert Scrubber().result(value) == {
        "a": [{"renamed__ansible_type": "x", "b": [{"renamed__ansible_vault": 1, "renamed__ansible_unsafe": 2}]}],
        "renamed__ansible_": 0,
        "_ansible_x": 1,
        "x__ansible_y": 2,
    }


def test_t50_renaming_loses_nothing() -> None:
    both = {"__ansible_type": 1, "renamed__ansible_type": 2}
    assert plain_data(both) == {"renamedrenamed__ansible_type": 1, "renamed__ansible_type": 2}


# The same in whole tasks


@pytest.mark.parametrize("token", ["failed", "changed", "exists", "sha256", "False", "images"])
@pytest.mark.parametrize("absent", [False, True])
def test_t46_a_token_server_cannot_spoil_a_result(make_registry: MakeRegistry, run_module: RunModule, token: str, absent: bool) -> None:
    auth = TokenAuth()
    registry = make_registry(auth=auth)
    added = registry.add_image("app", "1")
    auth.tokens[token] = IssuedToken("user", {"repository:app": {"pull"}}, None)
    auth.answers += [
        Answer(200, Headers([("Content-Type", "application/json")]), json.dumps({"token": token}).encode()) for _number in range(5)
    ]
    result = run_module("registry_image_info", registry.args(name=["app:2" if absent else "app:1"], missing="fail"))
    assert result.failed == absent
    assert result.data["changed"] is False
    if absent:
        assert result.failure("not_found").msg
    else:
        assert result["exists"] is True
        assert result["images"][0]["digest"] == added.digest


@pytest.mark.parametrize("word", ["12345678", "unknown", "False"])
def test_t46_a_password_masks_no_number_boolean_or_key(make_registry: MakeRegistry, run_module: RunModule, word: str) -> None:
    registry = make_registry(auth=Basic("user", word))
    registry.add_image("app", "1")
    result = run_module("registry_image_info", matrix.verbose(registry.args(name=["app:1"])))
    assert result["exists"] is True
    assert isinstance(result["images"][0]["size"], int)
    if "invocation" in result:
        assert result["invocation"]["module_args"]["password"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
        assert result["invocation"]["module_args"]["plain_http"] in (True, False)


@pytest.mark.parametrize("pad", range(76, 116))
def test_t49_a_digest_header_that_echoes_the_password_shows_nothing_of_it(
    make_registry: MakeRegistry, run_module: RunModule, pad: int
) -> None:
    password = "c4nary-pass.word_0123456789ab"
    registry = make_registry(auth=Basic("user", password))
    registry.add_image("app", "1")
    for endpoint in ("head_manifest", "get_manifest"):
        registry.on(endpoint, times=None, optional=endpoint != "head_manifest").headers({"Docker-Content-Digest": "x" * pad + password})
    result = run_module("registry_image_info", registry.args(name=["app:1"], details="digest"))
    assert "c4na" not in result.text


def test_t50_documents_of_others_are_plain_data(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    hostile = {"__ansible_type": "_AnsibleTaggedStr", "value": "{{ 1 }}", "tags": [{"__ansible_type": "TrustedAsTemplate"}]}
    registry.add_image("app", "1", config={"config": {"Labels": {"__ansible_vault": "x"}}, "deep": [{"er": hostile}]})
    entry = run_module("registry_image_info", registry.args(name=["app:1"], details="config")).ok()["images"][0]
    assert entry["labels"] == {"renamed__ansible_vault": "x"}
    assert entry["config"]["deep"][0]["er"]["tags"] == [{"renamed__ansible_type": "TrustedAsTemplate"}]
    assert '"__ansible_' not in json.dumps(entry)


def test_t62_a_media_type_from_a_header_steers_no_terminal(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry()
    registry.add_image("app", "1")
    registry.on("head_manifest", times=None).headers({"Content-Type": "application/vnd.\x1b[31mx\x07"})
    result = run_module("registry_image_info", registry.args(name=["app:1"], details="digest"))
    assert "\\u001b" not in result.text
    assert "\\u0007" not in result.text


def test_a_secret_in_a_name_gives_one_warning(make_registry: MakeRegistry, run_module: RunModule) -> None:
    registry = make_registry(auth=Basic("user", "my-team"))
    registry.add_image("my-team/app", "1")
    result = run_module("registry_image_info", registry.args(name=["my-team/app:1", "my-team/app:1"])).ok()
    assert [text for text in result.warnings if "A secret of this task is part of name" in text] == result.warnings
    assert len(result.warnings) == 1


@pytest.mark.parametrize("name", ["reg.example/********/app:1", "reg.example/app:********", "********/app"])
def test_a_name_that_was_masked_is_refused_for_that(run_module: RunModule, name: str) -> None:
    assert "replaced a secret" in run_module("registry_image_info", {"name": [name]}).failure("invalid_reference").msg


def test_t46_every_word_of_results_and_options_is_known() -> None:
    words = plugin("module_utils._core.vocabulary").WORDS
    assert set(KINDS) <= words
    for module in matrix.MODULES:
        spec = matrix.argument_spec(module)
        for name, option in spec.items():
            assert {name, *option.get("aliases", ()), *map(str, option.get("choices", ()))} <= words, name
        assert _keys(yaml.safe_load(plugin(f"modules.{module}").RETURN)) <= words, module


def _keys(returned: dict[str, t.Any]) -> set[str]:
    return {word for name, value in returned.items() for word in (name, *_keys(value.get("contains") or {}))}
