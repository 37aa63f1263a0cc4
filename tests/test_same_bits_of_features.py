"""What some features compute, in short, is the same on every instruction set and for any team."""

from __future__ import annotations

import importlib
import json

import pytest
from conftest import FMA_ISAS, run_python

FEATURES = (
    "augmentation",
    "dropout",
    "dropout_schedule",
    "fast_ways",
    "full_batch",
    "heads",
    "init_scaling",
    "learned_activations",
    "masks",
    "max_norm",
    "maxout",
    "mixed_dropout",
    "mixup",
    "noise",
    "perceptron",
    "sparse_predict",
    "structured",
    "tied",
)


def digest(feature):
    return importlib.import_module(f"test_{feature}").digest()


@pytest.mark.parametrize("isa", FMA_ISAS)
@pytest.mark.parametrize("feature", FEATURES)
def test_every_instruction_set_agrees(feature, isa):
    code = f"import json, test_{feature} as t; print(json.dumps(t.digest()))"
    assert json.loads(run_python(code, FASTMLP_ISA=isa)) == digest(feature)


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("feature", FEATURES)
def test_every_team_agrees(feature, threads, team):
    alone = digest(feature)
    team(threads)
    assert digest(feature) == alone
