# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Auth files and credential helpers for tests."""

from __future__ import annotations

import base64
import json

NOT_FOUND = (1, b"credentials not found in native keychain\n")


def pair(username: str, password: str) -> dict[str, str]:
    """An entry of an auth file with user name and password."""
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def answer(username: str, secret: str) -> tuple[int, bytes]:
    """What a helper that knows the registry exits with and prints."""
    return 0, json.dumps({"Username": username, "Secret": secret}).encode()


class Helpers:
    """Stands for the helpers on the PATH: each gives its one answer, and it is noted what they were ``asked``."""

    def __init__(self, **answers: tuple[int, bytes]) -> None:
        self.answers = {f"docker-credential-{name}": answer for name, answer in answers.items()}
        self.asked: list[tuple[str, bytes]] = []

    def __call__(self, program: str, server: bytes) -> tuple[int, bytes]:
        """Answer as ``run_helper`` does."""
        self.asked.append((program, server))
        if program not in self.answers:
            raise FileNotFoundError(program)
        return self.answers[program]
