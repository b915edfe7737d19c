# `make train` is the main job (STEPS=..., ENVS=..., THREADS=... override its defaults), `make test` is what CI runs.
# Each first creates .venv if there is none, and installs what it lacks; no compiler is needed.
BIN   := .venv/bin
PIP   := $(BIN)/pip --disable-pip-version-check install -c constraints.txt
FLAGS := $(if $(STEPS),--steps $(STEPS)) $(if $(ENVS),--envs $(ENVS)) $(if $(THREADS),--threads $(THREADS))

.PHONY: train test types suite test-ray test-gpu test-newest test-docs test-browser docs wheel fuzz soak
train: .venv/train.stamp
	$(BIN)/batchenv train walk $(FLAGS)

test: .venv/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(MAKE) --no-print-directory --jobs 2 types suite

types: .venv/test.stamp
	$(BIN)/basedpyright

suite: .venv/test.stamp
	$(BIN)/pytest -n 2

test-ray: .venv/ray.stamp
	$(BIN)/pytest -m ray

# On a machine with an NVIDIA GPU; what its first run compiles takes minutes.
test-gpu: .venv/test.stamp
	$(BIN)/pytest -m gpu tests/engine/warp/test_cuda.py

# Core tests against the newest MuJoCo, or VERSION=..., in an environment of its own.
test-newest:
	.ci/test-newest $(VERSION)

# A wheel and an sdist in dist/, and the wheel tried in an empty environment.
wheel: .venv/test.stamp
	$(PIP) build
	rm -rf dist
	$(BIN)/python -m build
	.ci/try-wheel

# The site, in site/; a warning ends the build.
docs: .venv/docs.stamp
	$(BIN)/python scripts/generate_docs.py
	$(BIN)/mkdocs build --strict

# All code blocks, commands and notebooks of the documentation, a few minutes.
test-docs: .venv/docs.stamp
	$(BIN)/pytest -m 'not gpu and not ray' tests/test_docs.py tests/test_notebooks.py

# The page of `play --browser` in a real browser: apt-get install chromium.
test-browser: .venv/browser.stamp
	$(BIN)/pytest -m browser

# Damaged files and odd arguments, about 20 minutes: N=... inputs, SEED=... other ones.
fuzz: .venv/test.stamp
	$(BIN)/python -m tests.fuzz $(if $(N),--inputs $(N)) $(if $(SEED),--seed $(SEED))

# A long life with divergences, threads and restores: STEPS=... by default a million.
soak: .venv/test.stamp
	$(BIN)/python benchmarks/soak.py --json runs/soak.json $(if $(STEPS),--steps $(STEPS))

$(BIN)/pip:
	python3 -m venv .venv

# torch first and by its exact version: pip then takes a CPU build of it where the machine offers one, and the ranges
# that other packages ask for are met; left to a range, pip takes the newest torch with gigabytes of CUDA libraries.
.venv/train.stamp: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[train]'
	touch $@

.venv/test.stamp: .venv/train.stamp
	$(PIP) --editable '.[train,sb3,evaluate,viewer,browser,export,gpu,mocap,dev]'
	touch $@

.venv/ray.stamp: .venv/test.stamp
	$(PIP) --editable '.[ray]'
	touch $@

.venv/docs.stamp: .venv/test.stamp
	$(PIP) --editable '.[docs]'
	touch $@

.venv/browser.stamp: .venv/test.stamp
	$(PIP) --editable '.[browser-test]'
	touch $@
