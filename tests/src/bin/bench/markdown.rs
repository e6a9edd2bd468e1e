//! The tables of README's section "Performance", made from the figures of a run.

use serde_json::Value;

/// The tables of README.
pub(crate) fn tables(all: &Value) -> String {
    let mut out = String::from("| | this server | beside it in the same run | ratio |\n|---|---|---|---|\n");
    for (label, part) in [("1,000-byte session token", "withToken"), ("no session token", "withoutToken")] {
        let figure = |name: &str| number(all, &format!("/presigner/{part}/{name}"));
        out.push_str(&format!(
            "| one presigned URL, {label} | {:.2} us | {:.1} us, aws-sdk-s3's presigner | {:.0} |\n",
            figure("ownNanoseconds") / 1e3,
            figure("sdkNanoseconds") / 1e3,
            figure("sdkToOwn"),
        ));
    }
    for replay in list(all, "/replay") {
        out.push_str(&replay_rows(replay));
    }
    out.push_str(
        "\n| query answered whole, delta format | first file | wall | processor | peak memory | sent | requests |\n",
    );
    out.push_str("|---|---|---|---|---|---|---|\n");
    for answer in list(all, "/answers") {
        out.push_str(&answer_row(answer).unwrap_or_default());
    }
    out
}

fn replay_rows(replay: &Value) -> String {
    let readers = list(replay, "/readers");
    let times = |at: usize, name: &str| readers.get(at).map_or(f64::NAN, |reader| number(reader, name));
    let others = |name: &str| (2..readers.len()).map(|at| times(at, name)).fold(f64::INFINITY, f64::min);
    let row = |label: &str, name: &str, how: &str| {
        let (own, other) = (times(0, name), others(name));
        format!("| {label} | {own:.2} s{how} | {other:.2} s | {:.1} |\n", other / own)
    };
    let files = crate::report::thousands(number(replay, "/files") as u64);
    row(
        &format!("replay of a log with {files} files, wall time; beside it deltalake's quickest way"),
        "/wallSeconds",
        ", through S3",
    ) + &row("the same, processor time", "/cpuSeconds", ", both sides of S3")
}

/// A row of a usual table in the delta format; nothing of others.
fn answer_row(answer: &Value) -> Option<String> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    if text("format") != Some("delta") || answer.get("usual") != Some(&Value::Bool(true)) {
        return None;
    }
    let coding = match text("coding")? {
        "identity" => String::new(),
        coding => format!(", {coding}"),
    };
    Some(format!(
        "| {} files{coding} | {:.0} ms | {:.2} s | {:.2} s | {:.0} MB | {:.1} MB | {:.0} |\n",
        crate::report::thousands(number(answer, "/files") as u64),
        number(answer, "/firstFileSeconds") * 1e3,
        number(answer, "/wallSeconds"),
        number(answer, "/serverCpuSeconds"),
        number(answer, "/serverPeakRssBytes") / 1e6,
        number(answer, "/sentBytes") / 1e6,
        number(answer, "/storageRequests"),
    ))
}

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_those_of_usual_tables_in_the_delta_format() {
        let answer = |format: &str, coding: &str, usual: bool| {
            json!({
                "format": format, "coding": coding, "usual": usual, "files": 1_900, "firstFileSeconds": 0.0051,
                "wallSeconds": 0.0123, "serverCpuSeconds": 0.014, "serverPeakRssBytes": 34_400_000, "sentBytes": 2_800_000,
                "storageRequests": 5,
            })
        };
        let signed = json!({"ownNanoseconds": 1_040, "sdkNanoseconds": 24_700, "sdkToOwn": 23.7});
        let reader = |wall: f64, cpu: f64| json!({"wallSeconds": wall, "cpuSeconds": cpu});
        let all = json!({
            "presigner": {"withToken": signed, "withoutToken": signed},
            "replay": [{"files": 100_900, "readers": [reader(0.12, 0.15), reader(0.1, 0.1), reader(0.5, 0.9), reader(0.3, 0.45)]}],
            "answers": [answer("delta", "identity", true), answer("delta", "gzip", true), answer("parquet", "identity", true),
                answer("delta", "identity", false)],
        });
        let text = tables(&all);
        assert!(text.contains("| 1.04 us | 24.7 us, aws-sdk-s3's presigner | 24 |"), "{text}");
        assert!(text.contains("| 0.12 s, through S3 | 0.30 s | 2.5 |"), "{text}");
        assert!(text.contains("| 1,900 files | 5 ms | 0.01 s | 0.01 s | 34 MB | 2.8 MB | 5 |"), "{text}");
        assert_eq!(text.matches("1,900 files").count(), 2, "{text}");
    }
}
