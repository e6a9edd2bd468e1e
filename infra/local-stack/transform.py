"""template.yaml as CloudFormation sees it, through AWS's own translator: transform.py IN OUT [NAME=VALUE]...

The result is JSON. Parameters keep their defaults, or take the values given; the folder of each function's code becomes the
key of its code, so that whoever reads the result knows which bootstrap belongs to it. Nothing is sent anywhere."""

import json
import logging
import os
import pathlib
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
logging.disable(logging.WARNING)

from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class NoManagedPolicies:
    """The translator asks AWS for the names of its own policies; the template writes its policies out."""

    def load(self):
        return {}


def main(source, target, *overrides):
    template = yaml_parse(pathlib.Path(source).read_text(encoding="utf-8"))
    parameters = template.setdefault("Parameters", {})
    for override in overrides:
        name, value = override.split("=", 1)
        if name not in parameters:
            sys.exit(f"the template has no parameter {name}")
        parameters[name]["Default"] = value
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource.pop("Metadata", None)
            resource["Properties"]["CodeUri"] = {"Bucket": "code", "Key": resource["Properties"]["CodeUri"]}
    values = {name: parameter.get("Default") for name, parameter in parameters.items()}
    transformed = transform(template, values, NoManagedPolicies())
    pathlib.Path(target).write_text(json.dumps(transformed, indent=1), encoding="utf-8")


main(*sys.argv[1:])
