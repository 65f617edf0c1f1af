# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing secret, in whatever spelling, and nothing unprintable leaves a task."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
import time
import typing as t
from urllib.parse import quote, quote_plus, urlencode

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._scrub import MASK, Scrubber, clean, cut, is_secret, plain_data, quoted
from ansible_collections.ocitools.registry.plugins.module_utils._secret_index import CUT
from ansible_collections.ocitools.registry.tests.unit.plugins.properties import hostile_text, quick
from ansible_collections.ocitools.registry.tests.unit.registry.canary import assert_clean
from hypothesis import given
from hypothesis import strategies as st

SECRETS = [
    "pa55-w0rd&Canary",
    "p@ss/w\u00f6rd+\u20ac <x>'\"\\%",
    "four",
    "line one\nline two\r\n",
    " blanks around ",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ",
    "\ud800half a pair",
    "caf\udce9-bytes-of-another-charset",
    "%2f%2F..%",
    "smile \U0001f600 secret",
]


def scrubber(*secrets: str) -> Scrubber:
    made = Scrubber()
    for secret in secrets:
        made.add(secret)
    return made


def spellings(secret: str) -> t.Iterator[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    quoted = [quote(raw, safe=""), quote(raw), quote_plus(raw), urlencode({"q": raw})]
    yield from (secret, secret.strip(), *quoted, *(re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), text) for text in quoted))
    yield from (
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        json.dumps({"a": [secret]}),
        json.dumps(secret).replace("/", "\\/"),
    )
    yield json.dumps(secret, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    yield from (repr(secret), ascii(secret), f"{secret!a:.500}", str([secret]), str({secret: 1}))
    yield from (raw.hex(), raw.hex().upper(), quote(quote(raw, safe=""), safe=""))
    yield from (html.escape(secret), html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"))
    if len(secret) >= 8:
        yield from (secret.lower(), secret.upper())
    for before in ("", "u", "us", "usr", "user:"):
        for behind in ("", "x", "xy", "xyz"):
            text = before.encode() + raw + behind.encode()
            yield from (base64.b64encode(text).decode(), base64.urlsafe_b64encode(text).decode().rstrip("="))
    yield from (clean(secret), clean(f"says {secret} twice {secret}"))


@pytest.mark.parametrize("secret", SECRETS, ids=ascii)
def test_t37_a_secret_is_masked_in_every_spelling(secret: str) -> None:
    known = scrubber(secret)
    for spelling in spellings(secret):
        shown = known.text(f"before <{spelling}> behind")
        assert MASK in shown, spelling
        assert shown.startswith("before <")
        assert shown.endswith("> behind")
        if secret.isascii():
            assert_clean(shown, secret)


@pytest.mark.parametrize("secret", SECRETS, ids=ascii)
def test_t37_the_pair_of_user_and_secret_is_masked_around_a_header(secret: str) -> None:
    for user in ("a", "ab", "abc", "somebody@example.com"):
        pair = base64.b64encode(f"{user}:".encode() + secret.encode("utf-8", "surrogatepass")).decode()
        assert MASK in scrubber(secret).text(f"Authorization: Basic {pair}")


@pytest.mark.parametrize("length", [4, 5, 7, 8, 20, 60])
@pytest.mark.parametrize("limit", [40, 57, 58, 59, 60, 90])
def test_t37_what_is_left_of_a_secret_where_text_was_cut_is_masked(length: int, limit: int) -> None:
    secret = "Zk9-Qw7_Xy5/Vb3+Nm1" * 4
    line = clean("x" * (limit - len(CUT) - length) + secret, limit)  # before the secret is known
    shown = scrubber(secret).text(f"The registry said: {line} (401).")
    assert shown == f"The registry said: {'x' * (limit - len(CUT) - length)}{MASK}{CUT} (401)." or length > limit - len(CUT)
    assert secret[:4] not in shown


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


def test_t37_a_secret_that_ends_in_dots_is_masked_too() -> None:
    assert scrubber("abcd...").text("abcd... abcd... abc") == f"{MASK} {MASK} abc"


def test_t37_many_secrets_that_overlap_are_all_masked() -> None:
    assert scrubber("abcdXYZ", "XYZefgh", "cdXY").text("1 abcdXYZefgh 2 cdXYab") == f"1 {MASK} 2 {MASK}ab"


def test_t37_keys_and_values_of_results_are_masked() -> None:
    secret = "pa55-w0rd&Canary"
    value = {
        secret: 1,
        "list": [secret, (f"a {secret}", {"deep": [f"{secret}b"]})],
        "bytes": f"x{secret}\xff".encode("latin-1"),
        "none": None,
        "number": 5.5,
        "bool": True,
        7: "seven",
    }
    shown = scrubber(secret).value(value)
    assert shown == {
        MASK: 1,
        "list": [MASK, [f"a {MASK}", {"deep": [f"{MASK}b"]}]],
        "bytes": f"x{MASK}\ufffd",
        "none": None,
        "number": 5.5,
        "bool": True,
        7: "seven",
    }
    assert_clean(json.dumps(shown), secret)


@pytest.mark.parametrize("secret", ["", None, "abc", "  a  ", "\n\n\n\n\n"])
def test_t38_too_short_a_secret_masks_nothing(secret: str | None) -> None:
    known = Scrubber()
    known.add(secret)
    text = "sha256:abc changed false a \n\n\n\n\n"
    assert known.text(text) == text
    assert known.value({"a": text}) == {"a": text}


def test_secrets_may_be_learnt_while_others_mask() -> None:
    known = scrubber("canary-secret")
    stop = threading.Event()
    seen: set[str] = set()

    def mask() -> None:
        while not stop.is_set():
            seen.add(known.text("a canary-secret..."))

    worker = threading.Thread(target=mask)
    worker.start()
    for number in range(300):
        known.add(f"token-{number:04}-{'x' * 100}")
    stop.set()
    worker.join()
    assert seen == {f"a {MASK}..."}
    assert known.text("token-0299-" + "x" * 100) == MASK


@quick
@given(st.text(min_size=4, max_size=30).filter(lambda text: len(text.strip()) >= 4), hostile_text, hostile_text)
def test_t37_any_secret_is_masked_between_any_texts(secret: str, before: str, behind: str) -> None:
    known = scrubber(secret)
    for spelling in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode()):
        assert spelling not in known.text(f"{before}{spelling}{behind}")


@quick
@given(st.lists(st.text(min_size=4, max_size=6), max_size=3), hostile_text)
def test_masking_never_fails_and_leaves_other_text_alone(secrets: list[str], text: str) -> None:
    known = scrubber(*secrets)
    shown = known.text(text)
    assert shown == text or MASK in shown


# Text from registries


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("plain", "plain"),
        (" a \t b\r\nc ", "a b c"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("a\0b\x7fc\x9bd", "a b c d"),
        ("right\u202eleft\u2066x", "right left x"),
        ("zero\u200bwidth\ufeff", "zero width"),
        ("tag\U000e0041s", "tag s"),
        ("half\ud800", "half"),
        ("\u00e4\u4e2d\U0001f600", "\u00e4\u4e2d\U0001f600"),
        ("{{ lookup('pipe', 'id') }}", "{{ lookup('pipe', 'id') }}"),
        (html.unescape("a&nbsp;b"), "a b"),
    ],
)
def test_t43_text_is_one_printable_line(text: str, line: str) -> None:
    assert clean(text) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x" * 20, "x" * 20),
        ("x" * 21, "x" * 17 + CUT),
        (" " * 80 + "x", CUT),
        ("x" + " " * 100, "x" + CUT),
        ("x" * 1_000_000, "x" * 17 + CUT),
    ],
    ids=["fits", "one more", "late", "blank", "huge"],
)
def test_t43_text_is_cut_where_it_shows(text: str, line: str) -> None:
    assert clean(text, 20) == line


@quick
@given(hostile_text, st.integers(4, 40))
def test_t43_any_text_becomes_a_printable_line_in_bounds(text: str, limit: int) -> None:
    line = clean(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    assert clean(line, limit) == line
