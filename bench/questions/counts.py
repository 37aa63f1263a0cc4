"""The question `counts`: how many instructions a training step takes, kernel by kernel.

callgrind counts them on one thread. It knows nothing of AVX-512, so the engine runs its AVX2
kernels; but its figures are the same every time, which no clock's are, and show a change of 1 %.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.harness import Options, QuestionSkippedError, Say
from bench.processes import ROOT, WorkerError, worker_environment
from bench.programs.count_steps import STEPS
from bench.results import Measurement, Turn
from bench.shapes import Shape, load_shapes

SHAPES = ("tiny", "small")
EPOCHS = 5
SMALLEST_SHARE = 0.005  # of all instructions; what has less joins the rest
ENGINE = "_core"


def run(options: Options, say: Say) -> list[Measurement]:
    """Count for a short shape or two.

    Raises
    ------
    QuestionSkippedError
        If there is no callgrind, or no engine.
    WorkerError
        If the run under callgrind failed.
    """
    if "core" not in options.contenders:
        raise QuestionSkippedError("only the core is counted, and it does not take part")
    for tool in ("valgrind", "callgrind_control"):
        if shutil.which(tool) is None:
            raise QuestionSkippedError(f"{tool} is not here; apt install valgrind")
    found = []
    for shape in load_shapes(SHAPES[-1:] if options.quick else SHAPES):
        say(f"{shape.title}: under callgrind ...")
        found += count(shape, say)
    return found


def count(shape: Shape, say: Say) -> list[Measurement]:
    """Return instructions per step: in all, and of each function of the engine."""
    functions = read(under_callgrind(shape))
    counted = STEPS * EPOCHS
    total = sum(functions.values())
    rows = {"in all": total}
    engine = {short(name): n for (where, name), n in functions.items() if ENGINE in where}
    if any(name.startswith("0x") for name in engine):
        say("  the engine's names were stripped; for them: pip install -C install.strip=false .")
        rows["engine"] = sum(engine.values())
    else:
        by_name: Counter[str] = Counter()
        for (where, name), n in functions.items():
            large = ENGINE in where and engine[short(name)] >= SMALLEST_SHARE * total
            by_name[short(name) if large else "the rest"] += n
        rest = by_name.pop("the rest", 0)
        rows |= dict(by_name.most_common()) | {"the rest": rest}
    return [
        Measurement(
            question="counts",
            case=shape.title,
            contender=name,
            unit="instructions/step",
            turns=[Turn(0, n / counted)],
            threads=1,
            about={"flops": shape.flops_per_step},
        )
        for name, n in rows.items()
    ]


def under_callgrind(shape: Shape) -> str:
    """Train under callgrind; returns the text of its profile."""
    with tempfile.TemporaryDirectory(prefix="fastmlp-bench-") as folder:
        out = Path(folder, "profile")
        options = ["--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
        program = [sys.executable, "-m", "bench.programs.count_steps", shape.name, str(EPOCHS)]
        done = subprocess.run(
            ["valgrind", *options, *program],
            capture_output=True,
            text=True,
            env=worker_environment(1),
            cwd=ROOT,
            check=False,
        )
        if done.returncode or not out.exists():
            raise WorkerError(f"counts: valgrind ended ({done.returncode})\n{done.stderr[-2000:]}")
        return out.read_text(encoding="utf-8")


def read(profile: str) -> Counter[tuple[str, str]]:
    """Return the instructions that each (object, function) of a profile executed itself.

    The format is callgrind's: `ob=`, `fn=` say where the cost lines that follow belong to, names
    are written out once and then abbreviated as (number); after `calls=` comes the cost of the
    callee, which is counted where it arose.
    """
    names: dict[tuple[str, str], str] = {}
    place = {"ob": "", "fn": ""}
    costs: Counter[tuple[str, str]] = Counter()
    callee = False
    for line in profile.splitlines():
        if header := re.match(r"(ob|fn|cob|cfn|cfi|cfl|fi|fe|fl)=(?:\((\d+)\) ?)?(.*)", line):
            kind, number, name = header[1], header[2], header[3]
            table = kind.removeprefix("c")
            if number and name:
                names[table, number] = name
            if kind in place:
                place[kind] = name or names.get((table, number), "")
        elif line.startswith("calls="):
            callee = True
        elif cost := re.match(r"[+*\-\d]\S* (\d+)", line):
            if not callee:
                costs[place["ob"], place["fn"]] += int(cost[1])
            callee = False
    return costs


def short(name: str) -> str:
    """Return a C++ function's name without its arguments and our own namespaces.

    Examples
    --------
    >>> short("fastmlp::avx2::update_sgd<float>(fastmlp::UpdateArguments<float> const&)")
    'update_sgd<float>'
    """
    plain = re.sub(r"fastmlp::(?:avx512::|avx2::|portable::|\(anonymous namespace\)::)*", "", name)
    # What a template was given a lambda for is told by the function around it.
    plain = re.sub(r"::\{lambda\([^{}]*\)#\d+\}", "", plain)
    plain = re.sub(r"(?<=[>\w])\([^()]*\)(?: const)?(?=,|>)", "", plain)
    depth, end = 0, len(plain)
    for place, letter in enumerate(plain):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0 and place:
            end = place
            break
    return re.sub(r"^(?:void|float|double) ", "", plain[:end])
