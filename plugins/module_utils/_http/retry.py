# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try again where that is safe and may help, and wait as long as the registry asks."""

from __future__ import annotations

import random
import re
import time
import typing as t
from datetime import timezone
from email.utils import parsedate_to_datetime

from .._core.errors import RegistryError
from .._core.interruption import current, pause
from .transport import Answer

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_RETRY_AFTER = 60.0
_YEAR = 366 * 86400.0
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_LONGEST_PAUSE = 5.0  # between looks at what takes its time


def parse_retry_after(value: str, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for (never negative), None where it says nothing sensible.

    A number that is a Unix time of this year, in seconds or milliseconds, is the time to come back at, as some registries write it.
    """
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,13}(\.[0-9]{1,9})?", text, re.ASCII):
        number = float(text)
        moment = next((stamp for stamp in (number, number / 1000) if abs(stamp - now) < _YEAR < stamp), None)
        return number if moment is None else max(moment - now, 0.0)
    moment = _parse_date(text)
    return None if moment is None else max(moment - now, 0.0)


def _parse_date(text: str) -> float | None:
    """Return the Unix time of a date as HTTP writes it, None for anything else."""
    if not re.fullmatch(r"[A-Za-z]{3,9},? [ -~]{10,40}", text, re.ASCII):
        return None
    try:
        date = parsedate_to_datetime(text)
        known = date if date.tzinfo else date.replace(tzinfo=timezone.utc)  # two of HTTP's three forms may not name a zone
        return known.timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _asked_to_wait(answer: Answer) -> float | None:
    """Return the seconds that ``answer`` asks to wait, by the clock of whoever sent it: ours may go wrong. None where it names no time to come."""
    sent = _parse_date(answer.headers.get("Date", "").strip())
    asked = parse_retry_after(answer.headers.get("Retry-After", ""), time.time() if sent is None else sent)
    return asked or None


class Retry:
    """Counts the further attempts of one request and waits between them; a task that was ended makes none."""

    def __init__(self, retries: int, sleep: t.Callable[[float], object] = pause, *, final: t.Collection[int] = ()) -> None:
        self._left = retries
        self._final = final
        self._delay = _FIRST_DELAY
        self._sleep = sleep
        self._waited = 0.0
        self._interruption = current()

    def after_answer(self, answer: Answer) -> bool:
        """Wait and return True where ``answer`` may pass and attempts are left; its body is then dropped.

        Errors: ``rate_limited`` where the registry asks for more than a minute.
        """
        if answer.status not in RETRIED or answer.status in self._final:
            return False
        asked = _asked_to_wait(answer)
        if asked is not None and asked > LONGEST_RETRY_AFTER:
            answer.close()
            error = RegistryError(
                f"{answer.target.origin.authority} asks to wait {asked:.0f} seconds (status {answer.status}), but a task waits at most "
                f"{LONGEST_RETRY_AFTER:.0f} seconds: run it again later.",
                "rate_limited",
                answer.status,
            )
            error.retry_after = asked
            raise error
        if not self._take():
            return False
        answer.close()
        self._wait(asked)
        return True

    def after_error(self, error: RegistryError) -> bool:
        """Wait and return True where ``error`` may pass and attempts are left."""
        if not (error.passing and self._take()):
            return False
        self._wait(None)
        return True

    def within(self, seconds: float) -> bool:
        """Wait a little longer each time and return True, until ``seconds`` were waited in all; attempts are not counted."""
        left = seconds - self._waited
        if left <= 0:
            return False
        self._wait(min(self._delay, _LONGEST_PAUSE, left))
        return True

    def _take(self) -> bool:
        self._left -= 1
        return self._left >= 0 and not self._interruption.is_set

    def _wait(self, asked: float | None) -> None:
        seconds = self._delay * random.uniform(0.75, 1.25) if asked is None else asked
        self._delay = min(self._delay * 2, _LONGEST_DELAY)
        self._waited += seconds
        self._sleep(seconds)
        self._interruption.check()

    def run(self, attempt: t.Callable[[], Answer]) -> Answer:
        """Return the first answer that is final: good, bad for good, or the last one that was allowed."""
        while True:
            try:
                answer = attempt()
            except RegistryError as error:
                if self.after_error(error):
                    continue
                raise
            if not self.after_answer(answer):
                return answer


class Allowance:
    """Counts bytes that are moved for one blob, those that are moved again among them: ``times`` its ``size`` and no more."""

    def __init__(self, size: int, times: int, spent: t.Callable[[], RegistryError]) -> None:
        self._left = size * times
        self._spent = spent

    def take(self, count: int) -> None:
        """Count ``count`` bytes; raises the error that ``spent`` returns when there are too many."""
        self._left -= count
        if self._left < 0:
            raise self._spent()
