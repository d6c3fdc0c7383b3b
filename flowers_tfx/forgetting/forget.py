"""`flowers forget`: finds what is stored of a photo, and removes it.

The certificate is written first, as in progress: from then on the photo is refused, and nothing else works on the data root until all steps
are done. Each step can be done again. The certificate, done, is written last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowers_tfx import registry
from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.decisions import FILE
from flowers_tfx.data.forgotten import DONE, IN_PROGRESS, read_certificates
from flowers_tfx.data.spans import Span, list_spans
from flowers_tfx.errors import ExplainedFailure, InputError
from flowers_tfx.forgetting import run_edits, span_edits, text_files, version_edits
from flowers_tfx.forgetting.certificate import Certificate, complete, new_certificate, write_certificate
from flowers_tfx.forgetting.leftovers import remove_leftovers
from flowers_tfx.forgetting.model_names import files_with_names, remove_names
from flowers_tfx.forgetting.photo_traces import Traces, find_traces
from flowers_tfx.forgetting.rewriting import replace_bytes
from flowers_tfx.forgetting.visitor_photos import find_visitor_photos, kept_photo_bytes, remove_visitor_photo
from flowers_tfx.progress import ProgressCallback
from flowers_tfx.registry import version_path
from flowers_tfx.retention.items import Item
from flowers_tfx.retention.removal import remove
from flowers_tfx.retention.work_locks import locked
from flowers_tfx.storage import StoragePath, update_file
from flowers_tfx.warm_start import start_version

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass
class Findings:
    """Everything that is stored of a photo."""

    traces: Traces
    certificate: Certificate
    spans: list[Span] = field(default_factory=list)
    names: list[int] = field(default_factory=list)
    baselines: list[int] = field(default_factory=list)
    explanations: list[int] = field(default_factory=list)
    artifacts: tuple[Item, ...] = ()
    metadata: bool = False
    visitor_photos: dict[Path, str] = field(default_factory=dict)
    texts: list[StoragePath] = field(default_factory=list)

    def rows(self, config: PipelineConfig) -> Iterator[dict[str, Any]]:
        """{path, what} of each place."""
        yield from ({"path": str(span.path), "what": "span: rewritten without the photo"} for span in self.spans)
        for version in self.names:
            yield {"path": str(version_path(config.registry, version)), "what": "certificate and card of the version: address removed"}
        for version in self.baselines:
            home = version_path(config.registry, version) / registry.BASELINE_DIR
            yield {"path": str(home), "what": "baseline of the version: row, embedding, thumbnail and statistics removed"}
        for version in self.explanations:
            home = version_path(config.registry, version) / registry.EXPLANATIONS_DIR
            yield {"path": str(home), "what": "page that explains the version: removed; `flowers explain --all` makes one again"}
        yield from ({"path": str(item.path), "what": "artifact of a run that worked on the photo: removed"} for item in self.artifacts)
        if self.metadata:
            yield {"path": config.metadata or config.pipeline_root, "what": "ML Metadata: digest and address removed"}
        yield from ({"path": str(path), "what": what} for path, what in self.visitor_photos.items())
        yield from ({"path": str(path), "what": "address, digest and thumbnail removed"} for path in self.texts)


def look_for(config: PipelineConfig, photo: str | None, uri: str | None) -> Findings:
    """Changes nothing. Raises InputError for a digest that is not one, and for a photo that no span has and nobody has forgotten."""
    spans, certificates = list_spans(config.data_root), read_certificates(config.data_root)
    digest = _digest(spans, certificates, photo, uri)
    known = certificates.get(digest)
    rows = {span.number: span_edits.rows_of(span, digest) + span_edits.rejects_of(span, digest) for span in spans}
    if known is None and not any(rows.values()) and not find_visitor_photos(config, digest):
        raise InputError(
            f"No span has a photo with the digest {digest}, nor have the folders of corrections and records.",
            "`flowers spans` lists the spans; --uri names a photo by its address.",
        )
    uris = {row["uri"] for found in rows.values() for row in found} | set(known["uris"] if known else ())
    interrupted = {entry["span"] for entry in known["spans"]} if known is not None and known["state"] != DONE else set()
    concerned = [span for span in spans if rows[span.number] or span.number in interrupted]
    versions = registry.versions(config.registry)
    stored = [data for number in versions for data in version_edits.thumbnails_of(version_path(config.registry, number), digest)]
    photos = [data for span in concerned for data in span_edits.photo_bytes(span, digest)]
    photos += kept_photo_bytes(config, digest)
    kept = [bytes.fromhex(text) for text in (known or {}).get("thumbnails", ())]
    traces = find_traces(digest, uris, photos, [*stored, *kept])
    findings = Findings(traces, known or new_certificate(digest, sorted(uris)), concerned)
    _look_beside_spans(config, findings, versions)
    return findings


def forget(config: PipelineConfig, photo: str | None, uri: str | None, progress: ProgressCallback) -> Certificate:
    """Removes the photo and returns the certificate. Raises InputError as `look_for`, and while a run, an ingest or a push is at work."""
    with locked(config):
        remove_leftovers(config)
        findings = look_for(config, photo, uri)
        if findings.certificate["state"] == DONE and not any(findings.rows(config)):
            return findings.certificate
        certificate = _begin(config, findings)
        steps = list(_steps(config, findings, certificate))
        for number, step in enumerate(steps, 1):
            step()
            progress(number, len(steps))
        _require_gone(config, certificate["photo"])
        certificate = {key: value for key, value in complete(certificate).items() if key != "thumbnails"}
        write_certificate(config.data_root, certificate)
    return certificate


def planned(config: PipelineConfig, findings: Findings) -> dict[str, Any]:
    """The certificate as it would be, with `would_remove` instead of `removed`; nothing is written."""
    certificate = {key: value for key, value in findings.certificate.items() if key not in ("removed", "thumbnails")}
    spans = [{"span": span.number, "before": span.digest, "after": None} for span in findings.spans]
    certificate |= {"spans": certificate["spans"] or spans, "models": certificate["models"] or list(_models(config, findings))}
    return {**certificate, "would_remove": list(findings.rows(config))}


def _begin(config: PipelineConfig, findings: Findings) -> Certificate:
    """What is found now is added to what an interrupted time found; thumbnails are needed to find pages again."""
    certificate = findings.certificate
    spans = {entry["span"]: entry for entry in certificate["spans"]}
    for span in findings.spans:
        spans.setdefault(span.number, {"span": span.number, "before": span.digest, "after": None})
    rows = [*certificate["removed"], *(row for row in findings.rows(config) if row not in certificate["removed"])]
    models = {model["version"]: model for model in _models(config, findings)} | {m["version"]: m for m in certificate["models"]}
    certificate = {
        **certificate,
        "state": IN_PROGRESS,
        "spans": [spans[number] for number in sorted(spans)],
        "models": [models[version] for version in sorted(models)],
        "removed": rows,
        "thumbnails": [data.hex() for data in findings.traces.pictures],
    }
    write_certificate(config.data_root, certificate)
    return certificate


def _steps(config: PipelineConfig, findings: Findings, certificate: Certificate) -> Iterator[Any]:
    traces = findings.traces
    entries = {entry["span"]: entry for entry in certificate["spans"]}
    for place in findings.visitor_photos:
        yield lambda place=place: remove_visitor_photo(config, place, traces.digest)
    for path in findings.texts:
        # Reviewers may decide meanwhile.
        yield lambda path=path: update_file(path, traces.edit) if path.name == FILE else replace_bytes(path, traces.edit(path.read_bytes()))
    for version in findings.explanations:
        yield lambda version=version: version_edits.remove_explanations(version_path(config.registry, version))
    for version in findings.names:
        yield lambda version=version: remove_names(version_path(config.registry, version), traces)
    for version in findings.baselines:
        yield lambda version=version: version_edits.remove_from_baseline(version_path(config.registry, version), traces)
    if findings.artifacts:
        yield lambda: run_edits.remove_artifacts(config, findings.artifacts)
    for item in findings.artifacts:
        yield lambda item=item: remove(item)
    if findings.metadata:
        yield lambda: run_edits.edit_metadata(config, traces)
    # The spans last: they are where an interrupted time finds the photo's address and its bytes.
    for span in findings.spans:
        yield lambda span=span: entries[span.number].update(after=span_edits.remove_from_span(span, traces.digest))


def _look_beside_spans(config: PipelineConfig, findings: Findings, versions: list[int]) -> None:
    traces = findings.traces
    for version in versions:
        folder = version_path(config.registry, version)
        if any(files_with_names(folder, traces)) or _has_half_edited_names(config, version, findings.certificate):
            findings.names.append(version)
        if any(version_edits.baseline_traces(folder, traces)) or _is_half_edited(config, version, findings.certificate):
            findings.baselines.append(version)
        if version_edits.names_in_explanations(folder, traces):
            findings.explanations.append(version)
    digests = {digest for span in findings.spans for digest in span.digests}
    digests |= {entry["before"] for entry in findings.certificate["spans"]}
    findings.artifacts = run_edits.runs_with(config, digests).items if findings.certificate["state"] != DONE else ()
    findings.metadata = run_edits.names_in_metadata(config, traces)
    findings.visitor_photos = find_visitor_photos(config, traces.digest)
    gone = {str(version_path(config.registry, version) / registry.EXPLANATIONS_DIR) for version in findings.explanations}
    findings.texts = [
        path
        for path in text_files.text_files(config)
        if not str(path).startswith(tuple(f"{folder}/" for folder in gone)) and text_files.names_photo(path, traces)
    ]


def _is_half_edited(config: PipelineConfig, version: int, certificate: Certificate) -> bool:
    """Whether an interrupted time left the baseline without its record; one that is damaged otherwise stays as it is."""
    home = str(version_path(config.registry, version) / registry.BASELINE_DIR)
    began = certificate["state"] != DONE and any(row["path"] == home for row in certificate["removed"])
    return began and not registry.baseline_is_whole(config.registry, version)


def _has_half_edited_names(config: PipelineConfig, version: int, certificate: Certificate) -> bool:
    """The same for the names in certificate and card, and the digests in the version's record."""
    home = str(version_path(config.registry, version))
    began = certificate["state"] != DONE and any(row["path"] == home for row in certificate["removed"])
    entry = registry.entry(config.registry, version) if began else None
    return entry is not None and bool(registry.damage(config.registry, entry) or registry.card_damage(config.registry, entry))


def _require_gone(config: PipelineConfig, digest: str) -> None:
    """Raises ExplainedFailure if a second look finds the photo anywhere: a certificate must be true."""
    findings = look_for(config, digest, None)
    findings.spans = [span for span in findings.spans if span_edits.rows_of(span, digest) or span_edits.rejects_of(span, digest)]
    for row in findings.rows(config):
        raise ExplainedFailure(
            f"{row['path']} still has the photo.", "Run the same command again; nothing else works on the data root until then."
        )


def _models(config: PipelineConfig, findings: Findings) -> Iterator[dict[str, Any]]:
    """The versions whose training data, or data that they were measured on, have the photo, and those that started from one of them."""
    trained: set[int | None] = set()
    splits = {span.number: sorted({row["split"] for row in span_edits.rows_of(span, findings.traces.digest)}) for span in findings.spans}
    for version in registry.versions(config.registry):
        digests = {str(entry["digest"]) for entry in registry.entry(config.registry, version).spans}
        of_version = sorted({split for span in findings.spans if digests & set(span.digests) for split in splits[span.number]})
        if {"train", "eval"} & set(of_version) or start_version(config.registry, version) in trained:
            trained.add(version)
        if of_version or version in trained:
            yield {"version": version, "splits": of_version, "trained": version in trained}


def _digest(spans: list[Span], certificates: dict[str, Any], photo: str | None, uri: str | None) -> str:
    if photo is not None:
        if not _DIGEST.fullmatch(photo.lower()):
            raise InputError(f"{photo} is not the sha256 of a file: 64 hexadecimal digits.", "Name a photo by its address with --uri.")
        return photo.lower()
    digests = {digest for span in spans for digest in span_edits.digests_at(span, uri or "")}
    digests |= {digest for digest, certificate in certificates.items() if uri in certificate["uris"]}
    if not digests:
        raise InputError(
            f"No span has a photo from {uri}.", "Write the address as photos.parquet of the spans has it, or use --photo SHA256."
        )
    if len(digests) > 1:
        raise InputError(f"{len(digests)} photos came from {uri}.", f"Name one with --photo: {', '.join(sorted(digests))}.")
    return digests.pop()
