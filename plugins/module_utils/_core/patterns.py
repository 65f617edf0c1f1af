# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose names by regular expressions, the options ``include`` and ``exclude`` of several modules.

The expressions are the user's, but the names are a registry's, which may choose them so that an expression tries ever more ways to match.
Python cannot stop that. Expressions that may try very many ways are matched in a process of their own, which the system stops in time.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import typing as t
import weakref

from .backtracking import count_ways
from .errors import RegistryError
from .scrub import quoted

MOST_SECONDS = 10  # for all names of a task and one expression
_MOST_WAYS = 16  # the logarithm of how many ways to match are tried in this process: some hundredths of a second
_CHILD = """
import json, re, signal, sys, time
signal.signal(signal.SIGALRM, signal.SIG_DFL)
left = float(sys.argv[1])
pattern = re.compile(json.loads(sys.stdin.readline()))
for line in sys.stdin:
    start = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))
    found = pattern.search(json.loads(line)) is not None
    signal.setitimer(signal.ITIMER_REAL, 0)
    left -= time.monotonic() - start
    print(int(found), flush=True)
"""


class NamePattern:
    """One regular expression of an option."""

    def __init__(self, text: str, option: str) -> None:
        self.pattern = text
        self._option = option
        self._compiled = re.compile(text)
        self._spent = 0.0
        self._apart: _Apart | None = _Apart(text) if count_ways(text) > _MOST_WAYS else None

    def search(self, name: str) -> bool:
        """Tell whether the expression is found anywhere in ``name``; raises ``limit`` where that takes too long."""
        if self._apart is not None:
            found = self._apart.search(name)
        else:
            start = time.monotonic()
            found = self._compiled.search(name) is not None
            self._spent += time.monotonic() - start
        if found is None or self._spent > MOST_SECONDS:
            raise RegistryError(
                f"The option {self._option} contains {quoted(self.pattern, 200)}, which takes more than {MOST_SECONDS} seconds to match the "
                f"names in the registry (it was at {quoted(name, 130)}): rewrite it without nested repetitions.",
                "limit",
            )
        return found


class _Matcher(subprocess.Popen[str]):
    """The process that matches names and dies at its deadline."""

    def __init__(self) -> None:
        super().__init__(
            [sys.executable, "-I", "-S", "-c", _CHILD, str(MOST_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="ascii",
            start_new_session=True,
        )


class _Apart:
    """An expression that is matched in another process; what it found is remembered."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._process: subprocess.Popen[str] | None = None
        self._found: dict[str, bool] = {}

    def search(self, name: str) -> bool | None:
        """Tell whether the expression is found in ``name``, None where that takes too long."""
        if name not in self._found:
            answer = self._ask(name)
            if answer is None:
                return None
            self._found[name] = answer
        return self._found[name]

    def _ask(self, name: str) -> bool | None:
        try:
            if self._process is None:
                self._process = self._start()
            answer = _exchange(self._process, name)
        except OSError as error:
            raise RegistryError(f"No process to match the expression {quoted(self._text, 200)} can be run: {error}.", "local_io") from None
        if not answer:
            return None
        return answer.strip() == "1"

    def _start(self) -> subprocess.Popen[str]:
        process = _Matcher()
        weakref.finalize(self, _end, process)
        _send(process, self._text)
        return process


def _send(process: subprocess.Popen[str], text: str) -> None:
    stream = t.cast(t.TextIO, process.stdin)
    stream.write(f"{json.dumps(text)}\n")
    stream.flush()


def _exchange(process: subprocess.Popen[str], name: str) -> str:
    """Return what the process answers to ``name``, "" where its time has run out."""
    try:
        _send(process, name)
        answer = t.cast(t.TextIO, process.stdout).readline()
    except BrokenPipeError:
        answer = ""
    if not answer and process.wait() != -signal.SIGALRM:
        raise OSError(f"it ended with status {process.returncode}")
    return answer


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


Patterns = tuple[NamePattern, ...]


def compile_patterns(given: t.Any, option: str) -> Patterns:
    """Return the regular expressions of an option, a list or a single one; raises ``invalid_option`` for what is none.

    The options are raw ones: ansible-core would divide a text at its commas, and "a{1,3}" has one.
    """
    patterns = []
    for text in given if isinstance(given, (list, tuple)) else [] if given is None else [given]:
        if not isinstance(text, str) or not text:
            raise RegistryError(
                f"The option {option} contains {quoted(text, 200)}, which is not a regular expression: give a list of strings that are not empty.",
                "invalid_option",
            )
        try:
            patterns.append(NamePattern(text, option))
        except (re.error, OverflowError, RecursionError) as error:
            raise RegistryError(
                f"The option {option} contains {quoted(text, 200)}, which is not a valid regular expression: {error}.", "invalid_option"
            ) from None
    return tuple(patterns)


class Selection(t.NamedTuple):
    """Names in which one of ``include`` is found (any name without them) and none of ``exclude``."""

    include: Patterns = ()
    exclude: Patterns = ()

    @classmethod
    def parse(cls, include: t.Any, exclude: t.Any) -> Selection:
        """Return the selection that the options ``include`` and ``exclude`` make."""
        return cls(compile_patterns(include, "include"), compile_patterns(exclude, "exclude"))

    def has(self, name: str) -> bool:
        """Tell whether ``name`` is chosen; an expression may match anywhere in it."""
        included = not self.include or any(pattern.search(name) for pattern in self.include)
        return included and not any(pattern.search(name) for pattern in self.exclude)


def check_limit(limit: int | None) -> int | None:
    """Return the option ``limit``; raises ``invalid_option`` where it is less than one."""
    if limit is not None and limit < 1:
        raise RegistryError(f"The option limit is {limit}: it must be 1 or more.", "invalid_option")
    return limit
