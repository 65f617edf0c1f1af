# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vaulted string as ansible-core before 2.19 hands it to plugins, on every ansible-core."""

from __future__ import annotations

import typing as t


class Vaulted(t.Sequence[str]):
    """Stands for ``AnsibleVaultEncryptedUnicode``: a sequence that is no ``str``, and becomes the text only where somebody asks for that."""

    yaml_tag = "!vault"

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    def __len__(self) -> int:
        return len(self._text)

    def __getitem__(self, index: t.Any) -> str:
        return self._text[index]
