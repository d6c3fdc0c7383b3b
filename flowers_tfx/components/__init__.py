"""The pipeline's own TFX components: thin shells over the other packages, one a file."""
