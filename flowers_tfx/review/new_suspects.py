"""Labels of a delivery that are probably wrong: what an audit finds among the new photos, with the baseline's photos to learn from."""

from __future__ import annotations

import pandas as pd

from flowers_tfx import features
from flowers_tfx.errors import InputError
from flowers_tfx.validation.suspects import Suspect, label_suspects

MOST = 300
_COLUMNS = (features.URI, features.DIGEST, features.LABEL, features.EMBEDDING)


def new_suspects(baseline: pd.DataFrame, new: pd.DataFrame) -> list[Suspect]:
    """At most MOST, the surest first. None where labels cannot be examined: without embeddings, or with too few photos of a class."""
    if not set(_COLUMNS) <= set(new):
        return []
    sides = [side[list(_COLUMNS)] for side in (new, baseline) if set(_COLUMNS) <= set(side)]
    try:
        suspects = label_suspects(pd.concat(sides, ignore_index=True).drop_duplicates(features.DIGEST))
    except InputError:
        return []
    own = set(new[features.DIGEST])
    return [suspect for suspect in suspects if suspect.digest in own][:MOST]
