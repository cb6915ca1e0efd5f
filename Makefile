# The verbs of the project, the same for people and CI: `make help` lists them.
#
# Whatever a verb needs is installed before it, once: a virtual environment in .venv, the Python and
# node packages, the page's bundle, a Chromium for the browser test. Files in .venv say what is done.

PYTHON ?= python3
# Installed before all else: this line alone decides which build of torch is used.
TORCH ?= torch==2.13.0
# What our kernels are interpreted by where there is no GPU.
TRITON ?= triton==3.6.0

BIN := .venv/bin
BUNDLE := longlive_widget/static/widget.js
# A file's tests stay together: they share engines. How many workers: tests/conftest.py.
WORKERS := -n auto --dist loadfile --no-loadscope-reorder
NOTEBOOKS := --nbval --nbval-current-env --nbval-sanitize-with notebooks/sanitize.cfg
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# A hundred Pythons start here, most of them to load torch: what one of them compiles is kept for all.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo lab test page docs fuzz soak kernels fix lint audit clean

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: .venv/.packages $(BUNDLE) ## install all that the others need (they do it themselves)

demo: setup ## run the quickstart: demo/quickstart.html and demo/quickstart.mp4
	@$(BIN)/python notebooks/demo.py

lab: setup ## open the quickstart in JupyterLab
	@$(BIN)/jupyter lab $(AS_ROOT) --notebook-dir=notebooks --LabApp.default_url=/lab/tree/01_quickstart.ipynb

# tests/browser/test_documents.py builds the documents, as strictly as `docs` does.
test: lint page .venv/.chromium ## run all checks: lint, documents, units, parity, browser, notebooks
	@$(BIN)/pytest -q $(WORKERS) $(NOTEBOOKS) notebooks tests

page: $(BUNDLE)
	@npm --prefix js --silent test

docs: setup ## build the documents into site/: open site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

fuzz: setup ## hand each reader 100,000 things that it may not know (hours; FUZZ_EXAMPLES=1000)
	@FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),100000) $(BIN)/pytest -q tests/fuzz
	@$(BIN)/python -m tests.reliability

soak: setup ## leave a studio running for 15 minutes, disturbed at random; 1 where anything grows
	@$(BIN)/python -m tests.soak; told=$$?; $(BIN)/python -m tests.reliability; exit $$told

kernels: setup .venv/.triton ## run the GPU's kernels in Triton's interpreter (minutes; LONGLIVE_SEED=1)
	@TRITON_INTERPRET=1 PYTHONPATH=.venv/triton $(BIN)/pytest -q tests/gpu/test_fused*.py

lint: setup ## look for mistakes without changing anything
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo
	@npm --prefix js --silent run check

fix: setup ## mend what can be mended by itself, and format
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet
	@npm --prefix js --silent run fix

audit: .venv/.audit ## hold all that is installed against known vulnerabilities (needs a network)
	@$(BIN)/python .ci/audit.py

clean: ## remove all that make has made
	rm -rf .venv js/node_modules longlive_widget/static demo site build dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed: name one, as in `make PYTHON=python3.12`' >&2; exit 1; }
	@echo "==> virtual environment"
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { \
	  .ci/apt_install $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])') && \
	  $(PYTHON) -m venv .venv; }
	@touch $@

# Python compiles what it imports as it does: of twenty thousand modules that is a small part.
.venv/.torch: .venv/.created
	@echo "==> $(TORCH) (hundreds of megabytes)"
	@$(BIN)/pip install -qq --no-compile $(TORCH)
	@touch $@

# make builds the bundle itself, so the package's own build hook has nothing to do here.
.venv/.packages: .venv/.torch pyproject.toml
	@echo "==> Python packages (one or two minutes)"
	@SKIP_JUPYTER_BUILDER=1 $(BIN)/pip install -qq --no-compile --editable '.[dev]'
	@touch $@

# In a folder of its own: torch would compile by a Triton that it finds installed.
.venv/.triton: .venv/.packages
	@$(BIN)/pip install -qq --no-deps --upgrade --target .venv/triton $(TRITON)
	@touch $@

.venv/.audit: .venv/.packages js/node_modules/.installed
	@SKIP_JUPYTER_BUILDER=1 $(BIN)/pip install -qq --editable '.[audit]'
	@touch $@

.venv/.chromium: .venv/.packages
	@.ci/install_chromium $(BIN)/python
	@touch $@

# Not `npm ci`: the lock file holds the versions, but the binaries of only some platforms.
js/node_modules/.installed: js/package.json js/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || \
	  { echo "node 20 or newer is needed, with npm beside it" >&2; exit 1; }
	@echo "==> node packages"
	@npm --prefix js install --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

$(BUNDLE): js/node_modules/.installed $(wildcard js/*.mjs) $(shell find js/src -type f)
	@echo "==> bundle for the page"
	@npm --prefix js run --silent build
	@touch $@
