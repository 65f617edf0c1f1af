# Copyright: (c) 2026, the ocitools.registry authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that results are made of: keys, and values of fixed vocabularies. They are no secrets, whoever hands them out as such."""

from __future__ import annotations

import re

from .errors import KINDS

# What is said about user information, which is masked: the sentence itself stays whole, also where somebody is called "user".
_ADVICE = re.compile(
    r"(?:The (?:option (?:src_|dest_)?registry|image name) )?contains user information before '@': "
    r"use the options (?:src_|dest_)?username and (?:src_|dest_)?password instead\."
)
_DIGEST = re.compile(r"sha(?:256|512):(?:[0-9a-f]{128}|[0-9a-f]{64})", re.ASCII)
_ANSIBLE = """
after after_header after_line ansible_facts ansible_job_id async attempts backup_file before before_header before_line cache cause changed chain cmd
collection_name contains_secrets date delta deprecations deprecator diff end event exception failed failed_when_result finished formatted_traceback help_text
invocation item msg module_args module_stderr module_stdout no_log obj plugin prepared rc results resolved skip_reason skipped source_context start started
stderr stderr_lines stdout stdout_lines unreachable version warnings VALUE_SPECIFIED_IN_NO_LOG_PARAMETER NOT_LOGGING_PARAMETER
gid group mode owner secontext size state uid file directory link hard absent
"""
_KEYS = """
can_push choices push_error push_refused looked_for unknown passed report signatures signed_digests unchanged_digests unverified_names verified
absent_tags action artifacts also_deleted_manifests also_deleted_tags annotations api_version architecture archive_path artifact_type auth_scheme
authenticated code config config_digest configs created deleted deleted_tags dest dest_registry digest digest_changed digests downloaded_blobs
downloaded_bytes elapsed error files exists existing_blobs existing_bytes failed_names failed_tags format image image_size images input is_index
issuer kept kept_images kind labels layers limit manifest media_type methods missing mounted_blobs mounted_bytes name not_after os path plan platform
platforms previous protected_by rate_limit reachable realm reason reference referrers registry relative_names remaining repositories repository result
size skipped_layers skipped_files src_digest status subject supported tag tagged_images entry files tags tls total total_size truncated unchanged_images
uploaded_blobs uploaded_bytes variant mediaType schemaVersion manifests digest urls data artifactType rootfs diff_ids history created_by empty_layer
comment author type os.version os.features overview Env Cmd Entrypoint Labels User WorkingDir ExposedPorts Volumes StopSignal
summary unchanged copied bytes_sent bytes_mounted bytes_existing
"""
_OPTIONS = """
keep_semver push_to problems
certificate_authorities formats identities identity key keys passphrase recursive require signing_key unverified verify
allowed_hosts append auth_config auth_file auth_hosts authfile ca_cert ca_path cacert_path cert_path children chunk_size client_cert client_key
compression concurrency config_path dest_ca_path dest_client_cert dest_client_key dest_identity_token dest_password dest_plain_http
dest_registry_token dest_tls_verify dest_username dest_validate_certs destination details exclude existing existing_images expected_digest
identity_token ignore_digest_tags include jobs keep_last keep_within key_path load_path max_deletions method mount_from names on_error password
plain_http platforms prefix protect registry_token registry_url retries reverse sort source source_name src src_ca_path src_client_cert src_client_key
src_identity_token src_password src_plain_http src_registry src_registry_token src_tls_verify src_username src_validate_certs target_tags timeout
tls_ca_cert tls_client_cert tls_client_key tls_verify tlsverify unsafe_writes url use_auth_file username validate_certs attributes attr select selevel serole
setype seuser seLevel
check_credentials paths strip keep_ownership keep_set_id
dest_dir src_dir keep_host empty extra min_remaining shard index count semver newest
"""
_VALUES = """
all any bundle cosign notation
present true false null none True False None yes no
auto basic bearer config created digest docker-archive fail gzip ignore keep manifest name oci-archive oci-layout ok overwrite reference registry
report semver substitute tag untag repair exact append oci docker single newest empty version keep_last keep_within protect protected included excluded
docker.io latest localhost registry/2.0 sha256 sha512 delete kept deleted
linux windows darwin freebsd android amd64 arm64 arm 386 ppc64le s390x riscv64 mips64le loong64 wasm v5 v6 v7 v8 unknown
application/json application/octet-stream text/html
application/vnd.docker.container.image.v1+json application/vnd.docker.distribution.manifest.list.v2+json
application/vnd.docker.distribution.manifest.v1+json application/vnd.docker.distribution.manifest.v1+prettyjws
application/vnd.docker.distribution.manifest.v2+json application/vnd.docker.image.rootfs.diff.tar application/vnd.docker.image.rootfs.diff.tar.gzip
application/vnd.docker.image.rootfs.foreign.diff.tar.gzip
application/vnd.oci.image.config.v1+json application/vnd.oci.image.index.v1+json application/vnd.oci.image.manifest.v1+json
application/vnd.oci.image.layer.v1.tar application/vnd.oci.image.layer.v1.tar+gzip application/vnd.oci.image.layer.v1.tar+zstd
application/vnd.oci.image.layer.nondistributable.v1.tar application/vnd.oci.image.layer.nondistributable.v1.tar+gzip
application/vnd.oci.empty.v1+json application/vnd.oci.image.manifest
UNAUTHORIZED DENIED UNSUPPORTED TOOMANYREQUESTS UNKNOWN NOT_FOUND TAG_EXPIRED BLOB_UNKNOWN BLOB_UPLOAD_INVALID BLOB_UPLOAD_UNKNOWN DIGEST_INVALID
MANIFEST_BLOB_UNKNOWN MANIFEST_INVALID MANIFEST_UNKNOWN NAME_INVALID NAME_UNKNOWN SIZE_INVALID TAG_INVALID
"""
_EVENTS = "change interval moved previous_digest"
WORDS = frozenset([*KINDS, *_EVENTS.split(), *_ANSIBLE.split(), *_KEYS.split(), *_OPTIONS.split(), *_VALUES.split()])


def is_advice(text: str, start: int, end: int) -> bool:
    """Tell whether what stands in ``text`` from ``start`` to ``end`` is part of a sentence that is always the same."""
    return any(match.start() <= start and end <= match.end() for match in _ADVICE.finditer(text, max(0, start - 200), end + 200))


def is_ours(text: str) -> bool:
    """Tell whether ``text`` is a digest, a word of our results or a platform made of such words."""
    return text in WORDS or bool(_DIGEST.fullmatch(text)) or (len(text) < 40 and all(part in WORDS for part in text.split("/")))
