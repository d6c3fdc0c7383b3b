"""The pipeline on Kubeflow: what its compiled form needs besides what TFX writes, the steps' entrypoint, and talking to a cluster."""
