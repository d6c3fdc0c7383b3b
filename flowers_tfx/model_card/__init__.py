"""The model card: what a version is, what it was made of, how good it is and where it fails, from what the nodes of the run recorded."""
