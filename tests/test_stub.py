"""The type stub says what the extension has: the same names, arguments, and their order."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import fastmlp
import pytest
from fastmlp import _core

STUB = ast.parse((Path(fastmlp.__file__).parent / "_core.pyi").read_text())
CLASSES = {
    node.name: node
    for node in STUB.body
    if isinstance(node, ast.ClassDef) and not node.decorator_list
}
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}


def public(names):
    return {name for name in names if not name.startswith("_")}


def arguments(node):
    """Names of a stub function's arguments but self, and those that are keywords only."""
    names = [argument.arg for argument in node.args.args if argument.arg != "self"]
    return names, [argument.arg for argument in node.args.kwonlyargs]


def bound_arguments(function):
    """The same, from the signature that pybind11 writes into the docstring."""
    text = function.__doc__.splitlines()[0]
    inside = re.sub(r"\[[^\[\]]*\]", "", re.sub(r"\[[^\[\]]*\]", "", text))  # types of types
    names = re.findall(r"[(,] ?(\w+|\*)(?=:|,|\))", inside.rsplit(" -> ", 1)[0])
    names = [name for name in names if name != "self"]
    keywords = names[names.index("*") + 1 :] if "*" in names else []
    return [n for n in names[: len(names) - len(keywords)] if n != "*"], keywords


def test_the_same_names():
    found = public(vars(_core)) - {"testing"}  # raw kernels, for tests alone
    assert found == set(CLASSES) | set(FUNCTIONS)


@pytest.mark.parametrize("name", CLASSES)
def test_the_same_members(name):
    members = {node.name for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)}
    assert public(vars(getattr(_core, name))) == public(members)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_the_same_arguments(name):
    assert bound_arguments(getattr(_core, name)) == arguments(FUNCTIONS[name])


@pytest.mark.parametrize(
    ("owner", "node"),
    [
        pytest.param(owner, node, id=f"{owner}.{node.name}")
        for owner, stub in CLASSES.items()
        for node in stub.body
        if isinstance(node, ast.FunctionDef) and not node.decorator_list
    ],
)
def test_methods_take_the_same_arguments(owner, node):
    assert bound_arguments(inspect.getattr_static(getattr(_core, owner), node.name)) == arguments(
        node
    )
