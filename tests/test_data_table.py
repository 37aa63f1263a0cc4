"""Tables in text: every delimiter, header and kind of target; bad cells named by their place."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from fastmlp.data import load_data
from fastmlp.data.table import read_rows, read_table
from fastmlp.errors import DataError


@pytest.fixture(scope="session")
def tables(data_folder):
    folder = data_folder / "tables"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here: set FASTMLP_DATA to a folder that holds tables/")
    return folder


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="t.csv"):
        path = tmp_path / name
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return write_file


def refusal(function, *arguments, **options):
    with pytest.raises(DataError) as caught:
        function(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "1,2.5,7\n3,-4e-1,8\n",
        "1;2.5;7\n3;-4e-1;8\n",
        "1\t2.5\t7\n3\t-4e-1\t8\n",
        "1 2.5 7\n3 -4e-1 8\n",
        "  1   2.5\t 7 \n\n 3\t-4e-1   8 \n",
        "1, 2.5, 7\r\n3, -4e-1, 8\r\n",
        "1,2.5,7\r3,-4e-1,8\r",
        "\ufeff1,2.5,7\n3,-4e-1,8",
        "\n\n1,2.5,7\n   \n\n3,-4e-1,8\n\n",
        '"1","2.5","7"\n"3","-4e-1","8"\n',
        "'1','2.5','7'\n'3','-4e-1','8'\n",
        "+1,2.50,+7\n3.,-.4,8\n",
    ],
)
@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.csv.gz"])
def test_every_way_to_write_the_same_table(write, content, name):
    data = read_table(write(content, name))
    assert data.x.dtype == np.float64
    assert data.x.tolist() == [[1, 2.5], [3, -0.4]]
    assert data.y.dtype == np.int64
    assert data.y.tolist() == [7, 8]
    assert data.feature_names is None
    assert data.target_name is None
    assert (data.name, data.kind) == ("t", "table")


def test_compression_is_told_by_content_not_by_name(write):
    assert read_table(write(gzip.compress(b"1,2\n3,4\n"), "t.csv")).y.tolist() == [2, 4]


def test_tsv_is_cut_at_tabs_only(write):
    data = read_table(write("a,b\tkind\n1.5\tred, dark\n2.5\tblue\n", "t.tsv"))
    assert data.y.tolist() == ["red, dark", "blue"]
    assert data.feature_names == ("a,b",)


def test_exact_values_survive(write):
    rng = np.random.default_rng(1)
    values = rng.standard_normal((50, 4)) * 10.0 ** rng.integers(-300, 300, (50, 4))
    text = "\n".join(",".join(map(repr, row)) for row in values.tolist())
    data = read_table(write(text))
    assert np.array_equal(np.column_stack([data.x, data.y]), values)


@pytest.mark.parametrize(
    ("header", "content", "names"),
    [
        ("auto", "a,b,c\n1,2,3\n", ("a", "b", "c")),
        ("auto", "a,b,c\n1,2,red\n", ("a", "b", "c")),
        ("auto", '"a, x","b"" y",c\n1,2,3\n', ("a, x", 'b" y', "c")),
        ("auto", "\ufeffa,b,c\n1,2,3\n", ("a", "b", "c")),
        ("auto", ",b,c\n1,2,3\n", ("column 0", "b", "c")),
        ("auto", "1,2,3\n1,2,3\n", None),
        ("auto", "1,2,red\n1,2,blue\n", None),
        ("yes", "2001,2002,2003\n1,2,3\n", ("2001", "2002", "2003")),
        ("no", "1,2,red\n1,2,3\n", None),
    ],
)
def test_headers(write, header, content, names):
    data = read_table(write(content), header=header)
    got = None if data.feature_names is None else (*data.feature_names, data.target_name)
    assert got == names
    assert len(data.x) == content.count("\n") - (names is not None)


def test_a_header_that_auto_cannot_see_is_pointed_to(write):
    message = refusal(read_table, write("label,0,1\n5,6,7\n"))
    assert "line 1, column 0: 'label' is not a number" in message
    assert "header 'yes'" in message


def test_header_choices(write):
    message = refusal(read_table, write("1,2\n"), header="maybe")
    assert message == "header must be 'auto', 'yes' or 'no', not 'maybe'"


@pytest.mark.parametrize(
    ("target", "y", "rest"),
    [
        (None, [3, 6], ("a", "b")),
        ("a", [1, 4], ("b", "c")),
        ("c", [3, 6], ("a", "b")),
        (0, [1, 4], ("b", "c")),
        (1, [2, 5], ("a", "c")),
        (-1, [3, 6], ("a", "b")),
        (-3, [1, 4], ("b", "c")),
        ("1", [2, 5], ("a", "c")),
        ("-3", [1, 4], ("b", "c")),
    ],
)
def test_the_target_by_name_and_number(write, target, y, rest):
    data = read_table(write("a,b,c\n1,2,3\n4,5,6\n"), target=target)
    assert data.y.tolist() == y
    assert data.feature_names == rest
    assert data.x.shape == (2, 2)
    assert sorted([*data.x[0], data.y[0]]) == [1, 2, 3]


def test_a_name_that_looks_like_a_number_is_a_name_first(write):
    data = read_table(write("2,1,0\n7,8,9\n"), target="2", header="yes")
    assert (data.target_name, data.y.tolist()) == ("2", [7])


@pytest.mark.parametrize(
    ("content", "target", "words"),
    [
        ("alcohol,acid,quality\n1,2,3\n", "alchohol", ["did you mean 'alcohol'?", "acid, quality"]),
        ("a,b\n1,2\n", 2, ["no column number 2", "0 to 1", "-1 for the last"]),
        ("a,b\n1,2\n", -3, ["no column number -3"]),
        ("a,b\n1,2\n", "7", ["no column number 7"]),
        ("a,b\n1,2\n", True, ["no column True"]),
        ("1,2\n", "a", ["no column 'a'", "no line names its columns", "0 to 1", "header 'yes'"]),
        ("a,a,b\n1,2,3\n", "a", ["2 columns named 'a'"]),
    ],
)
def test_targets_that_are_not_there(write, content, target, words):
    message = refusal(read_table, write(content), target=target)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("labels", "dtype", "values"),
    [
        (["1", "-2", "+3"], np.int64, [1, -2, 3]),
        (["1", "2.0", "3"], np.float64, [1, 2, 3]),
        (["1e3", "2", "3"], np.float64, [1000, 2, 3]),
        (["99999999999999999999", "2", "3"], np.float64, [1e20, 2, 3]),
        (["red", "blue", "red"], "<U4", ["red", "blue", "red"]),
        (["1", "2", "5+"], "<U2", ["1", "2", "5+"]),
        (["+", "-", "+"], "<U1", ["+", "-", "+"]),
        (["none", "a_b", "größe"], "<U5", ["none", "a_b", "größe"]),
        (['"yes, sir"', "no", "no"], "<U8", ["yes, sir", "no", "no"]),
    ],
)
def test_kinds_of_targets(write, labels, dtype, values):
    data = read_table(write("".join(f"{i},0.5,{label}\n" for i, label in enumerate(labels))))
    assert data.y.dtype == np.dtype(dtype)
    assert data.y.tolist() == values


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("", ["'' is missing", "fill in a number or leave the row out"]),
        ("?", ["'?' is missing"]),
        ("NA", ["'NA' is missing"]),
        ("n/a", ["'n/a' is missing"]),
        ("nan", ["nan' is missing"]),
        ("-", ["'-' is missing"]),
        ("inf", ["inf is not finite"]),
        ("-Infinity", ["-inf is not finite"]),
        ("1e999", ["inf is not finite"]),
        ("red", ["'red' is not a number", "encode the column as numbers or leave it out"]),
        ("1_000", ["'1_000' is not a number"]),
        ("\u0661", ["is not a number"]),
        ("0x10", ["'0x10' is not a number"]),
        ("1 2", ["'1 2' is not a number"]),
        ('"3,5"', ["'3,5' has a decimal comma; write 3.5"]),
    ],
)
@pytest.mark.parametrize("column", [0, 2])
def test_bad_cells_are_named(write, cell, words, column):
    rows = [["1", "7", "2"] for _ in range(6)]
    rows[4][column] = cell
    path = write("a,label,b\n\n" + "".join(",".join(row) + "\n" for row in rows))
    message = refusal(read_table, path, target="label")
    place = f"t.csv, line 7, column {column} ({'ab'[column // 2]!r}): "
    assert place in message
    assert all(word in message for word in words), message


def test_a_bad_cell_after_many_rows(write):
    path = write("1 2 3\n" * 40_000 + "1 nan 3\n" + "1 2 3\n" * 10)
    assert "line 40001, column 1: 'nan' is missing" in refusal(read_table, path)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1", "", "2"], ["line 2, column 1: the target '' is missing"]),
        (["1", "?", "2"], ["line 2, column 1: the target '?' is missing"]),
        (["a", "NA", "b"], ["line 2", "the target 'NA' is missing"]),
        (["1.5", "oops", "2"], ["line 2, column 1: the target 'oops' is not a number"]),
        (["1.5", "2", "inf"], ["line 3, column 1: the target inf is not finite"]),
    ],
)
def test_bad_targets_are_named(write, cells, words):
    message = refusal(read_table, write("".join(f"5,{cell}\n" for cell in cells)))
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1,2,3\n1,2,3\n1,2\n", ["line 3: 2 cells, but the first line has 3", "commas"]),
        ("1,2,3\n1,2,3,4\n", ["line 2: 4 cells"]),
        ("1 2 3\n1 2 3\n1 2\n1 2 3\n", ["line 3: 2 cells", "white space"]),
        ("", ["is empty"]),
        ("\n \n", ["is empty"]),
        ("a,b,c\n", ["header line only, and no rows"]),
        ("1\n2\n", ["one column only"]),
        ('1,"2\n3,4\n', ["quotes"]),
        (b"1,2\n3,\xff\n", ["not UTF-8", "0xff"]),
        ("1,2\n".encode("utf-16"), ["not UTF-8"]),
        (b"1,2\n" * 50_000 + b"\xe9,1\n", ["not UTF-8", "0xe9 after line"]),
    ],
)
def test_files_that_are_refused(write, content, words):
    message = refusal(read_table, write(content))
    assert all(word in message for word in ["t.csv", *words]), message


def test_a_nul_byte_is_an_error(write):
    assert "line" in refusal(read_table, write(b"1,2\n\x00,2\n"))


def test_a_damaged_gz_is_an_error(write):
    path = write("1,2\n" * 1000, "t.csv.gz")
    path.write_bytes(path.read_bytes()[:-6])
    assert "damaged or cut-short gzip" in refusal(read_table, path)


def test_a_bomb_is_stopped(tmp_path, monkeypatch):
    """Zeros compress a thousandfold: a file past the ratio is refused when the limit is reached."""
    monkeypatch.setattr("fastmlp.data.delimited.ALWAYS_ALLOWED", 1 << 16)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"0,0,0,0,0,0,0,0\n" * 100_000))
    message = refusal(read_table, path)
    assert f"holds more than the {max(1 << 16, 200 * path.stat().st_size):,} bytes" in message


def test_an_honest_table_stays_below_the_ratio(write):
    rng = np.random.default_rng(0)
    text = "\n".join(",".join(map(str, row)) for row in rng.integers(0, 2, (500, 50)))
    path = write(text, "t.csv.gz")
    assert len(text) < 30 * path.stat().st_size
    assert read_table(path).x.shape == (500, 49)


def test_folders_and_missing_files(tmp_path):
    assert "No such file" in refusal(read_table, tmp_path / "none.csv")
    assert "Is a directory" in refusal(read_table, tmp_path)


def test_rows_without_a_target(write):
    x, names = read_rows(write("a;b;c\n1;2;u\n3;4;v\n"), drop=-1)
    assert x.tolist() == [[1, 2], [3, 4]]
    assert names == ("a", "b")
    x, names = read_rows(write("5\n6\n"))
    assert x.tolist() == [[5], [6]]
    assert names is None
    assert "nothing is left" in refusal(read_rows, write("5\n6\n"), drop=0)
    assert "line 1, column 1: 'u'" in refusal(read_rows, write("1,u\n"))


@pytest.mark.parametrize(
    ("name", "rows", "features", "dtype"),
    [
        ("concrete.txt", 1030, 8, "float64"),
        ("energy.txt", 768, 8, "float64"),
        ("kin8nm.txt", 8192, 8, "float64"),
        ("yacht.txt", 308, 6, "float64"),
        ("power-plant.txt", 9568, 4, "float64"),
        ("winequality-white.csv", 4898, 11, "int64"),
        ("mammography.csv", 11183, 6, "int64"),
        ("phoneme.csv", 5404, 5, "int64"),
        ("pima-indians-diabetes.csv", 768, 8, "int64"),
    ],
)
def test_published_tables_of_numbers(tables, name, rows, features, dtype):
    data = load_data(tables / name)
    assert data.x.shape == (rows, features)
    assert data.y.dtype == dtype
    assert data.feature_names is None
    cells = (tables / name).read_text().strip().splitlines()[-1].replace(",", " ").split()
    assert [float(cell.strip("'")) for cell in cells] == [*data.x[-1], data.y[-1]]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("abalone.csv", "line 1, column 0: 'M' is not a number"),
        ("adult-train.csv.gz", "line 1, column 1: 'State-gov' is not a number"),
        ("adult-test.csv.gz", "line 1, column 1: 'Private' is not a number"),
        ("auto_imports.csv", "line 1, column 1: '?' is missing"),
        ("german.csv", "line 1, column 0: 'A11' is not a number"),
    ],
)
def test_published_tables_with_text_say_where(tables, name, words):
    assert words in refusal(load_data, tables / name)
