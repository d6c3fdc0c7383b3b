"""The pipeline's own TFX components, one per file: thin shells over the other packages. What they are made of: `own_component`, `executor`,
`nodes`, `outside_driver`, `local_artifacts`, `artifacts`."""
