# Two commands do all the set-up: `make book` and `make test`. `make` alone lists the rest.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
PAGE := _build/html/index.html

# Only what is in .venv counts, whatever this shell or this user has set up besides.
unexport PYTHONPATH PYTHONHOME JUPYTER_PATH PYTHONDONTWRITEBYTECODE
# On all cores, one file on one core. Notebooks run only if what they depend on has changed (tools/executed.py).
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n logical --dist loadfile --no-loadscope-reorder
# What the pages are made of, folders too: a file that is gone changes its folder. (`book` alone is a target.)
SOURCES = $(shell find book/. collabkit tools _build/executed _config.yml _toc.yml pyproject.toml .venv/installed \
	-not -name '*.pyc' -not -name __pycache__ -not -path '*/.ipynb_checkpoints*' 2>/dev/null)

.PHONY: help venv book serve pdf slides offline card weight test gpu lint format notebooks bands figures stills reproduce bench labs mark versions links repository clean distclean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

venv:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not here: install Python 3.11 to 3.13, or say where it is: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) tools/make_venv.py

book: venv ## Run the notebooks and build the book; every warning is an error.
	@$(PYTEST) --quiet book
	@$(MAKE) --no-print-directory _build/pages
	@$(BIN)/python -c "import pathlib; print('Open', pathlib.Path('$(PAGE)').resolve().as_uri())"

# All pages or none: of a page that Sphinx does not build again it repeats no warning, and checks no link.
_build/pages: $(SOURCES)
	@rm -f $@
	@$(BIN)/jupyter-book build . --all -W --keep-going
	@touch $@

serve: ## Show the built book at http://localhost:8000 (PORT=… for another).
	@test -f $(PAGE) || $(MAKE) book
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

test: lint ## Check style and types, run all tests and all notebooks, then look at the pages in a browser.
	@$(PYTEST)
	@$(MAKE) --no-print-directory _build/pages
	@$(PYTEST) --dist worksteal tests/pages

gpu: ## On a machine with a GPU: speeds, notebooks and tests, nothing installed (ONLY="speeds tests" for some).
	@if $(BIN)/python -c "" 2>/dev/null; then python=$(BIN)/python; else python=$(PYTHON); fi; \
	$$python tools/gpu.py $(if $(ONLY),--parts $(ONLY))

lint: venv ## Check style and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: venv ## Mend style and import order, and write the notebooks' set-up cell.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(MAKE) --no-print-directory notebooks

notebooks: venv ## Drop outputs from the notebooks; write what is generated in them, the README's table, the map of concepts and the teacher's plans.
	@$(BIN)/python tools/notebooks.py setup
	@$(BIN)/python -m tools.contents
	@$(BIN)/python -m tools.concepts
	@$(BIN)/python -m tools.plans

bands: venv ## Measure again the scores that chapters are checked against (ONLY=name for some).
	@$(BIN)/python -m benchmarks.bands $(ONLY)

figures: venv ## Measure again what chapters show beside their own fits (ONLY=choices for some).
	@for name in $(or $(ONLY),choices decays small_tables shapes ranking); do \
		OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.$$name || exit 1; \
	done

stills: venv ## Draw again the still pictures of the figures that move (ONLY=sigmoid for some).
	@$(BIN)/python -m tools.stills $(ONLY)

reproduce: venv ## Run the five published notebooks again, in full (ONLY="A D" for some).
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.reproduce $(ONLY)

bench: venv ## Measure all that the leaderboard shows (ONLY="myfm bayes" for some of its rows).
	@$(BIN)/python -m benchmarks.leaderboard $(ONLY)
ifndef ONLY
	@$(BIN)/python -m benchmarks.lists
	@OMP_NUM_THREADS=2 $(BIN)/python -m benchmarks.bayes
	@OMP_NUM_THREADS=2 $(BIN)/python -m benchmarks.ladder
	@OMP_NUM_THREADS=2 $(BIN)/python -m benchmarks.official
	@OMP_NUM_THREADS=2 $(BIN)/python -m benchmarks.speed
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.scale
endif

labs: venv ## Build the labs into _build/labs: to hand out, solved, and the autograder archives (ONLY=1 for some).
	@$(BIN)/python -m tools.labs $(ONLY)

mark: venv ## Mark a folder of submitted labs into _build/labs/marks.csv: make mark SUBMISSIONS=folder
	@test -n "$(SUBMISSIONS)" || { echo "Which folder has the submissions? make mark SUBMISSIONS=folder"; exit 1; }
	@$(BIN)/python -m tools.labs
	@$(BIN)/python -m tools.mark "$(SUBMISSIONS)"

versions: export OMP_NUM_THREADS := 1
versions: venv ## Run quick tests with the lowest versions, Colab's and the newest (ONLY=lowest for one).
	@$(BIN)/python -m tools.versions $(ONLY) $(if $(TORCH),--torch $(TORCH))

links: venv ## Check that the links in the book still lead somewhere (needs the network).
	@$(PYTEST) --quiet book
	@$(BIN)/jupyter-book build . --builder linkcheck

repository: venv ## Print the repository's URL, or move the project: make repository URL=https://github.com/OWNER/NAME
	@$(BIN)/python tools/repository.py $(URL)

offline: book ## Write _build/offline, for a class without a network (EDITIONS="small-2018 25m" for more data).
	@$(BIN)/python tools/offline.py $(EDITIONS)

pdf: ## Print the built book to _build/book.pdf (SOLUTIONS=no leaves them out); needs Chromium.
	@test -f $(PAGE) || $(MAKE) book
	@$(BIN)/python -m tools.pdf $(if $(SOLUTIONS),--solutions $(SOLUTIONS))

slides: venv ## Build a deck of slides for each chapter, in _build/slides (ONLY="1 2" for some).
	@$(PYTEST) --quiet book
	@$(BIN)/python -m tools.slides $(ONLY)

card: ## Draw the picture that links to the book show, from its front page; needs Chromium.
	@test -f $(PAGE) || $(MAKE) book
	@$(BIN)/python -m tools.card

weight: ## Measure what the first view of each page weighs, and how long it takes; needs Chromium.
	@test -f $(PAGE) || $(MAKE) book
	@$(BIN)/python -m benchmarks.page_weight

clean: ## Remove what was built, and caches; keep .venv.
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -not -path './.peers/*' -not -path './.versions/*' -prune -exec rm -rf {} +

distclean: clean ## Remove .venv and all other environments too.
	rm -rf .venv .peers .versions
