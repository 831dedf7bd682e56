# Needs Python 3.11 to 3.13 with venv and pip, and make; everything else goes into .venv/. `make help` lists the targets.

PYTHON ?= python3
PROMPT ?= a rocket flies up on a black background
SEED ?= 7
PACKAGES ?= packages

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# The prompt reaches the command through the environment, as it was typed: quotes, dollars and all.
override PROMPT := $(value PROMPT)
override SEED := $(value SEED)
export PROMPT SEED

.PHONY: help setup video test test-slow lint assets clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: $(INSTALLED) ## Make .venv and install Worldreel into it (again only when its dependencies change)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else \
		"Worldreel needs Python 3.11 to 3.13; %s is %d.%d: try make PYTHON=python3.12 ..." % (sys.executable, *v))'
	@echo "Setting up $(VENV): once, a few minutes, most of them the download of PyTorch"
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check $$(test -t 1 || echo --quiet) -c constraints.txt -e '.[dev]'
	@touch $@
	@echo "$(VENV) is ready"

video: setup ## Make a video: make video PROMPT="a cat walks to the right" SEED=3
	@$(BIN)/worldreel generate "$$PROMPT" --seed "$$SEED"

test: setup ## Run the tests
	@$(BIN)/python -m pytest

test-slow: setup ## Run the tests that take minutes
	@$(BIN)/python -m pytest -m slow

lint: setup ## Check style, types and the floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict worldreel
	$(BIN)/lint-imports

assets: setup ## Make assets/sprites.zip anew from npm packages in PACKAGES (fetched if missing, 730 MB)
	@mkdir -p '$(PACKAGES)'
	@cd '$(PACKAGES)' && for n in 1 2 3 4; do \
		test -f lobehub-fluent-emoji-anim-$$n-1.0.0.tgz || npm pack --silent @lobehub/fluent-emoji-anim-$$n@1.0.0 || exit 1; \
	done
	$(BIN)/python -m worldreel.worlds.prepare '$(PACKAGES)' --out assets/sprites.zip

clean: ## Remove .venv and caches; videos and runs stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist
