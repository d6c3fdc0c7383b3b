"""Care of what is stored: where files lie, which of them something needs, and how the others are removed."""
