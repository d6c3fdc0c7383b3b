"""`python -m flowers_tfx.doctor`: `flowers doctor --json` with Python's own library alone, where the command line cannot be imported."""

from __future__ import annotations

import json
import sys

from flowers_tfx.doctor.all_checks import diagnose

if __name__ == "__main__":
    diagnosis = diagnose()
    print(json.dumps(diagnosis.as_json(), indent=2))
    sys.exit(diagnosis.state == "fail")
