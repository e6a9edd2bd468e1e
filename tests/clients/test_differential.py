"""Tables of another writer, read twice: by the official client through the server, and straight from their folder. Every
kind of query must come to the same rows, in both formats."""

import collections
import datetime
import decimal
import io
import json
import os
import pathlib
import time
from urllib.parse import unquote

import delta_sharing
import numpy
import pandas
import pyarrow
import pyarrow.parquet
import pytest
import requests
from conftest import Running
from deltalake import DeltaTable, write_deltalake

FORMATS = [True, False]
PLACES = ["Zürich", "北京", "a b", "x/y", "50%", "1+1=2", "O'Hara", "🦀", "", None]
TYPES = pyarrow.schema(
    [
        ("id", pyarrow.int64()),
        ("small", pyarrow.int16()),
        ("ratio", pyarrow.float64()),
        ("narrow", pyarrow.float32()),
        ("flag", pyarrow.bool_()),
        ("name", pyarrow.string()),
        ("raw", pyarrow.binary()),
        ("day", pyarrow.date32()),
        ("moment", pyarrow.timestamp("us", tz="UTC")),
        ("price", pyarrow.decimal128(14, 4)),
        ("list", pyarrow.list_(pyarrow.int32())),
        ("nested", pyarrow.struct([("a", pyarrow.int32()), ("b", pyarrow.string())])),
    ]
)
PLACED = pyarrow.schema(
    [
        ("id", pyarrow.int64()),
        ("name", pyarrow.string()),
        ("place", pyarrow.string()),
        ("day", pyarrow.date32()),
        ("number", pyarrow.int32()),
    ]
)
RECORDED = pyarrow.schema([("id", pyarrow.int64()), ("value", pyarrow.string()), ("place", pyarrow.string())])

FEED = pyarrow.schema(
    [
        *RECORDED,
        ("_change_type", pyarrow.string()),
        ("_commit_version", pyarrow.int64()),
        ("_commit_timestamp", pyarrow.int64()),
    ]
)


def typed(start, count):
    """Rows of every type; every third is null in all columns that can be."""

    def row(n):
        values = {
            "small": n % 100 - 50,
            "ratio": n / 7,
            "narrow": n / 8,
            "flag": n % 2 == 0,
            "name": f"név {n} \"\\ \n 🦀",
            "raw": bytes([n % 256, 0, 255]),
            "day": datetime.date(1960, 1, 1) + datetime.timedelta(days=37 * n),
            "moment": datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999, datetime.timezone.utc)
            + datetime.timedelta(hours=1111 * n, microseconds=n),
            "price": decimal.Decimal(n * 12345).scaleb(-4),
            "list": [n, None, n + 1],
            "nested": {"a": n, "b": None},
        }
        # Larger than what a float can hold.
        return {"id": 9_007_199_254_740_993 + n, **({} if n % 3 == 2 else values)}

    return pyarrow.Table.from_pylist([row(n) for n in range(start, start + count)], schema=TYPES)


def placed(start, count):
    return pyarrow.Table.from_pylist(
        [
            {
                "id": n,
                "name": None if n % 5 == 4 else f"név {n}",
                "place": PLACES[n % len(PLACES)],
                "day": None if n % 7 == 6 else datetime.date(2024, 2, 28) + datetime.timedelta(days=n % 3),
                "number": n % 2,
            }
            for n in range(start, start + count)
        ],
        schema=PLACED,
    )


def recorded(ids, value, places):
    rows = [{"id": n, "value": None if n % 4 == 3 else f"{value} {n}", "place": places[n % 4]} for n in ids]
    return pyarrow.Table.from_pylist(rows, schema=RECORDED)


def pause():
    """Commits of one moment would be told apart by a rule; that rule is tested elsewhere."""
    time.sleep(0.005)


def write_typed(folder):
    for start in range(0, 40, 10):
        write_deltalake(folder, typed(start, 10), mode="append")
        pause()
    DeltaTable(folder).create_checkpoint()
    write_deltalake(folder, typed(100, 15), mode="overwrite")
    pause()
    write_deltalake(folder, typed(200, 5), mode="append")


def write_placed(folder):
    by = ["place", "day", "number"]
    for start in (0, 20, 40):
        write_deltalake(folder, placed(start, 20), mode="append", partition_by=by)
        pause()
    write_deltalake(folder, placed(100, 10), mode="overwrite", partition_by=by, predicate=None)
    pause()
    DeltaTable(folder).create_checkpoint()
    write_deltalake(folder, placed(200, 30), mode="append", partition_by=by)
    pause()
    DeltaTable(folder).delete("place = '50%'")
    pause()
    DeltaTable(folder).delete("id > 220")
    pause()
    DeltaTable(folder).optimize.compact()


def write_recorded(folder, places=PLACES):
    DeltaTable.create(
        folder, RECORDED, partition_by=["place"], configuration={"delta.enableChangeDataFeed": "true"}
    )
    pause()
    write_deltalake(folder, recorded(range(12), "first", places), mode="append")
    pause()
    DeltaTable(folder).delete("id % 5 = 0")
    pause()
    DeltaTable(folder).update(updates={"value": "'neu'"}, predicate="id = 7")
    pause()
    DeltaTable(folder).create_checkpoint()
    late = recorded(range(8, 16), "merged", places)
    merge = DeltaTable(folder).merge(late, "t.id = s.id", source_alias="s", target_alias="t")
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
    pause()
    write_deltalake(folder, recorded(range(50, 54), "late", places), mode="append")
    pause()
    # A whole partition, which needs no recorded changes.
    DeltaTable(folder).delete(f"place = '{places[1]}'")


def write_ascii(folder):
    write_recorded(folder, ["a", "b", "c", "d"])


def write_many(folder):
    for n in range(23):
        write_deltalake(folder, placed(3 * n, 3), mode="append")
        pause()
        if n == 15:
            DeltaTable(folder).create_checkpoint()


WRITERS = {
    "typed": write_typed,
    "placed": write_placed,
    "recorded": write_recorded,
    "ascii": write_ascii,
    "many": write_many,
}


class Served:
    """The tables, and the server that serves them."""

    def __init__(self, folder, profile):
        self.folder, self.profile = folder, profile
        self.content = json.loads(pathlib.Path(profile).read_text())

    def place(self, table):
        return str(self.folder / table)

    def url(self, table):
        return f"{self.profile}#local.default.{table}"

    def commits(self, table):
        return sorted((self.folder / table / "_delta_log").glob("*[0-9].json"))

    def ask(self, table, body, use_delta_format):
        """The lines of one answer to a query."""
        answer = requests.post(
            f"{self.content['endpoint']}/shares/local/schemas/default/tables/{table}/query",
            json=body,
            headers={
                "Authorization": f"Bearer {self.content['bearerToken']}",
                "delta-sharing-capabilities": f"responseformat={'delta' if use_delta_format else 'parquet'}",
            },
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("differential")
    tables = folder / "tables"
    for name, write in WRITERS.items():
        write(str(tables / name))
    # A commit's time is that of its file; the other reader takes what the commit says of itself.
    for commit in tables.glob("*/_delta_log/*[0-9].json"):
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        [said] = [action["commitInfo"]["timestamp"] for action in actions if "commitInfo" in action]
        os.utime(commit, ns=(said * 10**6, said * 10**6))
    running = Running("serve", str(tables), "--state", str(folder / "state"), "--port", "0")
    [profile] = (folder / "state").glob("*.share")
    yield Served(tables, str(profile))
    assert running.stop() == 0


def plain(value):
    """A value without what differs from one library's form of it to the other's."""
    if isinstance(value, dict):
        return tuple(sorted((key, plain(inner)) for key, inner in value.items()))
    if isinstance(value, (list, tuple, numpy.ndarray)):
        return tuple(plain(inner) for inner in value)
    if value is None or pandas.isna(value):
        return None
    if isinstance(value, (pandas.Timestamp, datetime.datetime, numpy.datetime64)):
        stamp = pandas.Timestamp(value)
        return ("moment", (stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")).value // 1000)
    if isinstance(value, decimal.Decimal):
        return ("decimal", value.as_tuple())
    return value.item() if isinstance(value, numpy.generic) else value


def rows(frame):
    """The rows of a frame or table, each as often as it is there, by column name."""
    if isinstance(frame, pyarrow.Table):
        names, columns = frame.column_names, [column.to_pylist() for column in frame.columns]
    else:
        names, columns = list(frame.columns), [list(frame[name]) for name in frame.columns]
    order = sorted(range(len(names)), key=names.__getitem__)
    found = collections.Counter(tuple(plain(value) for value in row) for row in zip(*(columns[at] for at in order)))
    return [names[at] for at in order], found


def direct(served, table, **which):
    """A table's rows, read from the folder."""
    return rows(pyarrow.table(DeltaTable(served.place(table), **which).to_pyarrow_table()))


def from_urls(lines, schema, name="add"):
    """The rows of an answer's files, fetched and read here, with the values of their partitions."""
    pieces = [schema.empty_table()]
    for line in lines:
        file = line["file"] if "file" in line else line[name]
        file = file.get("deltaSingleAction", {}).get("add", file)
        fetched = requests.get(file.get("url") or file["path"], timeout=30)
        assert (fetched.status_code, len(fetched.content)) == (200, file["size"])
        piece = pyarrow.parquet.read_table(io.BytesIO(fetched.content))
        for column, text in file["partitionValues"].items():
            value = pyarrow.scalar(text or None).cast(schema.field(column).type)
            piece = piece.append_column(column, pyarrow.repeat(value, piece.num_rows))
        pieces.append(piece.select(schema.names).cast(schema))
    return pyarrow.concat_tables(pieces)


def test_the_tables_are_what_the_tests_are_about(served):
    operations = {
        json.loads(line)["commitInfo"]["operation"]
        for table in WRITERS
        for commit in served.commits(table)
        for line in commit.read_text().splitlines()
        if "commitInfo" in line
    }
    assert {"WRITE", "DELETE", "UPDATE", "MERGE", "OPTIMIZE"} <= operations
    for table in WRITERS:
        assert list((served.folder / table / "_delta_log").glob("*.checkpoint.parquet")), table
    assert list((served.folder / "recorded" / "_change_data").glob("**/*.parquet"))
    assert len(direct(served, "placed")[1]) > 5


@pytest.mark.parametrize("use_delta_format", FORMATS)
@pytest.mark.parametrize("table", WRITERS)
def test_the_newest_version(served, table, use_delta_format):
    found = delta_sharing.load_as_pandas(served.url(table), use_delta_format=use_delta_format)
    assert rows(found) == direct(served, table)


@pytest.mark.parametrize("use_delta_format", FORMATS)
@pytest.mark.parametrize("table", WRITERS)
def test_every_version(served, table, use_delta_format):
    for version in range(len(served.commits(table))):
        found = delta_sharing.load_as_pandas(served.url(table), version=version, use_delta_format=use_delta_format)
        assert rows(found) == direct(served, table, version=version), version


@pytest.mark.parametrize("use_delta_format", FORMATS)
@pytest.mark.parametrize("table", WRITERS)
def test_every_moment(served, table, use_delta_format):
    for version, commit in enumerate(served.commits(table)):
        moment = datetime.datetime.fromtimestamp(commit.stat().st_mtime_ns / 10**9, datetime.timezone.utc)
        text = moment.isoformat(timespec="milliseconds")
        found = delta_sharing.load_as_pandas(served.url(table), timestamp=text, use_delta_format=use_delta_format)
        assert rows(found) == direct(served, table, version=version), version


@pytest.mark.parametrize("use_delta_format", FORMATS)
@pytest.mark.parametrize("table", WRITERS)
def test_a_limit_is_so_many_rows_of_the_table(served, table, use_delta_format):
    names, whole = direct(served, table)
    for limit in (1, 3, whole.total(), whole.total() + 10):
        found = delta_sharing.load_as_pandas(served.url(table), limit=limit, use_delta_format=use_delta_format)
        found_names, some = rows(found)
        assert (found_names, some.total()) == (names, min(limit, whole.total()))
        assert some <= whole


def hint(op, column, kind, value):
    column = {"op": "column", "name": column, "valueType": kind}
    return {"op": op, "children": [column, {"op": "literal", "value": value, "valueType": kind}]}


DAY = datetime.date(2024, 2, 29)
NULL = {"op": "isNull", "children": [{"op": "column", "name": "place", "valueType": "string"}]}
# As JSON, as SQL, and as the reader filters once more; a null is in no comparison.
PREDICATES = [
    (hint("equal", "place", "string", "北京"), "place = '北京'", lambda row: row["place"] == "北京"),
    (hint("equal", "place", "string", "50%"), "place = '50%'", lambda row: row["place"] == "50%"),
    (hint("equal", "place", "string", "O'Hara"), "place = 'O''Hara'", lambda row: row["place"] == "O'Hara"),
    (
        {"op": "not", "children": [hint("equal", "place", "string", "🦀")]},
        "place <> '🦀'",
        lambda row: row["place"] not in ("🦀", None),
    ),
    (NULL, "place IS NULL", lambda row: row["place"] is None),
    (hint("lessThan", "id", "long", "30"), "id < 30", lambda row: row["id"] < 30),
    (
        hint("greaterThanOrEqual", "day", "date", "2024-02-29"),
        "day >= DATE '2024-02-29'",
        lambda row: row["day"] is not None and row["day"] >= DAY,
    ),
    (
        {"op": "and", "children": [hint("equal", "number", "int", "1"), hint("greaterThan", "id", "long", "40")]},
        "number = 1 AND id > 40",
        lambda row: row["number"] == 1 and row["id"] > 40,
    ),
    (hint("equal", "name", "string", "név 7"), "name = 'név 7'", lambda row: row["name"] == "név 7"),
]


@pytest.mark.parametrize("use_delta_format", FORMATS)
@pytest.mark.parametrize("table", ["placed", "many"])
def test_predicates_lose_no_row_that_fulfils_them(served, table, use_delta_format):
    every_file = len(served.ask(table, {}, use_delta_format)) - 2
    whole = DeltaTable(served.place(table)).to_pyarrow_table().select(PLACED.names).cast(PLACED)
    fewer = 0

    def kept(content, keep):
        return rows(pyarrow.Table.from_pylist([row for row in content.to_pylist() if keep(row)], schema=PLACED))

    for as_json, as_sql, keep in PREDICATES:
        names, wanted = kept(whole, keep)
        for body in ({"jsonPredicateHints": json.dumps(as_json)}, {"predicateHints": [as_sql]}):
            lines = served.ask(table, body, use_delta_format)[2:]
            fewer += len(lines) < every_file
            assert kept(from_urls(lines, PLACED), keep) == (names, wanted), body
            # So many rows, if there are so many, and no others.
            for limit in (1, 4, 1000):
                lines = served.ask(table, {**body, "limitHint": limit}, use_delta_format)[2:]
                some = kept(from_urls(lines, PLACED), keep)[1]
                assert some <= wanted and some.total() >= min(limit, wanted.total()), (body, limit)
        found = delta_sharing.load_as_pandas(
            served.url(table), jsonPredicateHints=json.dumps(as_json), use_delta_format=use_delta_format
        )
        content = pyarrow.Table.from_pandas(found, preserve_index=False).select(PLACED.names).cast(PLACED)
        assert kept(content, keep) == (names, wanted), as_json
    assert fewer >= len(PREDICATES), "hardly a predicate left a file out"


def changes(frame, millis):
    """The rows of a feed; its moments are numbers in one format and moments in the other, with or without milliseconds."""
    names, found = rows(frame)
    at = names.index("_commit_timestamp")

    def in_millis(row):
        moment = row[at][1] // 1000 if isinstance(row[at], tuple) else row[at]
        return (*row[:at], moment if millis else moment // 1000, *row[at + 1 :])

    same = collections.Counter()
    for row, times in found.items():
        same[in_millis(row)] += times
    return names, same


def feed_of_the_log(served, table, start, end):
    """What changed, read commit by commit: what was recorded, or else the files that came and went."""
    pieces = []
    for version in range(start, end + 1):
        commit = served.commits(table)[version]
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        [said] = [action["commitInfo"]["timestamp"] for action in actions if "commitInfo" in action]
        changed = [
            (kind, action[kind])
            for kind in ("cdc", "add", "remove")
            for action in actions
            if kind in action and (kind == "cdc" or action[kind]["dataChange"])
        ]
        for kind, action in changed:
            if kind != "cdc" and changed[0][0] == "cdc":
                continue
            piece = pyarrow.parquet.ParquetFile(served.folder / table / unquote(action["path"])).read()
            told = {column: pyarrow.scalar(text, pyarrow.string()) for column, text in action["partitionValues"].items()}
            if kind != "cdc":
                told["_change_type"] = pyarrow.scalar("insert" if kind == "add" else "delete")
            told |= {"_commit_version": pyarrow.scalar(version), "_commit_timestamp": pyarrow.scalar(said)}
            for column, value in told.items():
                piece = piece.append_column(column, pyarrow.repeat(value, piece.num_rows))
            pieces.append(piece.select(FEED.names).cast(FEED))
    return pyarrow.concat_tables(pieces) if pieces else None


def feed_of_the_writer(served, table, start, end):
    return pyarrow.table(DeltaTable(served.place(table)).load_cdf(starting_version=start, ending_version=end).read_all())


@pytest.mark.parametrize("use_delta_format", FORMATS)
@pytest.mark.parametrize(
    "table, feed",
    # The writer's own reader of feeds loses its way where a path is encoded.
    [("recorded", feed_of_the_log), ("ascii", feed_of_the_log), ("ascii", feed_of_the_writer)],
)
def test_every_range_of_the_change_feed(served, table, feed, use_delta_format):
    versions = range(len(served.commits(table)))
    kinds = set()
    for start in versions:
        for end in versions[start:]:
            wanted = feed(served, table, start, end)
            found = delta_sharing.load_table_changes_as_pandas(
                served.url(table), starting_version=start, ending_version=end, use_delta_format=use_delta_format
            )
            if not wanted:
                assert len(found) == 0, (start, end)
                continue
            # In the delta format the client keeps the seconds of a commit's time only.
            millis = not use_delta_format
            assert changes(found, millis) == changes(wanted, millis), (start, end)
            kinds |= set(found["_change_type"])
    assert kinds == {"insert", "delete", "update_preimage", "update_postimage"}


@pytest.mark.parametrize("use_delta_format", FORMATS)
@pytest.mark.parametrize("table", ["placed", "many", "recorded", "ascii"])
def test_pages_come_to_the_table(served, table, use_delta_format):
    schema = RECORDED if table in ("recorded", "ascii") else PLACED
    newest = len(served.commits(table)) - 1
    for body, version in [({}, newest), ({"version": newest - 1}, newest - 1)]:
        lines, pages, token = [], 0, None
        while token or not pages:
            page = served.ask(table, {**body, "maxFiles": 3, **({"pageToken": token} if token else {})}, use_delta_format)
            lines += page[2:-1]
            pages, token = pages + 1, page[-1]["endStreamAction"].get("nextPageToken")
        assert pages > 1 and len(lines) > 3
        assert rows(from_urls(lines, schema)) == direct(served, table, version=version)


@pytest.mark.parametrize("table", ["placed", "many", "recorded", "ascii"])
def test_a_range_leads_from_one_version_to_the_other(served, table):
    schema = RECORDED if table in ("recorded", "ascii") else PLACED
    newest = len(served.commits(table)) - 1
    for start in range(1, newest + 1):
        lines = served.ask(table, {"startingVersion": start}, False)[2:]
        added = rows(from_urls([line for line in lines if "add" in line], schema))
        removed = rows(from_urls([line for line in lines if "remove" in line], schema, "remove"))
        names, before = direct(served, table, version=start - 1)
        assert names == added[0] and removed[1] <= before + added[1], start
        assert before + added[1] - removed[1] == direct(served, table)[1], start
