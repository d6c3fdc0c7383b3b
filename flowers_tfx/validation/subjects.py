"""What a finding can concern besides a single feature. These names stand in the `feature` of findings and in the keys of scores."""

ALL_PROPERTIES = "all properties"
OUTLYING_PHOTOS = "outlying photos"
CLASS_SHARES = "class shares"
LABEL_CONSISTENCY = "label consistency"
EVERYTHING = "everything together"
