"""``fastmlp train``: configuration from defaults, file and flags; training, test, model, report.

Training itself is training/'s, the look of the figures text.py's.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config import Config
from ..config.keys import whole
from ..config.sections import KEYS, SECTIONS
from ..errors import ConfigError, DivergedError, InterruptedWarning, ModelFileError
from ..evaluation import Evaluation
from ..model import Model, load
from ..training import fit, load_dataset, split_dataset
from ..training.checkpoint import Checkpoint, GoingOn
from .text import as_json, confusion_table, figures

HELP = "train a network on a data set or a file, test it and save it"
# A small set needs more passes than the general defaults; a file or a flag wins over a recipe.
RECIPES: dict[str, dict[str, Any]] = {"digits": {"batch_size": 32, "epochs": 30, "momentum": 0.9}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE, a flag for every key of the configuration, and where things go."""
    add_source(parser)
    parser.add_argument("--save-config", metavar="FILE", help="write the whole configuration to it")
    parser.add_argument(
        "-o",
        "--output",
        dest="model_file",
        metavar="MODEL",
        help="default: SOURCE.safetensors, here",
    )
    parser.add_argument(
        "--force", action="store_true", help="let MODEL replace a file that is no fastmlp model"
    )
    parser.add_argument(
        "--checkpoint", metavar="FILE", help="keep the whole state of the training in it"
    )
    parser.add_argument(
        "--checkpoint-every", metavar="N", type=whole(1).read, default=1, help="epochs (default: 1)"
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        help="a checkpoint to go on from, to the same bits; its configuration holds",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document, nothing else")
    parser.add_argument("-q", "--quiet", action="store_true", help="no bar, no line an epoch")
    add_keys(parser)


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add SOURCE and the file that the configuration starts from."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="digits (default), mnist, fashion-mnist, or a path: .csv .txt .npz .npy, a folder",
    )
    parser.add_argument("--config", metavar="FILE", help="TOML file; flags win over it")


def add_keys(parser: argparse.ArgumentParser, *, without: Sequence[str] = ()) -> None:
    """Add a flag for every key of the configuration, section by section."""
    groups = {name: parser.add_argument_group(f"[{name}]") for name in SECTIONS}
    for key, (section, field) in KEYS.items():
        if key not in ("source", *without):
            _add_key(groups[section], key, field.metadata, field.default)


def _add_key(group: Any, key: str, about: Any, default: object) -> None:
    """Add the flag of one key; a flag that is not given leaves nothing behind."""
    flag = "--" + key.replace("_", "-")
    shown = "" if default is None else f" (default: {_shown(default)})"
    options = {"dest": key, "default": argparse.SUPPRESS}
    options["help"] = (about["meaning"] + shown).replace("%", "%%")
    if not about["kind"].shown:  # a flag takes no value
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
    else:
        group.add_argument(flag, type=about["kind"].read, metavar=about["kind"].shown, **options)


def _shown(default: object) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def configure(options: argparse.Namespace, going_on: GoingOn | None = None) -> Config:
    """Return the configuration meant: defaults < recipe, file or checkpoint < flags."""
    flags = {key: value for key, value in vars(options).items() if key in KEYS}
    if flags["source"] is None:
        del flags["source"]
    if options.config is not None:
        return Config.read_toml(options.config).replace(**flags)
    if going_on is not None:
        return going_on.model.config.replace(**flags)
    source = flags.get("source", Config().data.source)
    return Config().replace(**RECIPES.get(source, {})).replace(**flags)


def run(options: argparse.Namespace) -> int:
    """Train, test, save, report; return the exit code."""
    going_on = None if options.resume is None else GoingOn.read(options.resume)
    config = configure(options, going_on)
    output = Path(options.model_file or default_output(config.data.source))
    checkpoint = _checkpoint(options, output)
    replaces = check_output(output, force=options.force)
    if options.save_config is not None:
        config.write_toml(options.save_config)
    data = load_dataset(config)
    parts = split_dataset(data, config)
    speaks = not (options.quiet or options.json)
    bar = sys.stderr.isatty() and not options.quiet
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InterruptedWarning)  # said below, with the path
            model = fit(
                data,
                parts,
                config,
                progress=bar,
                verbose=speaks,
                checkpoint=checkpoint,
                going_on=going_on,
            )
    except DivergedError as error:
        saved = "nothing" if checkpoint is None else "no model"
        raise DivergedError(f"{error}; {saved} was saved") from None
    model.save(output)
    if model.record["interrupted"]:
        return _interrupted(model, output, options)
    test = None
    if parts.x_test is not None:
        test = model.evaluate(parts.x_test, parts.y_test, threads=config.training.threads)
    if options.json:
        print(as_json(report(model, output, test)))
    else:
        if test is not None:
            print(f"test: {figures(test)}")
            table = confusion_table(test)
            print(table + "\n" if table else "", end="")
        print(f"saved {output}" + (" in place of the model that was there" if replaces else ""))
    return 0


def _checkpoint(options: argparse.Namespace, output: Path) -> Checkpoint | None:
    """Return where the state goes; the model must go elsewhere, or it would replace it."""
    for flag in ("checkpoint", "resume"):
        path = getattr(options, flag)
        if path is not None and Path(path).resolve() == output.resolve():
            raise ConfigError(f"--output: {output} is the file of --{flag}; name another")
    if options.checkpoint is None:
        return None
    return Checkpoint(options.checkpoint, options.checkpoint_every)


def default_output(source: str) -> str:
    """Return the file, in this folder, that a model trained on `source` goes to.

    >>> default_output("digits"), default_output("/data/wine.csv.gz")
    ('digits.safetensors', 'wine.safetensors')
    """
    return (Path(source).name.split(".")[0] or "model") + ".safetensors"


def check_output(output: Path, *, force: bool) -> bool:
    """Refuse, before any work, a place that cannot be written; tell whether a model is there."""
    if not output.parent.is_dir():
        raise ConfigError(f"--output: there is no folder {output.parent}")
    if output.is_dir():
        raise ConfigError(f"--output: {output} is a folder; name a file in it")
    if not output.is_file():
        return False
    try:
        load(output)
    except ModelFileError as error:
        if force:
            return False
        raise ConfigError(
            f"--output: {output} is there and is no fastmlp model ({error}); "
            "choose another --output, or --force to replace it"
        ) from None
    return True


def _interrupted(model: Model, output: Path, options: argparse.Namespace) -> int:
    done = f"{model.history.epochs} whole epochs, {model.record['steps']} steps"
    more = "" if options.checkpoint is None else f"; go on with --resume {options.checkpoint}"
    print(f"fastmlp: interrupted after {done}; saved {output}{more}", file=sys.stderr)
    if options.json:
        print(as_json(report(model, output, None)))
    return 130


def report(model: Model, output: Path, test: Evaluation | None) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "model": str(output),
        "parameters": model.summary().parameters,
        "config": model.config.as_dict(),
        "record": model.record,
        "history": model.history,
        "test": None if test is None else test.as_dict(),
    }
