# Every target is one of the repository's own tasks (infra/README.md).
.DEFAULT_GOAL := help
.PHONY: help test lint bench

help:
	@cargo xtask help

test:
	@cargo xtask test $(LAYERS)

lint:
	@cargo xtask lint

bench:
	@cargo xtask bench $(ARGS)
