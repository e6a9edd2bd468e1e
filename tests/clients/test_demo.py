"""The sample tables, read by the official client through presigned URLs."""

import json
import subprocess
import sys
import time
import pathlib
import os

import delta_sharing
import pytest
import requests

COVID = "delta_sharing.default.owid-covid-data"
CARS = "share1.default.cars"
COUNTRIES = {"USA", "GBR", "DEU", "FRA", "IND", "BRA", "JPN", "ZAF"}
DAYS = 731


def url(demo, table):
    return f"{demo[1]}#{table}"


def query(profile, table, body, **headers):
    share, schema, name = table.split(".")
    answer = requests.post(
        f"{profile['endpoint']}/shares/{share}/schemas/{schema}/tables/{name}/query",
        json=body,
        headers={"Authorization": f"Bearer {profile['bearerToken']}", **headers},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_tables_are_listed(demo):
    client = delta_sharing.SharingClient(demo[1])
    assert [share.name for share in client.list_shares()] == ["delta_sharing", "share1"]
    names = {f"{t.share}.{t.schema}.{t.name}" for t in client.list_all_tables()}
    assert names == {COVID, CARS}


@pytest.mark.parametrize("use_delta_format", [True, False, None])
def test_both_tables_load_in_both_formats(demo, use_delta_format):
    covid = delta_sharing.load_as_pandas(url(demo, COVID), use_delta_format=use_delta_format)
    assert len(covid) == DAYS * len(COUNTRIES)
    assert set(covid.iso_code) == COUNTRIES
    assert covid.date.nunique() == DAYS
    # A running total is the sum of what was added: no row is missing and none is there twice.
    for _, rows in covid.groupby("iso_code"):
        assert abs(rows.new_cases.sum() - rows.total_cases.max()) < 1e-3 * rows.total_cases.max() + 1
    cars = delta_sharing.load_as_pandas(url(demo, CARS), use_delta_format=use_delta_format)
    assert len(cars) >= 20



def test_a_filter_keeps_every_row_it_should(demo):
    everything = delta_sharing.load_as_pandas(url(demo, COVID))
    hint = json.dumps(
        {
            "op": "equal",
            "children": [
                {"op": "column", "name": "iso_code", "valueType": "string"},
                {"op": "literal", "value": "USA", "valueType": "string"},
            ],
        }
    )
    hinted = delta_sharing.load_as_pandas(url(demo, COVID), jsonPredicateHints=hint)
    assert len(hinted[hinted.iso_code == "USA"]) == len(everything[everything.iso_code == "USA"]) == DAYS


def test_limit(demo):
    assert len(delta_sharing.load_as_pandas(url(demo, COVID), limit=7)) == 7


@pytest.mark.parametrize("use_delta_format", [True, False])
def test_time_travel(demo, use_delta_format):
    sizes = [
        len(delta_sharing.load_as_pandas(url(demo, COVID), version=version, use_delta_format=use_delta_format))
        for version in (1, 4, 8)
    ]
    assert sizes == sorted(sizes) and 0 < sizes[0] < sizes[1] < sizes[2] == DAYS * len(COUNTRIES)
    with pytest.raises(requests.HTTPError) as refused:
        delta_sharing.load_as_pandas(url(demo, COVID), version=99, use_delta_format=use_delta_format)
    assert refused.value.response.status_code == 400


def test_history_that_is_not_shared_is_refused(demo):
    with pytest.raises(requests.HTTPError) as refused:
        delta_sharing.load_as_pandas(url(demo, CARS), version=0)
    assert refused.value.response.status_code == 400


def test_versions_and_metadata(demo):
    assert delta_sharing.get_table_version(url(demo, COVID)) == 8
    metadata = delta_sharing.get_table_metadata(url(demo, COVID))
    assert metadata.partition_columns == ["iso_code"]


def test_a_wrong_token_is_refused(demo, profile, tmp_path):
    path = tmp_path / "wrong.share"
    path.write_text(json.dumps({**profile, "bearerToken": profile["bearerToken"] + "x"}))
    with pytest.raises(requests.HTTPError) as refused:
        delta_sharing.load_as_pandas(f"{path}#{COVID}")
    assert refused.value.response.status_code == 401


def test_an_expired_url_is_refused(short_urls):
    profile = json.loads(pathlib.Path(short_urls).read_text())
    file = query(profile, "delta_sharing.default.cars", {})[2]["file"]
    time.sleep(2.5)
    assert requests.get(file["url"], timeout=30).status_code == 403


def test_a_tampered_url_is_refused(profile):
    file = query(profile, CARS, {})[2]["file"]
    whole = requests.get(file["url"], timeout=30)
    assert (whole.status_code, len(whole.content)) == (200, file["size"])
    part = requests.get(file["url"], headers={"Range": "bytes=0-3"}, timeout=30)
    assert (part.status_code, part.content) == (206, b"PAR1")
    other = file["url"].replace("/part-", "/other-", 1)
    longer = file["url"].replace("X-Amz-Expires=", "X-Amz-Expires=1", 1)
    signature = file["url"][:-1] + ("0" if file["url"][-1] != "0" else "1")
    unsigned = file["url"].split("?")[0]
    log = unsigned.rsplit("/", 1)[0] + "/_delta_log/00000000000000000000.json?" + file["url"].split("?")[1]
    for changed in (other, longer, signature, unsigned, log):
        assert changed != file["url"]
        assert requests.get(changed, timeout=30).status_code == 403, changed
    assert requests.put(file["url"], data=b"x", timeout=30).status_code in (403, 405, 501)


def test_the_printed_lines_work_as_they_are(demo, tmp_path):
    curl, load, filtered = demo[0].pasted_lines()
    # `python3` is the interpreter that has the client.
    environment = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}

    def pasted(line):
        done = subprocess.run(line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert [item["name"] for item in json.loads(pasted(curl))["items"]] == ["delta_sharing", "share1"]
    assert "[10 rows" in pasted(load)
    shown = pasted(filtered)
    assert f"[{DAYS} rows" in shown and "USA" in shown and "DEU" not in shown


@pytest.mark.parametrize("use_delta_format", [True, False])
def test_change_feed(demo, use_delta_format):
    def changes(**bounds):
        return delta_sharing.load_table_changes_as_pandas(url(demo, COVID), use_delta_format=use_delta_format, **bounds)

    every_change = changes(starting_version=0)
    assert set(every_change._change_type) == {"insert"}
    assert sorted(every_change._commit_version.unique()) == list(range(1, 9))
    # The table is only appended to: its changes are its rows, each once.
    columns = ["iso_code", "date"]
    now = delta_sharing.load_as_pandas(url(demo, COVID), use_delta_format=use_delta_format)
    assert sorted(map(tuple, every_change[columns].astype(str).values)) == sorted(map(tuple, now[columns].astype(str).values))
    some = changes(starting_version=3, ending_version=4)
    assert sorted(some._commit_version.unique()) == [3, 4]
    assert len(some) == len(every_change[every_change._commit_version.isin([3, 4])])


def test_change_feed_of_a_table_without_shared_history_is_refused(demo):
    with pytest.raises(requests.HTTPError) as refused:
        delta_sharing.load_table_changes_as_pandas(url(demo, CARS), starting_version=0)
    assert refused.value.response.status_code == 400


def test_pages_come_to_the_whole(demo, profile):
    whole = [line["file"]["id"] for line in query(profile, COVID, {})[2:]]
    paged, heads, token = [], set(), None
    while True:
        page = query(profile, COVID, {"maxFiles": 5, **({"pageToken": token} if token else {})})
        heads.add(json.dumps(page[:2]))
        paged += [line["file"]["id"] for line in page[2:-1]]
        token = page[-1]["endStreamAction"].get("nextPageToken")
        if not token:
            break
    assert paged == whole and len(heads) == 1


def test_a_hint_leaves_other_partitions_out(demo, profile):
    files = query(profile, COVID, {"predicateHints": ["iso_code = 'USA'"]})[2:]
    assert files and {line["file"]["partitionValues"]["iso_code"] for line in files} == {"USA"}
