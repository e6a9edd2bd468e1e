"""template.yaml for the emulator: localize.py IN OUT BOOTSTRAPS

Leaves out only what the emulator's CloudFormation refuses the whole template for, and prints each thing left out. The code
of each function is taken from BOOTSTRAPS/FUNCTION instead of being built. Everything else stays as it is."""

import json
import pathlib
import sys

import yaml
from samtranslator.yaml_helper import yaml_parse

REFUSED = {
    "AWS::CloudWatch::AnomalyDetector",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::Logs::QueryDefinition",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::RotationSchedule",
    "AWS::WAFv2::IPSet",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACLAssociation",
}


def main(source, target, bootstraps):
    template = yaml_parse(pathlib.Path(source).read_text(encoding="utf-8"))
    resources = template["Resources"]
    for name in [name for name, resource in resources.items() if resource["Type"] in REFUSED]:
        print(f"left out: {name}, {resources.pop(name)['Type']}")
    shared = template.get("Globals", {}).get("Function", {})
    if shared.pop("DeploymentPreference", None):
        print("left out: DeploymentPreference of all functions")
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        if properties.pop("DeploymentPreference", None):
            print(f"left out: DeploymentPreference of {name}")
        resource.pop("Metadata", None)
        folder = pathlib.Path(bootstraps).resolve() / pathlib.PurePosixPath(properties["CodeUri"]).name
        if not (folder / "bootstrap").is_file():
            sys.exit(f"there is no {folder / 'bootstrap'}")
        properties["CodeUri"] = str(folder)
    # The parser's own kinds of maps become plain ones on the way through JSON.
    plain = json.loads(json.dumps(template))
    pathlib.Path(target).write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")


main(*sys.argv[1:])
