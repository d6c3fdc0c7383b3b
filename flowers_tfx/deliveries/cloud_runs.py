"""From a claimed delivery to a run: its photos, its CSV, the submission. Every step can be repeated after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from flowers_tfx.config import PipelineConfig
from flowers_tfx.data.csv_fields import csv_field
from flowers_tfx.deliveries.cloud_claims import CLAIMED, EMPTY, END_STATES, FAILED, PREPARED, SUBMITTED, Claim, Delivery
from flowers_tfx.deliveries.cloud_events import StoredObject
from flowers_tfx.deliveries.cloud_records import CloudRecords
from flowers_tfx.deliveries.cloud_sources import Source, delivery_root
from flowers_tfx.errors import InputError
from flowers_tfx.orchestration.kubeflow.connection import Connection
from flowers_tfx.orchestration.kubeflow.runs import find_run, submit_run
from flowers_tfx.orchestration.kubeflow.transport import ServerFailed
from flowers_tfx.storage import BucketPath

# Photos between two signs of life of the owner.
PHOTOS_AT_A_TIME = 500
# A server that fails (500) may have started the run and not stored it, so that nobody finds it: it is not asked for ever.
MAX_SERVER_FAILURES = 3


def start_run(claim: Claim, config: PipelineConfig, source: Source) -> None:
    """Brings the delivery to its end, or as far as it goes: then its record has the error. Raises ClaimLost, RuntimeError if the store
    fails, and InputError if it is unavailable."""
    if claim.state == CLAIMED:
        _prepare(claim, source)
    if claim.state == PREPARED:
        _submit(claim, config)
    if claim.state == SUBMITTED and claim.record["csv"]:
        claim.records.write("newest.json", {"csv": claim.record["csv"]})
    if claim.state in END_STATES:
        claim.records.delete([f"open/{claim.record['id']}.json"])


def list_objects(source: Source, prefix: str) -> Iterator[StoredObject]:
    """The objects of the source's bucket below a prefix, as events name them."""
    for entry in BucketPath(f"{source.scheme}://{source.bucket}").store.list_objects(prefix):
        yield StoredObject(source.scheme, source.bucket, entry.key, entry.tag.strip('"'))


def _prepare(claim: Claim, source: Source) -> None:
    delivery = Delivery.from_json(claim.record)
    if delivery.kind == "schedule":
        # A package that ingests must be given a CSV: one whose photos are known, if all went well, and otherwise are taken in now.
        return claim.update(state=PREPARED, csv=claim.records.read("newest.json")[0].get("csv"))
    if delivery.kind == "csv" and delivery.stored:
        return claim.update(state=PREPARED, csv=delivery.stored.uri)
    if delivery.stored:
        root = delivery_root(delivery.stored.name)
        photos = source.photos(list_objects(source, root), root)
    else:
        photos = source.photos(_waiting(claim.records, delivery.id), source.prefix)
    rows, index_entries = _take(claim, photos)
    if rows:
        lines = "".join(f"{csv_field(uri)},{csv_field(label)}\n" for uri, label in rows)
        uri = claim.records.write_file(f"csv/{delivery.id}.csv", lines.encode())
        claim.update(state=PREPARED, csv=uri, photos=len(rows))
    else:
        claim.update(state=EMPTY, photos=0)
    # Not before: an instance that takes over reads there which photos wait.
    claim.records.delete(index_entries)


def _waiting(records: CloudRecords, delivery_id: str) -> Iterator[StoredObject]:
    arrivals = iter(records.arrivals())
    while block := list(islice(arrivals, PHOTOS_AT_A_TIME)):
        yield from (stored for _, stored in records.confirm(block, delivery_id))


def _take(claim: Claim, photos: Iterator[tuple[StoredObject, str]]) -> tuple[list[tuple[str, str]], list[str]]:
    """URI and class of the photos that no other delivery has, sorted, and their entries of the index."""
    rows: list[tuple[str, str]] = []
    index_entries: list[str] = []
    while block := list(islice(photos, PHOTOS_AT_A_TIME)):
        taken = claim.records.take((photo for photo, _ in block), claim.record["id"])
        rows += [(photo.uri, label) for photo, label in block if photo.id in taken]
        index_entries += filter(None, taken.values())
        claim.update()
    return sorted(rows), index_entries


def _submit(claim: Claim, config: PipelineConfig) -> None:
    """A run that an earlier try has started is found by its name."""
    trigger, name = config.trigger, str(claim.record["name"])
    token_file = Path(trigger.token_file) if trigger.token_file else None
    connection = Connection(config, trigger.host, token_file, namespace=None, experiment=trigger.experiment)
    try:
        run_id = find_run(connection.client(), name, connection.target().namespace) if claim.record["tries"] else ""
        if not run_id:
            claim.update(tries=claim.record["tries"] + 1)  # the last moment to see that another instance took over
            parameters = {"csv": claim.record["csv"]} if claim.record["csv"] else {}
            run_id = str(submit_run(connection, Path(trigger.package), name, parameters, False, None, _ignore)["run_id"])
    except ServerFailed as error:
        failures = claim.record["server_failures"] + 1
        state = FAILED if failures >= MAX_SERVER_FAILURES else PREPARED
        return claim.update(state=state, server_failures=failures, error=f"{error.message} {error.hint}".strip())
    except InputError as error:
        return claim.update(error=f"{error.message} {error.hint}".strip())
    claim.update(state=SUBMITTED, run_id=run_id)


def _ignore(_step: str, _state: str) -> None:
    """A run that is not waited for has no steps to show."""
