# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task that is ended from outside: the order in which its threads hear of it."""

from __future__ import annotations

import threading

from ansible_collections.ocitools.registry.plugins.module_utils._core.interruption import Interruption


def test_nobody_cleans_up_before_all_connections_were_shut_down() -> None:
    interruption, began = Interruption(), threading.Event()
    order: list[str] = []

    def clean_up() -> None:
        began.set()
        with interruption.cleanup():
            order.append("cleaned up")

    class Connections:
        """What is told first; the thread that cleans up gets all the time that it needs."""

        def shut_down(self) -> None:
            thread.start()
            began.wait()
            thread.join(0.3)
            order.append("shut down")

    thread, connections = threading.Thread(target=clean_up), Connections()
    interruption.listen(connections.shut_down)
    interruption.set()
    thread.join()
    assert order == ["shut down", "cleaned up"]
