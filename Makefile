# One command for each thing to do with facewire. Every target makes .venv and what it needs first; a second run does not.
#
# PYTHON=python3.12      which interpreter .venv is made with (3.11 or newer)
# LOCK=requirements.lock  install each file by its sha256, as .ci/run does; for CPython 3.11 on Linux x86-64 and torch's CPU build
# PIP_FLAGS=...          passed to pip, for example --extra-index-url https://download.pytorch.org/whl/cpu for torch without CUDA

PYTHON ?= python3
PIP_FLAGS ?=
LOCK ?=
INPUT ?=
SECONDS ?= 10
CLIPS ?= benchmarks/clips/data/sample.mp4
DIRS ?=
MINUTES ?= 30
SHARDS ?= out/shards
ARGS ?=

BIN := .venv/bin
READY := .venv/.facewire-installed
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS)

# One large GPU. ARGS reaches both commands and wins over what stands here.
GPU_FLAGS := --device cuda --batch 128 --rate 6e-4 --per-clip 0 --references 10 --resume auto

LINT := $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

.PHONY: help demo test format lint bench train train-gpu clean

help:
	@echo "make demo [INPUT=clip.mp4] [SECONDS=10]   a call over loopback, keypoints beside H.264: out/demo.mp4, out/demo.json"
	@echo "make test                                 lint, types and tests: what .ci/run runs"
	@echo "make format                               ruff puts the files in order: before make lint"
	@echo "make lint                                 ruff and mypy alone"
	@echo "make bench [CLIPS='a.mp4 b.mp4'] [ARGS=]  kbps against PSNR, beside the anchors"
	@echo "make train DIRS='clips ...' [MINUTES=30]  train weights on folders of face clips"
	@echo "make train-gpu DIRS='clips ...' [MINUTES=30] [SHARDS=out/shards]  the same on one large GPU, in legs: docs/training.md"
	@echo "make clean                                remove .venv, out/ and caches"

demo: $(READY)
	$(BIN)/python -m benchmarks.demo $(if $(INPUT),--input "$(INPUT)") --seconds $(SECONDS) $(ARGS)

test: $(READY)
	@command -v Xvfb >/dev/null && command -v xdotool >/dev/null && command -v openbox >/dev/null || { \
		$(call debian,xvfb xdotool openbox,without them the tests of the window are skipped); } || true
	@mkdir -p out; { $(LINT); } >out/lint.txt 2>&1 & lint=$$!; \
	$(BIN)/python -m pytest -q $(ARGS); tests=$$?; wait $$lint; lint=$$?; \
	echo '$(LINT), beside the tests:'; cat out/lint.txt; exit $$((tests || lint))

lint: $(READY)
	$(LINT)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m benchmarks rate $(CLIPS) $(ARGS)

train: $(READY)
	@test -n "$(DIRS)" || { echo "make train: name the folders of clips, DIRS='clips more-clips'" >&2; exit 2; }
	$(BIN)/python -m codec.training $(DIRS) --minutes $(MINUTES) $(ARGS)

train-gpu: $(READY)
	@test -n "$(DIRS)" || { echo "make train-gpu: name the folders of clips, DIRS='clips more-clips'" >&2; exit 2; }
	$(BIN)/python -m codec.training prepare $(DIRS) --shards "$(SHARDS)" $(GPU_FLAGS) $(ARGS)
	$(BIN)/python -m codec.training $(DIRS) --shards "$(SHARDS)" --minutes $(MINUTES) $(GPU_FLAGS) $(ARGS)

clean:
	rm -rf .venv out build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# $(call debian,PACKAGES,WHY): installs as root on Debian and its kin, names the packages everywhere else.
define debian
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "installing $(1): $(2)"; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); \
else \
	echo "facewire: $(2). On Debian or Ubuntu: sudo apt-get install $(1)" >&2; false; \
fi
endef

$(READY): pyproject.toml constraints.txt requirements.lock
	@command -v $(PYTHON) >/dev/null || { $(call debian,python3 python3-venv,there is no $(PYTHON)); }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "facewire: needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V 2>&1); try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call debian,python3-venv,$(PYTHON) has no venv module); }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing facewire and what it needs into .venv: one to ten minutes, two to eight gigabytes, as torch comes"
	$(if $(LOCK),$(PIP) --require-hashes --no-deps -r $(LOCK) && $(PIP) --no-deps --no-build-isolation -e .,$(PIP) -c constraints.txt -e '.[all]')
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { $(call debian,libgl1 libglib2.0-0,OpenCV misses system libraries); }
	@$(BIN)/python -c 'import cv2, torch, av, aiortc'
	@touch $@
