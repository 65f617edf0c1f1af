# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of module_utils: its folders, from the lowest to the highest, and the files of each in the order of their imports."""

from __future__ import annotations

import typing as t


class Layer(t.NamedTuple):
    """A folder: what it is about, the folders that it may import from, and its files: each imports only from those before it."""

    title: str
    below: t.Sequence[str]
    files: str


LAYERS = {
    "_core": Layer(
        "Errors, secrets, limits: no file, no socket, no specification",
        (),
        "payload cleanup errors spellings secret_index vocabulary scrub secrets budget json interruption progress fanout backtracking patterns times waiting",
    ),
    "_oci": Layer(
        "The specifications as values",
        ("_core",),
        "host reference versions digest_tags platform companions manifest image_config image_source subset image_content made_image image_index artifact",
    ),
    "_signatures": Layer(
        "Signatures: keys, certificates, formats, and what counts as proof",
        ("_core", "_oci"),
        "crypto encodings keys certificates envelopes simple_signing bundle notation policy",
    ),
    "_local": Layer(
        "Images on this host: layouts and archives, read and written",
        ("_core", "_oci"),
        (
            "layout_links files tar compression compressed_file tar_members archive saved_layers selection oci_layout flat_store docker_archive source "
            "inventory layout_index existing_content locks disk open_path attributes file_tree image_paths layer_reader image_tree "
            "file_selection staging extraction_record target_folders extract_target "
            "layout_writer tar_writer folder_tar packed_folder artifact_files archive_writer docker_writer export_list"
        ),
    ),
    "_http": Layer(
        "Requests: trusted, authorized, redirected, retried",
        ("_core", "_oci"),
        (
            "challenge headers certificate credential_helper credentials auth_config keychain auth_document origin address_guard proxies "
            "tls open_sockets "
            "pace sockets failures coding transport answers redirects retry token_server auth pull_limit exchange"
        ),
    ),
    "_registry": Layer(
        "One registry: endpoints, transfers, deletion, clients",
        ("_core", "_oci", "_signatures", "_local", "_http"),
        (
            "api tagging pages listing shared_tag referrers download blob_body capabilities upload_session blob_upload transfer_options transfer "
            "deletion_refusal deletion_requests "
            "tag_deletion results client login_advice connections two_registries image_details registry_check signatures verification signing push_check "
            "attached_images image_copy image_import index_making image_pull artifact_pull image_files"
        ),
    ),
    "_retention": Layer(
        "Which tags go, and what must stay with the others",
        ("_core", "_oci", "_registry"),
        "policy dependencies manifest_reader deletion_batch ghosts deletion_plan prune_plan prune_watch prune",
    ),
    "_tasks": Layer(
        "Tasks: from options to results",
        ("_core", "_oci", "_signatures", "_local", "_http", "_registry", "_retention"),
        (
            "options shapes task masking verify_option signals module auth_file entries push_plan artifact artifact_pull image_push image_copies archive_info "
            "copy image_info extract index info login preflight prune pull push "
            "repository_info sign tag tag_delete tag_info verify "
            "sync_entries sync_outcome sync_selection sync_plan sync_runner sync_extra sync_export sync_stored sync_import sync"
        ),
    ),
}
