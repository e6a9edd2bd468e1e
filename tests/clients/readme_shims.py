"""What stands in for the programs of README's "Deploy on AWS" that cannot run here as they are written (test_readme_aws.py
says which and why): readme_shims.py PROGRAM ARGUMENTS. Each takes what its original takes there and refuses the rest: what
a shim let through, the README could get wrong."""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tomllib

TOOLS = pathlib.Path(os.environ["SPILLWAY_TOOLS"]).parent
LOCAL_STACK = pathlib.Path("infra/local-stack")
BUILT = pathlib.Path(".aws-sam/build/template.yaml")
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]


def refuse(why):
    sys.exit(f"{sys.argv[1]} (shim): {why}")


def shim(path, program):
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{pathlib.Path(__file__).resolve()}" {program} "$@"\n')
    path.chmod(0o755)


def python3(*arguments):
    """`python3 -m venv FOLDER`: a real environment, with the shim of pip in the place of pip."""
    if len(arguments) != 3 or arguments[:2] != ("-m", "venv") or arguments[2].startswith("-"):
        refuse(f"takes '-m venv FOLDER', not {arguments}")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", arguments[2]], check=True)
    shim(pathlib.Path(arguments[2], "bin/pip"), "pip")


def pip(*arguments):
    """`pip install NAME==VERSION...`: what the repository's tasks have installed already, at the same versions."""
    if len(arguments) < 2 or arguments[0] != "install" or "VIRTUAL_ENV" not in os.environ:
        refuse(f"takes 'install NAME==VERSION...' in an active environment, not {arguments}")
    script = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    for requirement in arguments[1:]:
        name, _, version = requirement.partition("==")
        programs = {"aws-sam-cli": "sam", "cargo-lambda": "cargo-lambda"}
        if name not in programs:
            refuse(f"{requirement} is not known")
        there = subprocess.check_output([TOOLS / "python", "-c", script, name], text=True).strip()
        if version != there:
            refuse(f"{requirement}: this repository's tasks use {there}")
        shim(pathlib.Path(os.environ["VIRTUAL_ENV"], "bin", programs[name]), programs[name])


def cargo_lambda(*_):
    refuse("is only looked for")


def sam(command=None, *arguments):
    if command == "build":
        return sam_build(*arguments)
    if command == "deploy":
        return sam_deploy(*arguments)
    refuse(f"takes build and deploy, not {command}")


def sam_build(*arguments):
    """The bootstraps that are built already, in the template that SAM would write."""
    if arguments:
        refuse(f"build takes no arguments here, not {arguments}")
    if not shutil.which("cargo-lambda"):
        refuse("build needs cargo-lambda")
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    localize = [TOOLS / "python", LOCAL_STACK / "localize.py", "template.yaml", BUILT, os.environ["README_BOOTSTRAPS"]]
    subprocess.run(localize, check=True)
    # API Gateway's address is the gateway's; it is what profiles lead to.
    script = """
import sys, yaml
path, endpoint = sys.argv[1:]
template = yaml.safe_load(open(path))
template["Outputs"]["Endpoint"]["Value"] = endpoint
yaml.safe_dump(template, open(path, "w"), sort_keys=False)
"""
    subprocess.run([TOOLS / "python", "-c", script, BUILT, os.environ["README_ENDPOINT"]], check=True)


def sam_deploy(*arguments):
    """SAM's own, which refuses options that it does not know; of parameters that it does not know it says nothing."""
    if not BUILT.is_file():
        refuse("deploy before build")
    arguments = list(arguments)
    if "--parameter-overrides" not in arguments:
        refuse("deploy without --parameter-overrides shares no bucket")
    after = arguments.index("--parameter-overrides") + 1
    template = pathlib.Path("template.yaml").read_text(encoding="utf-8")
    parameters = re.search(r"^Parameters:\n(.*?)^\S", template, re.MULTILINE | re.DOTALL)[1]
    known = re.findall(r"^  (\w+):$", parameters, re.MULTILINE)
    for override in arguments[after:]:
        if override.startswith("--"):
            break
        if override.partition("=")[0] not in known:
            refuse(f"deploy: template.yaml has no parameter {override}")
    # The bootstraps are this machine's.
    arguments.insert(after, f"Architecture={ARCHITECTURE}")
    return subprocess.run([TOOLS / "sam", "deploy", *arguments], check=False).returncode


def cargo(*arguments):
    """`cargo install --path FOLDER`: the executable of that package which is built already, where cargo puts it."""
    if len(arguments) != 3 or arguments[:2] != ("install", "--path"):
        refuse(f"takes 'install --path FOLDER', not {arguments}")
    manifest = pathlib.Path(arguments[2], "Cargo.toml")
    if not manifest.is_file():
        refuse(f"there is no {manifest}")
    names = [program["name"] for program in tomllib.loads(manifest.read_text()).get("bin", [])]
    built = pathlib.Path(os.environ["SPILLWAY_BIN"])
    if names != [built.name]:
        refuse(f"{arguments[2]} makes {names}, not {built.name}")
    folder = pathlib.Path(os.environ["HOME"], ".cargo/bin")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / built.name).symlink_to(built)


SHIMS = {"python3": python3, "pip": pip, "cargo-lambda": cargo_lambda, "sam": sam, "cargo": cargo}

if __name__ == "__main__":
    sys.exit(SHIMS[sys.argv[1]](*sys.argv[2:]))
