"""The emulator of AWS, ministack 1.5.33, with five gaps closed, four of its REST API: started instead of `ministack`,
with the same environment variables.

1. It takes the URI of streaming integrations and takes the frame off their answers. It does not stream in time.
2. It imports the gateway's own answers from the API's body.
3. It refuses answers of buffered routes that are larger than Lambda takes.
4. It lets a streaming function answer bytes that are no text.
5. It knows the condition key `dynamodb:LeadingKeys` of requests for one item of a table whose partition key is `PK`.

It is written against one version, and refuses another: a gap that is closed elsewhere must not be closed twice."""

import importlib.metadata
import importlib.util
import json
import sys

VERSION = "1.5.33"
ANSWER_BYTES_MAX = 6_291_556
DELIMITER = b"\0" * 8

if importlib.metadata.version("ministack") != VERSION:
    sys.exit(f"this is written against ministack {VERSION}")


def patched_runtime():
    """Its Runtime API decodes every answer as UTF-8 and ends at one that is not."""
    spec = importlib.util.find_spec("ministack.core.lambda_runtime")
    old = 'except json.JSONDecodeError:\n                    parsed = body.decode("utf-8", errors="replace")'
    new = old.replace("json.JSONDecodeError", "ValueError").replace('"replace"', '"surrogateescape"')
    source = spec.loader.get_source(spec.name)
    if source.count(old) != 1:
        sys.exit("the emulator's Runtime API is not what it should be")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    exec(compile(source.replace(old, new), spec.origin, "exec"), module.__dict__)
    import ministack.core

    ministack.core.lambda_runtime = module


patched_runtime()

from ministack.core import iam_actions  # noqa: E402
from ministack.services import apigateway_v1 as rest  # noqa: E402
from ministack.services import lambda_svc  # noqa: E402

referenced = rest._extract_lambda_ref_from_integration_uri
shaped = rest._lambda_proxy_response
imported = rest._import_rest_api
context_of = iam_actions.dynamodb_service_context


def streaming_reference(uri):
    return referenced((uri or "").replace("/response-streaming-invocations", "/invocations"))


def streaming_response(result):
    body = result.get("body")
    raw = body.encode("utf-8", "surrogateescape") if isinstance(body, str) else body
    if isinstance(raw, bytes) and DELIMITER in raw and not result.get("error"):
        prelude, rest_of_body = lambda_svc._split_stream_prelude(raw)
        if prelude is not None:
            status, headers = prelude.get("statusCode", 200), prelude.get("headers") or {}
            return {"statusCode": status, "headers": headers, "body": rest_of_body}, None
    answer, error = shaped(result)
    if answer and len(json.dumps(answer, ensure_ascii=False).encode()) > ANSWER_BYTES_MAX:
        return None, "Internal server error"
    return answer, error


def import_with_responses(body, base_data=None):
    api = imported(body, base_data)
    for kind, response in (body.get("x-amazon-apigateway-gateway-responses") or {}).items():
        keys = ("statusCode", "responseTemplates", "responseParameters")
        rest._put_gateway_response(api, kind, {key: response[key] for key in keys if key in response})
    return api


def context_with_leading_keys(body):
    context = context_of(body)
    try:
        data = json.loads(body or b"{}")
        key = (data.get("Key") or data.get("Item"))["PK"]["S"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return context
    return {**context, "dynamodb:LeadingKeys": [key]}


iam_actions.dynamodb_service_context = context_with_leading_keys
rest._extract_lambda_ref_from_integration_uri = streaming_reference
rest._lambda_proxy_response = streaming_response
rest._import_rest_api = import_with_responses

from ministack.app import main  # noqa: E402

sys.exit(main())
