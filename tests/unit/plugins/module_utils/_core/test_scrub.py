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
import typing as t
from urllib.parse import quote, quote_plus, urlencode

import pytest
from ansible_collections.ocitools.registry.plugins.module_utils._core.scrub import MASK, Scrubber, clean
from ansible_collections.ocitools.registry.plugins.module_utils._core.secret_index import CUT
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


@pytest.mark.parametrize("gap", ["\n", "\t", "\0", "\r\n", "\u00ad", "\u200b", " ", "\\n", "%0A", " \n\t "], ids=ascii)
@pytest.mark.parametrize(
    "form", [lambda text: text, lambda text: base64.b64encode(text.encode()).decode(), lambda text: text.encode().hex()]
)
def test_t49_a_secret_that_is_wrapped_or_cut_by_a_blank_is_masked(form: t.Callable[[str], str], gap: str) -> None:
    scrubber = Scrubber()
    scrubber.add("Pq7+xYz/T9&kLm=Wv")
    spelt = form("Pq7+xYz/T9&kLm=Wv")
    for place in range(1, len(spelt)):
        for show in (lambda text: text, clean):
            shown = scrubber.shown(show(f"It said <{spelt[:place]}{gap}{spelt[place:]}> to us."))
            assert shown == f"It said <{MASK}> to us."
    lines = gap.join(spelt[start : start + 5] for start in range(0, len(spelt), 5))
    assert scrubber.shown(f"It said <{lines}> to us.") == f"It said <{MASK}> to us."


def test_short_secrets_and_words_that_follow_a_long_token_are_not_joined() -> None:
    scrubber = Scrubber()
    scrubber.add("inform")
    scrubber.add("x" * 3000)
    assert scrubber.text("found in forms") == "found in forms"
    assert scrubber.text(f"{'x' * 3000} is not valid here") == f"{MASK} is not valid here"
