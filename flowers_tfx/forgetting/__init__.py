"""A person asks for a photo to be deleted: it leaves everything that the pipeline stores."""
