# Every target is one of the repository's own tasks (infra/README.md).
.DEFAULT_GOAL := help
.PHONY: help test lint bench instructions fuzz aws-local aws-local-down package

help:
	@cargo xtask help

test:
	@cargo xtask test $(LAYERS)

lint:
	@cargo xtask lint

bench:
	@cargo xtask bench $(ARGS)

instructions:
	@cargo xtask instructions $(ARGS)

fuzz:
	@cargo xtask fuzz $(ARGS)

aws-local:
	@cargo xtask aws-local

aws-local-down:
	@cargo xtask aws-local-down

package:
	@cargo xtask package $(FUNCTIONS)
