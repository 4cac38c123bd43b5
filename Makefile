# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(VENV)/.base: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

$(VENV)/.all: $(VENV)/.base
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev,clip]'
	touch $@

.PHONY: install install-all
install: $(VENV)/.base ## the virtual environment .venv: base and dev
install-all: $(VENV)/.all ## every extra that this machine can hold: torch, open_clip, trainers

.PHONY: demo crawl test check bench
demo: install ## the main job on a real Chinese site: crawl, measure, judge, pack, verify, and a report
	$(BIN)/python -m demo.run

.PHONY: mini
mini: install-all ## rebuild filters/models/mini, the scorer that comes with Tuwen, from packages (about 160 MB)
	$(BIN)/python -m trainers.mini
	$(BIN)/python -m trainers.mini_worth

crawl: install ## crawl alone: make crawl SEEDS=seeds.toml OUT=corpus [ARGS='--max-pages 100']
	@test -n "$(SEEDS)" -a -n "$(OUT)" || { echo "usage: make crawl SEEDS=URL|FILE OUT=CORPUS [ARGS='--delay 2']" >&2; exit 2; }
	$(BIN)/tuwen crawl --seeds $(SEEDS) --out $(OUT) $(ARGS)

test: install ## every test; those of real trainers need `make install-all` first
	$(BIN)/python -m pytest -n 2 --dist loadfile

# A real S3 server in Go, Apache-2.0; built once, under the name of its version.
VERSITYGW := 1.8.0
$(BIN)/versitygw-$(VERSITYGW): $(VENV)/.base
	@command -v go >/dev/null || { echo "test-s3 builds its S3 server, versitygw, with Go: install Go, or put it on the PATH" >&2; exit 1; }
	GOBIN=$(abspath $(BIN)) go install github.com/versity/versitygw/cmd/versitygw@v$(VERSITYGW)
	mv $(BIN)/versitygw $@

.PHONY: flink-up flink-mini flink-down flink-status
flink-up: install ## a Flink cluster on loopback: a JobManager, two TaskManagers, the job server (needs Java 17, Maven)
	$(BIN)/python -m engines.flink.cluster up

flink-mini: install ## Flink inside the job server alone: starts in seconds, for quick tests
	$(BIN)/python -m engines.flink.cluster mini

flink-down: install ## end what flink-up or flink-mini started
	$(BIN)/python -m engines.flink.cluster down

flink-status: install ## what runs of it, and where
	$(BIN)/python -m engines.flink.cluster status

.PHONY: test-flink
test-flink: install ## the verbs on a real Flink on loopback (needs Java 17 and Maven)
	@for one in java mvn; do command -v $$one >/dev/null || { echo "test-flink runs a real Flink: $$one is not on the PATH; install Java 17 and Maven" >&2; exit 1; }; done
	TUWEN_FLINK=1 $(BIN)/python -m pytest tests/test_flink.py tests/test_flink_pool.py tests/test_crawl_engine.py -k flink

.PHONY: test-s3
test-s3: $(BIN)/versitygw-$(VERSITYGW) ## corpora and releases in S3, against a real server that this builds (needs Go)
	TUWEN_S3_SERVER=$(abspath $<) $(BIN)/python -m pytest tests/test_s3.py tests/test_crawl_engine.py -k 's3 or store'

check: install ## ruff, mypy --strict, the layers, the names, and the generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile Dockerfile.gpu
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_document.py

.PHONY: test-image
test-image: install ## the steps of the Dockerfile in an empty environment, and a worker of it (600 MB of downloads)
	TUWEN_IMAGE=1 $(BIN)/python -m pytest tests/test_container.py

.PHONY: image
image: ## the container of driver and worker, tuwen:0.1.0 (needs Docker)
	docker build -t tuwen:0.1.0 .

bench: install ## what the hot paths cost, on the demo's corpus; figures and how they were taken: benchmarks/README.md
	@test -d demo/corpus/pairs || { echo "make demo comes first: its corpus is what is measured" >&2; exit 2; }
	$(BIN)/python -m benchmarks.measure_speed demo/corpus
	$(BIN)/python -m benchmarks.inside_speed demo/work/package
	$(BIN)/python -m benchmarks.prepare_speed demo/corpus
	$(BIN)/python -m benchmarks.match_speed demo/corpus
