# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of module_utils, from the lowest to the highest; the overview picture is drawn from this table."""

from __future__ import annotations

# A file imports from the layers below its own and, in its own, from what stands before it.
LAYERS = {
    "Words and values, without a file or a socket": (
        "_errors _spellings _secret_index _vocabulary _scrub _secrets _budget _json _host _reference _versions _digest_tags _platform _manifest "
        "_challenge _headers _fanout _backtracking _patterns _certificate"
    ),
    "Files, archives, credentials of this host": (
        "_image_source _inside _files _tar _compression _compressed_file _archive _saved_layers _selection _oci_layout _flat_store "
        "_docker_archive _source _subset "
        "_image_content _held _disk _place _layout_writer _tar_writer _archive_writer _docker_writer _credential_helper _credentials _auth_config _keychain"
    ),
    "Requests: trusted, authorized, redirected, retried": (
        "_origin _reach _proxies _tls _connections _coding _transport _answers _retry _token_server _auth _exchange"
    ),
    "Endpoints of the distribution specification": "_api _pages _listing _referrers",
    "Blobs, tags, deletions, results": (
        "_download _upload_body _ways _sending _upload _tagging _transfer _deletion_refusal _deletion_requests _deletion _results _retention _needs"
    ),
    "Clients and plans": (
        "_client _connection _two_registries _images _probe _contents _deletions _ghosts _deletion_plan _companions _copy _pull _prune_plan _prune_watch _prune"
    ),
    "Tasks: from options to results": "_module _attributes _push _copies",
}
