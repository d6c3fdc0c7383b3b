"""The pipeline on Kubeflow: patches and checks of the compiled package, the entrypoint of the steps, runs and schedules on a cluster."""
