"""What was served: `flowers serve` records each answered photo, `flowers monitor` compares the records with the training sample.

`flowers serve` imports only modules of this package that need nothing but the `# serve` part of requirements/in.txt: not `records`, which
reads with pandas.
"""
