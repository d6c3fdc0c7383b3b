# One command each; `make help` lists them. Everything runs in .venv, which scripts/setup.sh makes when the lock or setup.py changed.
# PYTHON=... names an interpreter (scripts/pick_python.sh chooses one otherwise); ARGS=... goes to pytest (or uv).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test e2e long lint docs bench image lock clean
export PYTHON

# First on PATH, since Beam's worker pool starts whatever `python` is there.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## .venv from the lock, where it is not up to date
	@scripts/setup.sh

demo: setup ## sample photos through the whole pipeline, then predictions; everything lands in demo/
	@scripts/demo.sh

test: setup ## every test
	.venv/bin/pytest tests/unit tests/pipeline tests/e2e $(ARGS)

e2e: setup ## only the tests that run the whole program
	.venv/bin/pytest tests/e2e $(ARGS)

long: setup ## the tests that CI has no time for: engines and stores that are built first, a process for every step
	.venv/bin/pytest tests -m long $(ARGS)

# mypy is strict by pyproject.toml; --strict here would undo the exceptions made there.
lint: setup ## formatting, lint, types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy flowers_tfx runners pipeline_def.py

docs: setup ## docs/configuration.md and docs/properties.md from the code
	.venv/bin/python -m flowers_tfx.cli.reference >docs/configuration.md.new && mv docs/configuration.md.new docs/configuration.md
	.venv/bin/python -m flowers_tfx.cli.reference properties >docs/properties.md.new && mv docs/properties.md.new docs/properties.md

bench: setup ## every benchmark in turn; those that need real photos say when they skip
	@failed=0; for script in $(wildcard benchmarks/[a-z]*.py); do echo "== $$script"; .venv/bin/python "$$script" || failed=1; done; exit $$failed

image: ## the container image, with docker, podman or buildah (docs/image.md: TARGET, ACCELERATOR, WEIGHTS, BEAM_BOOT, BASE_IMAGE, IMAGE)
	@scripts/image.sh

lock: ## requirements/lock.txt from requirements/in.txt, both stacks in one file, gpu.txt, manifests.txt, clients.txt, mlflow.txt and the cloud trigger's; ARGS=--upgrade for newer versions
	scripts/uv.sh pip compile --quiet --universal --python-version 3.10 --generate-hashes $(ARGS) \
	  --custom-compile-command "make lock" requirements/in.txt --output-file requirements/lock.txt
	echo 'tensorflow[and-cuda]' | scripts/uv.sh pip compile --quiet --universal --python-version 3.11 --generate-hashes $(ARGS) \
	  --custom-compile-command "make lock" --constraints requirements/lock.txt - --output-file requirements/gpu.txt
	scripts/uv.sh pip compile --quiet --no-deps --universal --python-version 3.11 --generate-hashes $(ARGS) \
	  --custom-compile-command "make lock" requirements/manifests.in --output-file requirements/manifests.txt
	scripts/uv.sh pip compile --quiet --universal --python-version 3.11 --generate-hashes $(ARGS) \
	  --custom-compile-command "make lock" requirements/clients.in --output-file requirements/clients.txt
	scripts/uv.sh pip compile --quiet --universal --python-version 3.11 --generate-hashes $(ARGS) \
	  --custom-compile-command "make lock" requirements/mlflow.in --output-file requirements/mlflow.txt
	scripts/uv.sh pip compile --quiet --universal --python-version 3.11 --generate-hashes $(ARGS) \
	  --custom-compile-command "make lock" --constraints requirements/lock.txt requirements/trigger.in \
	  --output-file deploy/trigger/requirements.txt

clean: ## whatever the commands above made in this folder
	rm -rf .venv .venv-tools .venv-tools.lock demo build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
