# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of an nginx that brings several programs behind one address, with TLS; all of its files are in a folder of its own."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

PACKAGE = "nginx"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def configuration(folder: Path, address: str, certificate: Path, key: Path, routes: t.Mapping[str, Path]) -> str:
    """Return the text that leads each path of ``routes`` to the socket of a program."""
    temporary = "\n".join(f"  {name}_temp_path {folder / name};" for name in _TEMPORARY)
    locations = "\n".join(f"    location {path} {{ proxy_pass http://unix:{target}:; }}" for path, target in routes.items())
    return f"""\
{"" if os.geteuid() else "user root;"}
daemon off;
pid {folder / "nginx.pid"};
error_log stderr;
events {{}}
http {{
  access_log off;
  client_max_body_size 0;
{temporary}
  proxy_http_version 1.1;
  proxy_read_timeout 300;
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-Proto $scheme;
  server {{
    listen {address} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
{locations}
  }}
}}
"""
