"""Events and schedules become runs, each once: a bucket in memory, several instances, kills, and a double of the Pipelines API."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowers_tfx.config import PipelineConfig, parse_config
from flowers_tfx.deliveries import cloud_runs, cloud_trigger
from flowers_tfx.deliveries.cloud_events import StoredObject, read_request
from flowers_tfx.deliveries.cloud_records import CloudRecords
from flowers_tfx.deliveries.cloud_trigger import CloudTrigger, Outcome
from flowers_tfx.errors import InputError
from tests.unit.buckets import FakeStore, Killed
from tests.unit.cloud_events import Request, cloud_storage
from tests.unit.pipelines_server import TOKEN, Cluster, serve_cluster
from tests.unit.test_kubeflow_lint import small_spec

CLAIM_S, QUIET_S = 300.0, 60.0


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("FLOWERS_KUBEFLOW_TOKEN", TOKEN)
    monkeypatch.setattr(cloud_trigger, "POLL_S", 0.01)
    with serve_cluster(Cluster()) as served:
        yield served


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Instance = Callable[..., CloudTrigger]


@pytest.fixture
def instance(store: FakeStore, cluster: Cluster, clock: Clock, tmp_path: Path) -> Instance:
    """Another instance of the trigger, which knows nothing of the others."""
    package = tmp_path / "flowers.yaml"
    spec = small_spec()
    spec["root"]["inputDefinitions"]["parameters"]["csv"] = {"parameterType": "STRING", "defaultValue": ""}
    package.write_text(yaml.safe_dump(spec))

    def start(**settings: Any) -> CloudTrigger:
        return CloudTrigger(config(cluster.host, package, **settings), clock)

    return start


def config(host: str, package: Path, data_root: str = "s3://bucket/data", namespace: str = "", **settings: Any) -> PipelineConfig:
    trigger = {"source": "s3://bucket/in", "host": host, "package": str(package), "claim_s": CLAIM_S, **settings}
    watch = {"quiet_s": QUIET_S, "longest_wait_s": 3600}
    return parse_config({"data_root": data_root, "watch": watch, "trigger": trigger, "kubeflow": {"namespace": namespace}})


def put(store: FakeStore, name: str, data: bytes = b"photo") -> StoredObject:
    """Writes an object and returns its event."""
    return StoredObject("s3", "bucket", name, store.write(name, data))


def put_photos(store: FakeStore, count: int, folder: str = "in") -> list[StoredObject]:
    return [put(store, f"{folder}/{('roses', 'tulips')[n % 2]}/{n}.jpg") for n in range(count)]


def delivered(store: FakeStore, cluster: Cluster) -> list[list[tuple[str, str]]]:
    """URIs and classes of the CSV of each run."""
    uris = [run["runtime_config"]["parameters"]["csv"].removeprefix("s3://bucket/") for run in cluster.runs]
    return [[(row[0], row[1]) for row in csv.reader(io.StringIO(store.objects[uri][0].decode()))] for uri in uris]


def states(outcome: Outcome) -> list[str]:
    return [delivery["state"] for delivery in outcome.deliveries]


def test_500_photos_are_one_run_when_the_quiet_time_is_over(instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock) -> None:
    events = put_photos(store, 500)
    triggers = [instance() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda n: triggers[n % 4].accept([events[n]]), range(500)))
    assert sum(outcome.recorded for outcome in outcomes) == 500
    clock.now += QUIET_S - 1
    assert states(triggers[0].tick()) == []
    clock.now += 2
    with ThreadPoolExecutor(4) as pool:
        ticks = list(pool.map(lambda trigger: trigger.tick(), triggers))
    assert [state for tick in ticks for state in states(tick)] == ["submitted"]
    (rows,) = delivered(store, cluster)
    assert rows == sorted((event.uri, event.name.split("/")[1]) for event in events)
    clock.now += 10_000
    assert [outcome.duplicates for outcome in map(triggers[1].accept, ([event] for event in events[:3]))] == [1, 1, 1]
    assert states(triggers[2].tick()) == []
    assert len(cluster.runs) == 1
    assert not [key for key in store.objects if "/pending/" in key or "/open/" in key]


def deny_slowly(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store takes its time to say that there is no object, so that all instances find that there is no record yet."""
    read = store.read

    def read_slowly(key: str) -> tuple[bytes, str]:
        try:
            return read(key)
        except FileNotFoundError:
            time.sleep(0.02)
            raise

    monkeypatch.setattr(store, "read", read_slowly)


def test_an_event_that_comes_many_times_at_once_is_recorded_once(
    instance: Instance, store: FakeStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same millisecond, with a store that is slow to say that there is nothing."""
    deny_slowly(store, monkeypatch)
    event = put(store, "in/roses/1.jpg")
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda trigger: trigger.accept([event]), [instance() for _ in range(6)]))
    assert (sum(outcome.recorded for outcome in outcomes), sum(outcome.duplicates for outcome in outcomes)) == (1, 5)


def test_the_next_event_judges_the_quiet_time(instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock) -> None:
    trigger = instance()
    for event in put_photos(store, 3):
        trigger.accept([event])
    clock.now += QUIET_S + 1
    late = trigger.accept([put(store, "in/roses/late.jpg")])
    assert (late.recorded, states(late)) == (1, ["submitted"])
    assert [len(rows) for rows in delivered(store, cluster)] == [4]


def test_a_photo_that_is_written_again_is_new_and_the_longest_wait_ends(
    instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock
) -> None:
    trigger = instance()
    for _ in range(90):  # always before the quiet time is over
        trigger.accept([put(store, "in/roses/same.jpg")])
        clock.now += QUIET_S - 10
        if cluster.runs:
            break
    (rows,) = delivered(store, cluster)
    assert 3600 / (QUIET_S - 10) <= len(rows) <= 3600 / (QUIET_S - 10) + 2


def test_only_what_lies_below_the_source_counts(instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock) -> None:
    trigger = instance()
    outside = [put(store, name) for name in ("other/roses/1.jpg", "data/triggers/x", "in/../in/roses/1.jpg", "in/loose.jpg")]
    writes = len(store.order)
    outcome = trigger.accept([*outside, StoredObject("gs", "bucket", "in/roses/1.jpg", "1")])
    assert (outcome.recorded, outcome.ignored) == (0, 5)
    assert len(store.order) == writes, "an event for what the trigger itself writes must not write"


def test_the_same_marker_three_times_and_at_once_is_one_run(
    instance: Instance, store: FakeStore, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny_slowly(store, monkeypatch)
    photos = put_photos(store, 20, "in/day")
    event = put(store, "in/day/_READY", b"")
    triggers = [instance(start="marker") for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda trigger: trigger.accept([event]), triggers))
    outcomes += [triggers[0].accept([event]) for _ in range(3)]
    assert [states(outcome) for outcome in outcomes] == [["submitted"]] * 9
    assert {outcome.deliveries[0]["run_id"] for outcome in outcomes} == {"r1"}
    assert sum(outcome.duplicates for outcome in outcomes) == 8
    assert delivered(store, cluster) == [sorted((photo.uri, photo.name.split("/")[2]) for photo in photos)]
    again = triggers[0].accept([put(store, "in/day/_READY", b"")])
    assert states(again) == ["empty"], "another marker, and nothing that is new"
    put(store, "in/day/roses/new.jpg")
    triggers[0].accept([put(store, "in/day/_READY", b"")])
    assert delivered(store, cluster)[1] == [("s3://bucket/in/day/roses/new.jpg", "roses")]


def test_with_markers_alone_photos_cost_no_request(instance: Instance, store: FakeStore, cluster: Cluster) -> None:
    trigger = instance(start="marker")
    events = put_photos(store, 5, "in/day")
    store.fail_after_writes(0)
    assert trigger.accept(events).ignored == 5


def test_a_marker_ends_the_wait_of_the_photos(instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock) -> None:
    trigger = instance()
    events = put_photos(store, 6)
    trigger.accept(events[:4])
    assert states(trigger.accept([put(store, "in/_SUCCESS", b"")])) == ["submitted"]
    assert [len(rows) for rows in delivered(store, cluster)] == [6], "the events of two photos come later than the marker's"
    assert not [key for key in store.objects if "/pending/" in key], "what is left would make the next photo start at once"
    assert trigger.accept(events[4:]).duplicates == 2
    clock.now += 10_000
    assert states(trigger.tick()) == []


def test_a_csv_is_a_delivery_of_its_own(instance: Instance, store: FakeStore, cluster: Cluster) -> None:
    outcome = instance().accept([put(store, "in/lists/monday.csv", b"a.jpg,roses\n")])
    assert states(outcome) == ["submitted"]
    assert cluster.runs[0]["runtime_config"]["parameters"] == {"csv": "s3://bucket/in/lists/monday.csv"}
    assert cluster.runs[0]["display_name"] == outcome.deliveries[0]["name"]


def test_names_that_a_csv_must_quote(instance: Instance, store: FakeStore, cluster: Cluster) -> None:
    put(store, 'in/day/a, b "c"/x, "y".jpg')
    instance(start="marker").accept([put(store, "in/day/_READY", b"")])
    assert delivered(store, cluster) == [[('s3://bucket/in/day/a, b "c"/x, "y".jpg', 'a, b "c"')]]


def test_a_kill_after_any_write_is_made_good(instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock) -> None:
    """The instance dies at its n-th write. Its event comes again when its claim is over, or a cron comes: one run, with every photo."""
    kills = 0
    for writes in range(40):
        folder = f"in/{writes}"
        put_photos(store, 3, folder)
        event = put(store, f"{folder}/_READY", b"")
        store.fail_after_writes(writes)
        try:
            instance(start="marker").accept([event])
        except Killed:
            kills += 1
        finished = store.writes_left != 0
        store.fail_after_writes(None)
        clock.now += CLAIM_S + 1
        outcome = instance(start="marker").accept([event]) if writes % 2 else instance(start="marker").tick()
        expected = 0 if writes == 0 else 1  # the event was all that there was, and it is lost
        runs = [rows for rows in delivered(store, cluster) if rows[0][0].startswith(f"s3://bucket/{folder}/")]
        assert [len(rows) for rows in runs] == [3] * expected, (writes, outcome)
        if finished:
            break
    assert kills >= 8
    assert not [key for key in store.objects if "/open/" in key]


def test_a_kill_between_claim_and_submission_of_quiet_photos(instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock) -> None:
    for writes in range(40):
        events = put_photos(store, 3)
        instance().accept(events)
        clock.now += QUIET_S + 1
        store.fail_after_writes(writes)
        finished = True
        try:
            instance().tick()
        except Killed:
            finished = False
        store.fail_after_writes(None)
        clock.now += CLAIM_S + 1
        instance().tick()
        assert sorted(len(rows) for rows in delivered(store, cluster)) == [3] * (writes + 1)
        if finished:
            break
    assert writes >= 6
    uris = [uri for rows in delivered(store, cluster) for uri, _ in rows]
    assert len(uris) == 3 * (writes + 1)


@pytest.mark.parametrize("namespace", ["", "team"], ids=["single-user", "multi-user"])
def test_a_kill_after_the_run_was_submitted_finds_the_run(
    instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    cluster.multi_user = bool(namespace)
    event = put(store, "in/all.csv", b"a.jpg,roses\n")
    submit = cloud_runs.submit_run

    def die_after(*arguments: Any) -> Any:
        submit(*arguments)
        raise Killed

    cluster.runs += [{"display_name": f"other {n}", "run_id": f"o{n}", "runtime_config": {}} for n in range(5)]
    with monkeypatch.context() as patch:
        patch.setattr(cloud_runs, "submit_run", die_after)
        with pytest.raises(Killed):
            instance(namespace=namespace).accept([event])
    assert len(cluster.runs) == 6
    clock.now += CLAIM_S + 1
    outcome = instance(namespace=namespace).accept([event])
    assert (states(outcome), outcome.deliveries[0]["run_id"]) == (["submitted"], "r6")
    assert len(cluster.runs) == 6


def test_an_instance_that_wakes_up_too_late_submits_nothing(
    instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped for longer than its claim, and another one took over meanwhile."""
    put_photos(store, 3, "in/day")
    event = put(store, "in/day/_READY", b"")
    take = cloud_runs._take

    def sleep_long(*arguments: Any) -> Any:
        monkeypatch.setattr(cloud_runs, "_take", take)
        clock.now += CLAIM_S + 1
        assert states(instance(start="marker").accept([event])) == ["submitted"]
        return take(*arguments)

    monkeypatch.setattr(cloud_runs, "_take", sleep_long)
    assert states(instance(start="marker").accept([event])) == ["submitted"]
    assert len(cluster.runs) == 1


def test_an_instance_that_takes_long_keeps_its_delivery(
    instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a claim lasts, for all the photos together."""
    monkeypatch.setattr(cloud_runs, "PHOTOS_AT_A_TIME", 2)
    take = CloudRecords.take
    instance().accept(put_photos(store, 8))

    def take_slowly(records: CloudRecords, photos: Any, delivery: str) -> Any:
        clock.now += CLAIM_S * 0.7
        assert states(instance().tick()) == []
        return take(records, photos, delivery)

    monkeypatch.setattr(CloudRecords, "take", take_slowly)
    clock.now += QUIET_S + 1
    assert states(instance().tick()) == ["submitted"]
    assert [len(rows) for rows in delivered(store, cluster)] == [8]


def test_another_instance_at_work_is_waited_for_and_then_the_event_must_come_again(
    instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = put(store, "in/all.csv", b"a.jpg,roses\n")
    monkeypatch.setattr(cloud_trigger, "WAIT_S", 0.05)
    store.fail_after_writes(2)
    with pytest.raises(Killed):
        instance().accept([event])
    store.fail_after_writes(None)
    outcome = instance().accept([event])
    assert outcome.unfinished and states(outcome) == ["claimed"]
    assert cluster.runs == []
    clock.now += CLAIM_S + 1
    outcome = instance().accept([event])
    assert not outcome.unfinished and states(outcome) == ["submitted"]


def test_a_pipelines_api_that_is_away(instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock) -> None:
    """The delivery stays, events do not repeat the attempt each time, and the cron does."""
    event = put(store, "in/all.csv", b"a.jpg,roses\n")
    cluster.answers = [(503, {"message": "no backend"})]
    outcome = instance().accept([event])
    assert outcome.unfinished and "503" in outcome.deliveries[0]["error"]
    requests = len(cluster.requests)
    for photo in put_photos(store, 5):
        assert instance().accept([photo]).recorded == 1
    assert len(cluster.requests) == requests
    assert states(instance().tick()) == ["submitted"]
    assert len(cluster.runs) == 1
    assert states(instance().accept([event])) == ["submitted"]


def test_a_server_that_fails_at_the_run_is_not_asked_for_ever(instance: Instance, store: FakeStore, cluster: Cluster) -> None:
    """Each time it may have started the run and not stored it."""
    event = put(store, "in/all.csv", b"a.jpg,roses\n")
    outcomes = []
    for _ in range(5):
        cluster.answers = [(200, {}), (200, {"experiments": [{"display_name": "flowers", "experiment_id": "e"}]}), (500, {"message": "x"})]
        if outcomes:  # it looks for the run of the earlier attempt
            cluster.answers = [(200, {}), *cluster.answers]
        outcomes.append(instance().accept([event]))
    assert [states(outcome) for outcome in outcomes] == [["prepared"], ["prepared"], ["failed"], ["failed"], ["failed"]]
    assert [outcome.unfinished for outcome in outcomes] == [True, True, False, False, False]
    assert "kubectl get workflows" in outcomes[2].deliveries[0]["error"]
    cluster.answers = []
    assert states(instance().tick()) == []


def test_a_schedule_starts_a_run_once_for_each_time(instance: Instance, store: FakeStore, cluster: Cluster) -> None:
    triggers = [instance() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda trigger: trigger.tick("nightly 2026-11-28T02:30"), triggers))
    assert [states(outcome) for outcome in outcomes] == [["submitted"]] * 4
    assert states(triggers[0].tick("nightly 2026-11-29T02:30")) == ["submitted"]
    triggers[1].accept([put(store, "in/all.csv", b"a.jpg,roses\n")])
    triggers[2].tick("nightly 2026-11-30T02:30")
    csvs = [run.get("runtime_config", {}).get("parameters", {}).get("csv") for run in cluster.runs]
    assert csvs == [None, None, "s3://bucket/in/all.csv", "s3://bucket/in/all.csv"], "the package's own, then that of the newest delivery"


def test_a_scan_finds_what_no_event_told_of(instance: Instance, store: FakeStore, cluster: Cluster, clock: Clock) -> None:
    events = put_photos(store, 4)
    instance().accept(events[:2])
    put(store, "in/lost.csv", b"a.jpg,roses\n")
    outcome = instance().tick(scan=True)
    assert (outcome.recorded, states(outcome)) == (2, ["submitted"])
    clock.now += QUIET_S + 1
    assert states(instance().tick(scan=True)) == ["submitted"]
    assert instance().tick(scan=True).recorded == 0
    assert len(cluster.runs) == 2
    assert instance().accept(events).duplicates == 4


def test_cloud_storage(instance: Instance, store: FakeStore, cluster: Cluster) -> None:
    """Photos and markers are known by their generations, in events and in listings alike."""
    trigger = instance(source="gs://bucket/in")
    generations = {name: int(store.write(name, b"x")) for name in ("in/roses/1.jpg", "in/roses/2.jpg", "in/_READY")}
    photo, _, marker = (cloud_storage(name, generation) for name, generation in generations.items())
    assert trigger.accept(read_request(*lower(photo))).recorded == 1
    assert states(trigger.accept(read_request(*lower(marker)))) == ["submitted"]
    uri = cluster.runs[0]["runtime_config"]["parameters"]["csv"]
    assert store.objects[uri.removeprefix("s3://bucket/")][0] == b"gs://bucket/in/roses/1.jpg,roses\ngs://bucket/in/roses/2.jpg,roses\n"
    assert trigger.tick(scan=True).as_json() == {"recorded": 0, "duplicates": 0, "ignored": 0, "deliveries": []}
    assert trigger.accept(read_request(*lower(cloud_storage("in/roses/1.jpg", 999)))).recorded == 1, "written again"


def lower(request: Request) -> Request:
    headers, body = request
    return {name.lower(): value for name, value in headers.items()}, body


def test_a_data_root_on_a_disk_or_in_the_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not in a bucket"):
        CloudTrigger(config("http://h", tmp_path, data_root="data"))
    with pytest.raises(InputError, match="data root is in it"):
        CloudTrigger(config("http://h", tmp_path, data_root="s3://bucket/in/data"))
    CloudTrigger(config("http://h", tmp_path, data_root="s3://bucket/input"))
