"""Which classes the deliveries of a watcher may have."""

from __future__ import annotations

from pathlib import Path

from flowers_tfx.config import load_config
from flowers_tfx.deliveries.delivery_options import delivery_options

IGNORED = ["--set", "ingest.labels="]


def test_the_labels_file_of_a_delivery_by_hand_counts_where_it_has_other_classes(tmp_path: Path) -> None:
    file = tmp_path / "dict.txt"
    assert delivery_options(load_config()) == IGNORED
    assert delivery_options(load_config(None, [f"ingest.labels={file}"])) == IGNORED, "nobody has indexed the folder"
    file.write_text("daisy\nroses\n")
    assert delivery_options(load_config(None, [f"ingest.labels={file}"])) == IGNORED
    file.write_text("daisy\norchids\n")
    assert delivery_options(load_config(None, [f"ingest.labels={file}"])) == [*IGNORED, "--set", f"labels={file}"]
    assert delivery_options(load_config(None, [f"ingest.labels={file}", "labels=[daisy, orchids]"])) == IGNORED
