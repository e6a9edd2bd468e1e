//! One table, as far as a recipient's client goes: its role, its bucket, its log, and a data file by a signed URL.

use std::path::Path;

use shared::catalog::register::Look;
use shared::catalog::write::TableRecord;

use super::super::answer::full_name;
use super::super::target::{Target, named};
use super::{Checks, Outcome};
use crate::inspect::bucket::{Bucket, Role, assume, code_in};
use crate::inspect::{Inspection, one_line};
use crate::locations::Place;

/// How the data files of every table that can be shared begin.
const PARQUET_MAGIC: &[u8] = b"PAR1";

/// Notes every step from the catalogue's entry to the bytes of a data file.
pub(super) async fn look_at(table: &TableRecord, target: &Target, client: &reqwest::Client, checks: &mut Checks) {
    let name = full_name(table);
    let step = |what: &str| format!("{name}: {what}");
    if table.look == Some(Look::LeftOut) {
        checks.note(step("added"), Ok("without a look at it; the steps below are the first one".to_owned()));
    }
    // The catalogue of a state folder may hold paths that begin there.
    let place = target.recorded_place(&table.location);
    let location = match place {
        Ok(Place::Bucket(location)) => location,
        Ok(Place::Folder(folder)) => {
            let seen = Inspection::of_folder(&folder).await;
            if let Some(seen) = noted(checks, step("log"), seen) {
                elsewhere(checks, step("files elsewhere"), &Place::Folder(folder.clone()), table, &seen);
                served(checks, step("features"), &seen);
                rules(checks, step("partition rules"), table, &seen);
                checks.note(step("data file"), data_file_here(&folder, &seen));
            }
            return;
        }
        Err(why) => {
            checks.note(step("location"), Err(why));
            return;
        }
    };

    let role = table.role_arn.clone().map(|arn| Role { arn, external_id: table.external_id.clone() });
    let route = target.route(table.region.as_deref(), table.endpoint.as_deref(), role);
    let own = target.aws_config().await;
    let config = match &route.role {
        None => own,
        Some(role) => match assume(&own, role).await {
            Ok(session) => {
                checks.note(step("role"), Ok(format!("{} can be assumed", role.arn)));
                session
            }
            Err(why) if why.denied => {
                let seen = format!(
                    "{} may trust the functions, but does not let you in ({why}); the steps below use your own \
                     credentials. To see it, let the role's trust policy name you as well",
                    role.arn
                );
                checks.note(step("role"), Outcome::Unseen(seen));
                own
            }
            Err(why) => {
                let next = "check the network and your credentials";
                checks.note(step("role"), Outcome::Failed(format!("{} cannot be assumed: {why}; {next}", role.arn)));
                return;
            }
        },
    };
    let place = Place::Bucket(location.clone());
    let bucket = Bucket::find(&config, location, &route).await;
    let recorded = table.region.as_deref().or_else(|| config.region().map(|region| region.as_ref()));
    let region = bucket.as_ref().map_err(Clone::clone).and_then(|bucket| region(bucket, recorded));
    checks.note(step("region"), region);
    let Ok(bucket) = bucket else { return };
    let Some(seen) = noted(checks, step("log"), bucket.inspect().await) else { return };
    elsewhere(checks, step("files elsewhere"), &place, table, &seen);
    served(checks, step("features"), &seen);
    rules(checks, step("partition rules"), table, &seen);
    checks.note(step("signed URL"), signed_url(&bucket, &seen, target, client).await);
}

/// Notes whether the table's partition rules fit it, where there are any.
fn rules(checks: &mut Checks, what: String, table: &TableRecord, seen: &Inspection) {
    if !table.partitions.is_empty() {
        let fit = seen.check_partitions(&table.partitions).map(|()| format!("{} fit", table.partitions.len()));
        checks.note(what, fit);
    }
}

/// Notes how a look went; what was seen, if anything.
fn noted(checks: &mut Checks, what: String, seen: Result<Inspection, String>) -> Option<Inspection> {
    match seen {
        Ok(seen) => {
            checks.note(what, Ok(seen.summary()));
            Some(seen)
        }
        Err(why) => {
            checks.note(what, Outcome::Failed(why));
            None
        }
    }
}

/// Notes whether files that the log names absolutely lie where they may; nothing where there are none.
fn elsewhere(checks: &mut Checks, what: String, place: &Place, table: &TableRecord, seen: &Inspection) {
    if seen.elsewhere.is_empty() {
        return;
    }
    let allowed = named(place, &table.auxiliary_locations).and_then(|location| seen.check_elsewhere(&location));
    checks.note(what, allowed.map(|()| "all of them are in places that the table may name".to_owned()));
}

fn served(checks: &mut Checks, what: String, seen: &Inspection) {
    checks.note(what, seen.prospects().map_err(|why| one_line(&why)));
}

/// Whether a bucket is where the catalogue says.
fn region(bucket: &Bucket, recorded: Option<&str>) -> Result<String, String> {
    match (bucket.endpoint(), recorded) {
        (Some(endpoint), _) => Ok(format!("at {endpoint}")),
        (None, Some(recorded)) if recorded != bucket.region() => Err(format!(
            "the bucket is in {}, the catalogue says {recorded}; remove the table and add it again, its region is found \
             out then",
            bucket.region()
        )),
        (None, _) => Ok(bucket.region().to_owned()),
    }
}

fn data_file_here(folder: &Path, seen: &Inspection) -> Result<String, String> {
    let Some((key, bytes)) = &seen.sample else { return Ok("the table has none of its own".into()) };
    match std::fs::metadata(folder.join(key)) {
        Ok(metadata) if metadata.len() == *bytes => Ok(format!("one of {bytes} bytes is there")),
        Ok(metadata) => Err(format!("{key} has {} bytes, the log says {bytes}; repair the table", metadata.len())),
        Err(error) => Err(format!("{key} is in the log, but: {error}; repair the table")),
    }
}

/// Fetches the beginning of one data file with a signed URL, as a recipient does.
async fn signed_url(
    bucket: &Bucket,
    seen: &Inspection,
    target: &Target,
    client: &reqwest::Client,
) -> Result<String, String> {
    let Some((key, _)) = &seen.sample else { return Ok("the table has no file of its own to try".into()) };
    let url = bucket.signed(key, target.provider.now()).await?;
    let last = PARQUET_MAGIC.len() - 1;
    let answer = client.get(url.reveal()).header("range", format!("bytes=0-{last}")).send().await;
    // The error's own text holds the URL, which is a credential.
    let answer = answer.map_err(|error| {
        let why = if error.is_timeout() { "in time" } else { "at all" };
        format!("the bucket does not answer a signed URL {why}; check that this network reaches S3")
    })?;
    let status = answer.status();
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let encryption = header("x-amz-server-side-encryption");
    if status.is_success() {
        let body = answer.bytes().await.map_err(|_| "the answer to a signed URL broke off; try again")?;
        if !body.starts_with(PARQUET_MAGIC) {
            return Err("a data file does not begin as Parquet does; repair the table".into());
        }
        return Ok(match encryption.as_deref() {
            Some(how) if how.contains("kms") => format!("a file can be fetched and decrypted ({how})"),
            _ => "a file can be fetched".into(),
        });
    }
    let body = answer.text().await.unwrap_or_default();
    Err(refusal(status.as_u16(), &body))
}

/// What to do about S3's refusal of a signed URL.
fn refusal(status: u16, body: &str) -> String {
    let code = code_in(body);
    let shown = code.map_or_else(|| status.to_string(), |code| format!("{status} {code}"));
    let next = match code {
        _ if body.contains("kms") || body.contains("KMS") => {
            "the role needs kms:Decrypt on the bucket's key, and the key's policy must allow it"
        }
        Some("AccessDenied") => "the role needs s3:GetObject on the table's prefix, and no bucket policy may deny it",
        Some("RequestTimeTooSkewed" | "RequestExpired") => "set this machine's clock by NTP",
        Some("NoSuchKey") => "the log names a file that is not there; repair the table",
        Some("SignatureDoesNotMatch" | "AuthorizationHeaderMalformed" | "PermanentRedirect") => {
            "the region or endpoint of the table is not the bucket's; remove the table and add it again"
        }
        _ => "look at the bucket's policy and the role's",
    };
    format!("a file cannot be fetched with a signed URL ({shown}); {next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_s3_refuses_comes_with_what_to_do() {
        let body =
            |code: &str, message: &str| format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        for (status, code, message, next) in [
            (403, "AccessDenied", "no", "s3:GetObject"),
            (403, "AccessDenied", "not authorized to perform: kms:Decrypt", "kms:Decrypt"),
            (403, "RequestTimeTooSkewed", "", "NTP"),
            (404, "NoSuchKey", "", "repair"),
            (301, "PermanentRedirect", "", "region"),
        ] {
            let said = refusal(status, &body(code, message));
            assert!(said.contains(next) && said.contains(code), "{said}");
        }
        assert!(refusal(500, "oops").contains("(500)"));
    }
}
