"""What models answer to the photos of their `test` splits, asked again through LiteRT: the evaluation keeps no answer of a single photo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowers_tfx.class_names import class_name
from flowers_tfx.data.decisions import read_decisions
from flowers_tfx.data.edited_spans import edited_span
from flowers_tfx.data.example_files import read_span_examples
from flowers_tfx.data.network_picture import Pixels, prepare_picture
from flowers_tfx.data.pictures import open_picture
from flowers_tfx.data.records import bytes_feature
from flowers_tfx.data.spans import Span, list_spans
from flowers_tfx.experiments.contestants import LoadedContestant
from flowers_tfx.features import DIGEST, EVALUATED_SPLIT, IMAGE, LABEL
from flowers_tfx.litert import PROBABILITIES
from flowers_tfx.progress import Meter
from flowers_tfx.threads import map_in_threads

MOST_PHOTOS = 20_000
_DIGEST_RANGE = 1 << 32

Photo = tuple[str, str]  # digest and class: under another class it is another question


@dataclass(frozen=True)
class Answers:
    """`right`: by the name of each contestant, whether it answered the class of the photo; photos of classes that it does not know are left
    out. `asked` of the `photos` in the test splits: of very many the same random ones for every model. `missing`: digests of spans that
    the data root does not hold any more."""

    right: Mapping[str, Mapping[Photo, bool]]
    asked: int
    photos: int
    missing: tuple[str, ...]


def ask_models(data_root: str, contestants: Sequence[LoadedContestant], most: int = MOST_PHOTOS, approvals: int = 1) -> Answers:
    """Every model answers the photos of `test` of its own spans, as reviewers left these: excluded photos are not asked, corrected labels
    are the right answer, also of models from before. `approvals`: how many names a decision of reviewers needs."""
    spans = test_spans(data_root, contestants, approvals)
    photos = sum(_test_photos(span) for span in spans)
    right: dict[str, dict[Photo, bool]] = {one.contestant.name: {} for one in contestants}
    meter, asked = Meter("photos of test"), 0
    for photo, correct in map_in_threads(lambda pair: _ask(*pair), _questions(spans, contestants, most / max(photos, 1))):
        asked += 1
        meter(asked, min(photos, most))
        for name, value in correct.items():
            right[name][photo] = value
    missing = {digest for one in contestants for digest in one.contestant.spans}.difference(*(span.digests for span in spans))
    return Answers(right, asked, photos, tuple(sorted(missing)))


def test_spans(data_root: str, contestants: Sequence[LoadedContestant], approvals: int) -> list[Span]:
    """The spans of these models that the data root still holds, as reviewers left them, and that have photos of `test`."""
    wanted = {digest for one in contestants for digest in one.contestant.spans}
    decisions = read_decisions(data_root)
    spans = [edited_span(decisions, span, approvals) for span in list_spans(data_root) if wanted.intersection(span.digests)]
    return [span for span in spans if _test_photos(span)]


def test_photos(span: Span) -> Iterator[bytes]:
    """Serialized Examples."""
    return read_span_examples(span, EVALUATED_SPLIT)


def _test_photos(span: Span) -> int:
    return int(span.manifest["splits"][EVALUATED_SPLIT])


def _questions(
    spans: Sequence[Span], contestants: Sequence[LoadedContestant], share: float
) -> Iterator[tuple[bytes, list[LoadedContestant]]]:
    """Each photo with the models that were not trained on it. `share` of the photos, chosen by their digests."""
    for span in spans:
        asked = [one for one in contestants if set(span.digests).intersection(one.contestant.spans)]
        for record in test_photos(span):
            if int(bytes_feature(record, DIGEST)[:8], 16) < share * _DIGEST_RANGE:
                yield record, asked


def _ask(record: bytes, contestants: Sequence[LoadedContestant]) -> tuple[Photo, dict[str, bool]]:
    digest, label = bytes_feature(record, DIGEST).decode(), class_name(bytes_feature(record, LABEL).decode())
    picture, pixels = open_picture(bytes_feature(record, IMAGE), None), dict[int, Pixels]()
    right = {}
    for one in contestants:
        if label not in one.labels:
            continue
        size = one.model.image_size
        if size not in pixels:
            pixels[size] = prepare_picture(picture, size)
        answer = one.model(pixels[size])[PROBABILITIES].argmax()
        right[one.contestant.name] = one.labels[int(answer)] == label
    return (digest, label), right
