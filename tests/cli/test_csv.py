"""CSV as input of assign."""

import pytest

from helpers import error, records, summary, update

HEADER = "assignment_id,courier_id,destination_zone\n"


def answered(result):
    return [record["assignment_id"] for record in records(result) if "error" not in record]


@pytest.mark.parametrize("text", [
    HEADER + "a,courier-42,z\nb,courier-42,z\n",
    HEADER.replace("\n", "\r\n") + "a,courier-42,z\r\nb,courier-42,z",
    "\ufeff" + HEADER + "\n\na,courier-42,\n\nb,courier-42,z\n",
    "destinationZone,assignmentId,courierId\nz,a,courier-42\nz,b,courier-42\n",
    '"courier_id","assignment_id"\n"courier-42","a"\n"courier-42","b"\n',
])
def test_what_is_accepted(run, mock, text):
    result = run("assign", "-s", mock.address, "-f", "-", "--ordered", stdin=text)
    assert result.returncode == 0, result.stderr
    assert answered(result) == ["a", "b"]


def test_values_in_quotes_survive_unharmed(run, mock):
    text = HEADER + '"a,""1""",courier-42,"two\r\nlines\n, and ""more"""\nb,courier-42,z\n'
    result = run("assign", "-s", mock.address, "-f", "-", "--ordered", "--detail", stdin=text)
    assert result.returncode == 0, result.stderr
    first, second = records(result)
    assert (first["assignment_id"], first["destination_zone"]) == ('a,"1"', 'two\r\nlines\n, and "more"')
    assert (first["line"], second["line"]) == (2, 5)


def test_a_file_by_its_name_and_others_beside_it(run, mock, tmp_path):
    table, lines = tmp_path / "orders.CSV", tmp_path / "orders.ndjson"
    table.write_text(HEADER + "a,courier-42,z\n")
    lines.write_text(update(1))
    result = run("assign", "-s", mock.address, "-f", str(table), "-f", str(lines), "-f", str(table), "--ordered")
    assert answered(result) == ["a", "a-1", "a"]


def test_columns_are_mapped_and_ignored(run, mock):
    text = "order no,rider,note,town\n1,courier-42,x,north\n"
    result = run("assign", "-s", mock.address, "-f", "-", "--in", "csv", "--csv-map", "order no=assignment_id", "--csv-map",
                 "rider=courier_id", "--csv-map", "town=destination_zone", "--csv-map", "*=-", "--detail", stdin=text)
    assert result.returncode == 0, result.stderr
    assert (records(result)[0]["assignment_id"], records(result)[0]["destination_zone"]) == ("1", "north")


@pytest.mark.parametrize("header, arguments, said", [
    ("assignment_id,courier_id,zone", [], 'unknown column "zone"'),
    ("assignment_id,courier", [], 'unknown column "courier"'),
    ("assignment_id,destination_zone", [], "no column gives courier_id"),
    ("assignment_id,courier_id,courierId", [], "both give courier_id"),
    ("assignment_id,courier_id", ["--csv-map", "rider=courier_id"], 'no column "rider"'),
    ("a-1,courier-42,zone-7", ["--in", "csv"], 'unknown column "a-1"'),
])
def test_a_header_that_means_nothing(run, mock, header, arguments, said):
    result = run("assign", "-s", mock.address, "-f", "-", "--bad-record", "skip", *arguments, stdin=header + "\nx,y,z\n")
    assert result.returncode == 4
    assert error(result)["message"].startswith("stdin:1: ")
    assert said in error(result)["message"]
    assert "--csv-map" in error(result)["hint"]
    assert records(result) == []


@pytest.mark.parametrize("mapping", ["x", "=courier_id", "x=courier", "*=courier_id", "x="])
def test_a_mapping_that_means_nothing(run, mock, mapping):
    result = run("assign", "-s", mock.address, "-f", "-", "--csv-map", mapping, stdin="")
    assert result.returncode == 2
    assert "--csv-map" in error(result)["message"]


BAD_RECORDS = {
    "too few": (b"a,b", "2 values for 3 columns"),
    "too many": (b"a,b,c,d", "4 values for 3 columns"),
    "stray quote": (b'a,b"c,d', "column 4: a quote within a value"),
    "after a quote": (b'"a"b,c,d', "column 4: text after the quote"),
    "invalid UTF-8": (b"a,\xff,z", "column 3: invalid UTF-8"),
    "NUL": (b"a,b\0,z", "column 4: NUL byte"),
    "empty id": (b",courier-42,z", "assignment_id is empty"),
    "too long": (b"x" * 5000 + b",b,c", "longer than 4096 bytes"),
    "open quote": (b'a,"b,c', "a quote in it is not closed"),
}


@pytest.mark.parametrize("bad", list(BAD_RECORDS))
def test_a_bad_record_costs_only_itself(run, mock, bad):
    line, said = BAD_RECORDS[bad]
    rest = "".join(f"g-{n},courier-42,z\n" for n in range(500))
    text = (HEADER + '"g\n1",courier-42,z\n').encode() + line + b"\n" + rest.encode()
    result = run("assign", "-s", mock.address, "-f", "-", "--ordered", "--max-line", "4KiB", "--bad-record", "report",
                 "--summary", "json", stdin=text)
    assert result.returncode == 6, result.stderr
    assert answered(result) == ["g\n1"] + [f"g-{n}" for n in range(500)]
    failed = records(result)[1]
    assert failed["line"] == 4
    assert failed["error"]["message"].startswith("stdin:4: ")
    assert said in failed["error"]["message"]
    assert summary(result)["failed"] == 1


def test_a_dry_run_checks_it(run):
    result = run("assign", "-f", "-", "--dry-run", stdin=HEADER + "a,c,z\nb,c,z\n")
    assert (result.returncode, result.stdout) == (0, b"")
    assert b"2 assignments valid" in result.stderr
    result = run("assign", "-f", "-", "--dry-run", stdin=HEADER + "a,c,z\nb,c\n")
    assert result.returncode == 4
    assert "stdin:3: 2 values for 3 columns" in error(result)["message"]


def test_a_record_comes_at_once_and_half_of_one_does_not(start, mock):
    running = start("assign", "-s", mock.address, "-f", "-")
    running.send(HEADER + 'a,courier-42,z\n"b\n')
    assert running.record()["assignment_id"] == "a"
    running.send('c",courier-42,z\n')
    assert running.record()["assignment_id"] == "b\nc"
    running.process.stdin.close()
    assert running.wait() == 0


def test_a_file_of_csv_is_continued(run, mock, tmp_path):
    source, out = tmp_path / "orders.csv", tmp_path / "results"
    source.write_text(HEADER + "".join(f"a-{n},courier-42,z\n" for n in range(100)))
    out.write_text('{"assignment_id":"a-0","accepted":true}\n{"assignment_id":"a-1","acc')
    for ordered in (["--ordered"], []):
        assert run("assign", "-s", mock.address, "-f", str(source), "--out", str(out), "--continue", *ordered).returncode == 0
        assert len(out.read_text().splitlines()) == 100
