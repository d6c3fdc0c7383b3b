"""Names of properties, kinds of findings and units. Those of properties and kinds come from their tables."""

from flowers_tfx.features import PROPERTIES
from flowers_tfx.finding_kinds import KINDS

SCALE = "scale {low} to {high}"
TEXTS = {
    **{f"title.{prop.name}": prop.title for prop in PROPERTIES},
    **{f"meaning.{prop.name}": prop.meaning for prop in PROPERTIES},
    **{f"unit.{prop.unit}": prop.unit for prop in PROPERTIES},
    **{f"kind.{spec.key}": spec.title for spec in KINDS},
    **{f"effect.{spec.key}": spec.effect_meaning for spec in KINDS},
    "meaning.derived": "computed from other properties",
    "title.red-green balance": "red-green balance",
    "title.yellow-blue balance": "yellow-blue balance",
    "title.red-blue balance": "red-blue balance",
    "title.pixels": "number of pixels",
    "title.longer side": "longer side",
    # Subjects of findings that are not properties.
    "title.all properties": "all properties together",
    "title.everything together": "everything together",
    "title.outlying photos": "unusual combinations of properties",
    "title.label": "class shares",
    "title.class shares": "class shares",
    "title.label consistency": "fit of label and photo",
    "title.embedding": "content of the photos",
    "title.rejects": "unreadable inputs",
    "title.accuracy": "accuracy of the model",
    "title.delivery": "lines of the delivery",
    "points": "{value} points",
}
