"""Subjects of findings besides single features. These names are used in the `feature` of findings and as keys of scores."""

ALL_PROPERTIES = "all properties"
OUTLYING_PHOTOS = "outlying photos"
CLASS_SHARES = "class shares"
LABEL_CONSISTENCY = "label consistency"
EVERYTHING = "everything together"
