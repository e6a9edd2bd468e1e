//! `doctor`: whether recipients can really read what is shared, step by step as the server does it, each step a line that
//! says ok, or failed and what to do, or that it could not be seen from here.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use shared::model::version::TimestampMs;
use shared::provider::names::TableRef;
use shared::provider::{counted, schemas, shares, tables};

use super::answer::Answer;
use super::target::{Kind, Target, TargetArgs, principal};
use super::told;

mod schema;
mod table;

/// How long the endpoint and a signed URL may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Difference of clocks from which on a signature is at risk, in seconds. S3 refuses it from 15 minutes on.
const CLOCK_SKEW_SECS_MAX: i64 = 300;

/// Options of `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Look at this table only [default: all]
    #[arg(long, value_name = "SHARE.SCHEMA.TABLE")]
    table: Option<String>,
    /// Where to work.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// One step.
#[derive(Debug)]
struct Check {
    what: String,
    outcome: Outcome,
}

/// How a step went.
#[derive(Debug)]
enum Outcome {
    Well(String),
    Failed(String),
    /// Only the server itself could see it.
    Unseen(String),
}

impl From<Result<String, String>> for Outcome {
    fn from(result: Result<String, String>) -> Self {
        result.map_or_else(Self::Failed, Self::Well)
    }
}

/// The steps so far.
#[derive(Debug, Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn note(&mut self, what: impl Into<String>, outcome: impl Into<Outcome>) {
        self.0.push(Check { what: what.into(), outcome: outcome.into() });
    }

    fn answer(self) -> Answer {
        let width = self.0.iter().map(|check| check.what.chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for Check { what, outcome } in &self.0 {
            text.push_str(&match outcome {
                Outcome::Well(seen) => format!("{what:<width$}  ok      {seen}\n"),
                Outcome::Failed(why) => format!("{what:<width$}  FAILED  {why}\n"),
                Outcome::Unseen(why) => format!("{what:<width$}  unseen  {why}\n"),
            });
        }
        let failed = self.0.iter().filter(|check| matches!(check.outcome, Outcome::Failed(_))).count();
        let json: Vec<Value> = self
            .0
            .iter()
            .map(|Check { what, outcome }| {
                let (word, detail) = match outcome {
                    Outcome::Well(seen) => ("ok", seen),
                    Outcome::Failed(why) => ("failed", why),
                    Outcome::Unseen(why) => ("unseen", why),
                };
                json!({"check": what, "outcome": word, "detail": detail})
            })
            .collect();
        let problem = (failed > 0).then(|| format!("{} of {} failed", failed, counted(self.0.len(), "check")));
        Answer { text, json: json!({"checks": json}), problem }
    }
}

/// Runs the command.
///
/// # Errors
/// A sentence for the person at the terminal, when nothing could be checked at all. Steps that fail are part of the
/// answer.
pub async fn run(args: &DoctorArgs, target: &Target) -> Result<Answer, String> {
    let mut checks = Checks::default();
    let chosen = match &args.table {
        Some(name) => {
            let name = TableRef::parse(name).map_err(told)?;
            vec![tables::show(&target.provider, &name).await.map_err(told)?]
        }
        None => tables::list(&target.provider, None).await.map_err(told)?,
    };
    if let Kind::Aws(_) = target.kind() {
        checks.note("identity", identity(target).await);
    }
    let seen = shares::list(&target.provider).await.map(|shares| counted(shares.len(), "share")).map_err(told);
    checks.note("catalogue", seen);
    if let Kind::Aws(_) = target.kind() {
        let minted = target.provider.can_mint().await.map(|()| "a token can be made".to_owned()).map_err(told);
        checks.note("keyring", minted);
    }
    let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).build().map_err(|error| error.to_string())?;
    endpoint(target, &client, &mut checks).await;
    if args.table.is_none() {
        for place in &schemas::list(&target.provider, None).await.map_err(told)? {
            schema::look_at(place, target, &mut checks).await;
        }
    }
    for table in &chosen {
        table::look_at(table, target, &client, &mut checks).await;
    }
    Ok(checks.answer())
}

/// Who the operator is to AWS.
async fn identity(target: &Target) -> Result<String, String> {
    let config = target.aws_config().await;
    let principal = principal(&config).await?;
    let region = config.region().map_or("no region", |region| region.as_ref());
    Ok(format!("{principal} in {region}"))
}

/// Whether the server answers where profiles lead, and what time it is there.
async fn endpoint(target: &Target, client: &reqwest::Client, checks: &mut Checks) {
    let url = match target.endpoint() {
        Ok(url) => url,
        Err(why) => {
            checks.note("endpoint", Err(why));
            return;
        }
    };
    let before = target.provider.now();
    let answer = match client.get(format!("{url}/shares")).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let next = match target.kind() {
                Kind::Local { .. } => format!("start the server with: {}", target.line("serve")),
                Kind::Aws(_) => "check the stack's endpoint, and whether this network reaches it".to_owned(),
            };
            let why = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
            checks.note("endpoint", Err(format!("{url} {why}; {next}")));
            return;
        }
    };
    // Without a token there is one right answer.
    checks.note(
        "endpoint",
        match answer.status().as_u16() {
            401 => Ok(format!("{url} answers and asks for a token")),
            status => Err(format!(
                "{url}/shares answers {status} to a request without a token, not 401; look at the server's log, and \
                 whether the URL is the right one"
            )),
        },
    );
    checks.note("clock", clock(answer.headers().get("date"), before, target.provider.now()));
}

/// Compares this machine's clock with an answer's date, which was made between two moments here.
fn clock(date: Option<&http::HeaderValue>, before: TimestampMs, after: TimestampMs) -> Result<String, String> {
    let there = date
        .and_then(|date| date.to_str().ok())
        .and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok())
        .map(|date| date.timestamp_millis())
        .ok_or("the endpoint's answer has no date; check that nothing between here and there strips headers")?;
    let off_secs =
        if there < before.millis() { (before.millis() - there) / 1000 } else { (there - after.millis()).max(0) / 1000 };
    if off_secs > CLOCK_SKEW_SECS_MAX {
        return Err(format!(
            "this machine's clock is {} away from the server's; signatures made here will be refused, set it by NTP",
            counted(usize::try_from(off_secs).unwrap_or_default(), "second")
        ));
    }
    Ok(format!("within {} of the server's", counted(usize::try_from(off_secs.max(1)).unwrap_or_default(), "second")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimestampMs = TimestampMs::new(1_767_225_600_000);

    fn date(at: TimestampMs) -> http::HeaderValue {
        let at = chrono::DateTime::from_timestamp_millis(at.millis()).unwrap();
        at.format("%a, %d %b %Y %H:%M:%S GMT").to_string().parse().unwrap()
    }

    #[test]
    fn clocks_that_differ_by_minutes_are_found() {
        let after = NOW.plus_secs(2);
        for good in [NOW, NOW.plus_secs(1), NOW.plus_secs(-299), NOW.plus_secs(301)] {
            assert!(clock(Some(&date(good)), NOW, after).is_ok(), "{good}");
        }
        for bad in [NOW.plus_secs(-400), NOW.plus_secs(400)] {
            assert!(clock(Some(&date(bad)), NOW, after).unwrap_err().contains("NTP"), "{bad}");
        }
        assert!(clock(None, NOW, after).is_err());
    }

    #[test]
    fn failed_checks_are_counted() {
        let mut checks = Checks::default();
        checks.note("catalogue", Outcome::Well("1 share".into()));
        checks.note("endpoint", Outcome::Failed("not there; start it".into()));
        checks.note("role", Outcome::Unseen("not you".into()));
        let answer = checks.answer();
        assert_eq!(
            answer.text,
            "catalogue  ok      1 share\nendpoint   FAILED  not there; start it\nrole       unseen  not you\n"
        );
        assert_eq!(answer.problem.as_deref(), Some("1 of 3 checks failed"));
        assert_eq!(answer.json["checks"][1]["outcome"], "failed");
    }
}
