# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m ...tests.unit.registry``, or the path of this file: serve the fake registry."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> None:
    """Run the command, as a part of the package or, called by its path, with this folder as the package."""
    package = __package__
    if not package:
        folder = Path(__file__).resolve().parent
        sys.path[0] = str(folder.parent)
        package = folder.name
    importlib.import_module(f"{package}.command").main()


if __name__ == "__main__":
    main()
