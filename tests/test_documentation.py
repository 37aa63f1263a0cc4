"""What the documentation shows is run: docstring examples, README's Python, the files it names."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re

import fastmlp
import pytest
from conftest import ROOT

import bench

MODULES = [
    module.name
    for package in (fastmlp, bench)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    if not module.name.endswith(("__main__", "_core"))
]
PEERS = {"torch", "jax", "sklearn", "joblib", "onnx", "onnxruntime"}
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["fastmlp", *MODULES])
def test_examples_in_docstrings(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in PEERS:
            raise
        pytest.skip(f"the benchmark's peer {error.name} is not installed")
    failures, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failures == 0


@pytest.mark.parametrize("name", fastmlp.__all__)
def test_every_public_name_has_an_example(name):
    """Functions and classes that a user calls; error classes and constants need none."""
    thing = getattr(fastmlp, name)
    if callable(thing) and not (isinstance(thing, type) and issubclass(thing, Exception)):
        assert ">>>" in thing.__doc__


def test_readme_example(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "softmax" in out
    assert (tmp_path / "digits.safetensors").is_file()


def test_readme_links_and_paths_exist():
    for path in re.findall(r"\]\((?!https?:)([^)#]+)\)|\b(configs/\w+\.toml)\b", README):
        assert (ROOT / (path[0] or path[1])).exists(), path


def test_readme_commands_are_what_ci_runs():
    script = (ROOT / ".ci" / "run").read_text()
    for command in ("pip install .", "fastmlp train", "pip install '.[test]'", "pytest"):
        assert command in README
        assert command.replace("install ", "install --quiet ") in script or command in script
