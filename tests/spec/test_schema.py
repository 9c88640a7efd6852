import jsonschema
import pytest
import yaml

from hwgen.graph import check_model
from hwgen.ops.registry import block_names, get_block, get_op, op_names
from hwgen.spec.schema import json_schema
from hwgen.spec.starters import starter_names, starter_text
from support.spec_texts import GOOD, changed


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_there_are_starters_for_the_usual_models():
    assert {"mlp", "cnn", "residual", "transformer"} <= set(starter_names())


@pytest.mark.parametrize("name", starter_names())
def test_a_starter_is_legal_as_it_stands(tmp_path, validator, name):
    path = tmp_path / "spec.yaml"
    path.write_text(starter_text(name), encoding="utf-8")

    spec, graph = check_model(path)

    assert spec.name == name
    assert graph.nodes
    assert list(validator.iter_errors(yaml.safe_load(starter_text(name)))) == []
    assert starter_text(name).startswith("# ")
    assert max(map(len, starter_text(name).splitlines())) <= 100


@pytest.mark.parametrize("name", [*op_names(), *block_names()])
def test_the_example_of_every_op_is_legal(validator, name):
    spec = yaml.safe_load(GOOD)
    op = get_block(name) if name in block_names() else get_op(name)
    spec["model"]["layers"] = [yaml.safe_load(op.example)]

    assert list(validator.iter_errors(spec)) == []


BAD = {
    "unknown key": changed("name: tiny", "name: tiny\nbord: x"),
    "missing key": changed("weights: {random: 7}\n", ""),
    "unknown op": changed("op: linear", "op: liner"),
    "another op's key": changed("features: 10", "features: 10, kernel: 3"),
    "missing key of an op": changed("kernel: 2", "stride: 2"),
    "wrong type": changed("features: 10", "features: ten"),
    "size of zero": changed("features: 10", "features: 0"),
    "list too short": changed("kernel: 3", "kernel: [3]"),
    "four sizes": changed("[1, 8, 8]", "[1, 1, 8, 8]"),
    "no sizes": changed("[1, 8, 8]", "[]"),
    "bad name": changed("name: tiny", "name: Tiny"),
    "bad input name": changed("image: {", "Image: {"),
    "width": changed("{activations: int8}", "{activations: int17}"),
    "schedule": changed("sequential", "auto"),
    "budget": changed("multipliers: 4", "multipliers: 0"),
    "clock": changed("clock_mhz: 50", "clock_mhz: 50000000"),
    "both weights": changed("{random: 7}", "{random: 7, file: w.npz}"),
    "no weights": changed("{random: 7}", "{}"),
    "one input of add": changed("op: linear, in: pool1, features: 10", "op: add, in: pool1"),
    "two inputs of linear": changed("in: pool1", "in: [pool1, conv1]"),
    "null": changed("seed: 1}", "seed: 1}\nboard:"),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_the_schema_refuses(validator, text):
    assert list(validator.iter_errors(yaml.safe_load(text)))


def test_the_schema_accepts_the_spec_that_those_are_made_from(validator):
    assert list(validator.iter_errors(yaml.safe_load(GOOD))) == []


def test_every_key_has_a_description(validator):
    def walk(schema, path):
        for key, value in schema.get("properties", {}).items():
            target = value
            if "$ref" in value:
                target = validator.schema["$defs"][value["$ref"].rpartition("/")[2]]
            assert value.get("description") or target.get("description"), f"{path}.{key}"

    for name, definition in {"": validator.schema, **validator.schema["$defs"]}.items():
        walk(definition, name)
