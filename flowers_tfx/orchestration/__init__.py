"""Everything between a config and a runner: settings as TFX takes them, checks before a run, Beam's engines, cache keys, records of runs,
and everything about Kubeflow."""
