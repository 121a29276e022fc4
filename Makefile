# `make check` is what CI runs; the other targets are its parts.
.PHONY: check lint types imports secrets audit test fuzz lock format

check:
	./test.sh

lint:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types:
	.venv/bin/mypy

imports:
	.venv/bin/lint-imports --no-cache

secrets:
	.venv/bin/python scripts/scan_secrets.py

# Needs the network, and so is no part of `check`.
audit:
	scripts/audit.sh

test:
	.venv/bin/pytest

fuzz:
	.venv/bin/python scripts/fuzz.py --minutes $(or $(MINUTES),30)

format:
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

LOCK = .venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--quiet --custom-compile-command "make lock"

lock:
	$(LOCK) --output-file requirements.txt
	$(LOCK) --extra dev --output-file requirements-dev.txt
	$(LOCK) --extra otel --constraint requirements.txt --output-file requirements-otel.txt
	# onnxruntime and onnxruntime-gpu install the same module: only one of them may be there.
	$(LOCK) --extra gpu --no-emit-package onnxruntime --constraint requirements.txt --output-file requirements-gpu.txt
