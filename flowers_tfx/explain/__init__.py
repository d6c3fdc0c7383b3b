"""Why a model answers as it does: for one photo, for a class, for the whole model. Functions of pictures and of a model, without files."""
