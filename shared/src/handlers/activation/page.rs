//! The pages of an activation link: one file each, without a script, a picture or anything else from elsewhere. Every text
//! that comes from outside is escaped on its way in, and nothing but [`escaped`] lets one in.

use std::fmt::Write;

use chrono::DateTime;

use crate::error::{Error, LinkEnd};
use crate::handlers::Page;
use crate::model::securable::Share;
use crate::model::version::TimestampMs;
use crate::wire::profile::FILE_NAME;

/// The style of every page.
const STYLE: &str = include_str!("page.css");

/// Whom to ask when the provider says nothing else.
const SENDER: &str = "the person who sent you this link";

/// What the page of a good link shows.
pub(super) struct Invitation<'a> {
    pub(super) shares: &'a [Share],
    pub(super) more_shares: bool,
    pub(super) sample: Option<&'a Sample>,
    pub(super) endpoint: &'a str,
    pub(super) link_ends: TimestampMs,
    pub(super) token_ends: Option<TimestampMs>,
    pub(super) contact: Option<&'a str>,
}

impl Invitation<'_> {
    /// When a share ends before the profile does.
    fn ends_sooner(&self, share: &Share) -> Option<TimestampMs> {
        share.until.filter(|until| self.token_ends.is_none_or(|end| *until < end))
    }

    /// When there is nothing left to read: with the profile, or with the last share where all of them end sooner.
    fn access_ends(&self) -> Option<TimestampMs> {
        let ends: Option<Vec<TimestampMs>> = self.shares.iter().map(|share| self.ends_sooner(share)).collect();
        let last = ends.filter(|_| !self.more_shares).and_then(|ends| ends.into_iter().max());
        last.or(self.token_ends)
    }
}

/// A table that the lines to paste read.
pub(super) struct Sample {
    pub(super) share: String,
    pub(super) schema: String,
    pub(super) table: String,
}

/// The page of a good link.
pub(super) fn invitation(of: &Invitation<'_>) -> Page {
    let mut facts = String::new();
    fact(&mut facts, "From", &escaped(host(of.endpoint)));
    fact(&mut facts, "Shared with you", &shares(of));
    fact(&mut facts, "Your access ends", &of.access_ends().map_or_else(|| "It has no end date".into(), moment));
    fact(&mut facts, "This link ends", &format!("{}, or once it is used", moment(of.link_ends)));
    let body = format!(
        r#"<p class="eyebrow">Delta Sharing</p>
<h1>Data has been shared with you</h1>
<p class="lead">Download your profile: a small file with which your tools read the data. The data itself stays where it
is, so you always see its latest state.</p>
<dl>
{facts}</dl>
<form method="post">
<button type="submit" aria-describedby="once">Download profile</button>
</form>
<p class="hint" id="once"><strong>This works once.</strong> The file is named <code>{FILE_NAME}</code> and is the key to
the data: keep it like a password, and do not send it on. The page stays as it is, so that you can copy the lines below.</p>
<h2>Then read the data</h2>
{lines}"#,
        lines = lines(of.endpoint, of.sample),
    );
    page("Data has been shared with you", "good", &body, &questions(of.contact))
}

/// The page that says why there is nothing to download.
pub(super) fn refusal(error: &Error, contact: Option<&str>) -> Page {
    let whom = escaped(contact.unwrap_or(SENDER));
    let (title, text, next) = match error {
        Error::LinkEnded(LinkEnd::Used) => (
            "This link has been used",
            "It gave out the profile once, as it should, and does not do so again.",
            format!(
                "<p><strong>If it was you:</strong> look for <code>{FILE_NAME}</code> among your downloads. If it is lost, ask {whom} for a new link.</p>\
                 <p><strong>If it was not you:</strong> tell {whom} now. Somebody else has the profile, and it can be withdrawn.</p>"
            ),
        ),
        Error::LinkEnded(LinkEnd::Expired) => (
            "This link has expired",
            "Links are good for a short time, so that one which is found later opens nothing.",
            format!("<p>Ask {whom} for a new one. Nothing is lost: the data is still there for you.</p>"),
        ),
        Error::LinkEnded(LinkEnd::Withdrawn) => (
            "This link was withdrawn",
            "The data provider ended the access that it was for, or sent you a newer link.",
            format!("<p>Look for a newer message, or ask {whom}.</p>"),
        ),
        Error::LinkUnknown => (
            "This link is not valid",
            "The link that you opened is not known here: part of it may be missing, or it may be long over.",
            format!(
                "<p>Mail programs sometimes cut long links. Copy the whole link into the address bar; it ends in a long row of letters and digits.</p>\
                 <p>If that does not help, ask {whom} for a new one.</p>"
            ),
        ),
        Error::AddressRefused { .. } => (
            "This link cannot be opened from here",
            "The data provider has said from which networks this data may be read, and yours is none of them.",
            format!("<p>Open it again from your organisation's network. If that does not help, ask {whom}.</p>"),
        ),
        _ => (
            "This did not work",
            "The server could not answer just now. This is not your mistake.",
            format!("<p>Wait a moment and load the page again. If it goes on, ask {whom}.</p>"),
        ),
    };
    let body = format!(
        "<p class=\"eyebrow\">Delta Sharing</p>\n<h1>{title}</h1>\n<p class=\"lead\">{text}</p>\n<div class=\"next\">{next}</div>\n"
    );
    page(title, "ended", &body, "")
}

fn page(title: &str, kind: &str, body: &str, footer: &str) -> Page {
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<main class="{kind}">
{body}</main>
{footer}</body>
</html>
"#
    );
    Page { html: html.into_bytes(), style: STYLE }
}

fn questions(contact: Option<&str>) -> String {
    format!(
        "<footer><p>Questions, or not expecting this? Ask {}. Nobody needs you to send the file or this link to them.</p></footer>\n",
        escaped(contact.unwrap_or(SENDER))
    )
}

fn fact(out: &mut String, label: &str, value: &str) {
    // Writing to a text does not fail.
    let _ = writeln!(out, "<div><dt>{label}</dt><dd>{value}</dd></div>");
}

fn shares(of: &Invitation<'_>) -> String {
    if of.shares.is_empty() {
        return "Nothing yet. Your profile will show what is shared with you later.".into();
    }
    let mut out = String::from("<ul>");
    for share in of.shares {
        let until = of.ends_sooner(share).map(|end| format!(" <span class=\"until\">until {}</span>", moment(end)));
        let _ = write!(out, "<li><bdi>{}</bdi>{}</li>", escaped(share.name.as_str()), until.unwrap_or_default());
    }
    if of.more_shares {
        out.push_str("<li class=\"more\">and more</li>");
    }
    out.push_str("</ul>");
    out
}

/// `25 February 2027, 10:00 UTC`.
fn moment(at: TimestampMs) -> String {
    let shown = DateTime::from_timestamp_millis(at.millis()).map(|at| at.format("%-d %B %Y, %H:%M UTC").to_string());
    format!("<time datetime=\"{}\">{}</time>", at.to_iso(), shown.unwrap_or_default())
}

/// Lines to paste, for each kind of client.
fn lines(endpoint: &str, sample: Option<&Sample>) -> String {
    let table = match sample {
        Some(Sample { share, schema, table }) => format!("{FILE_NAME}#{share}.{schema}.{table}"),
        None => format!("{FILE_NAME}#SHARE.SCHEMA.TABLE"),
    };
    let table = quoted(&table);
    let python = format!(
        "# pip install delta-sharing\nimport delta_sharing\n\nclient = delta_sharing.SharingClient(\"{FILE_NAME}\")\n\
         print(client.list_all_tables())\n\ntable = {table}\n\
         print(delta_sharing.load_as_pandas(table, limit=10))"
    );
    let spark = format!("table = {table}\nspark.read.format(\"deltaSharing\").load(table).show()");
    let spark_with =
        "<p>Spark 4.0, started with <code>--packages io.delta:delta-sharing-spark_2.13:4.0.0</code>:</p>\n";
    // The token goes through a pipe: what a command is started with, every program of the machine can see.
    let curl = format!(
        "grep bearerToken {FILE_NAME} |\n  sed 's/.*: \"\\(.*\\)\".*/Authorization: Bearer \\1/' |\n  curl -H @- {}",
        shell_quoted(&format!("{endpoint}/shares"))
    );
    let power_bi = format!(
        "<p>Choose <em>Get data</em>, then <em>Delta Sharing</em>. The server URL is</p>\n{}\
         <p>and the bearer token is what <code>{FILE_NAME}</code> has after <code>bearerToken</code>.</p>\n",
        code(endpoint)
    );
    let where_run = format!("<p>In the folder that <code>{FILE_NAME}</code> is in:</p>\n");
    [
        section("Python", &format!("{where_run}{}", code(&python))),
        section("Apache Spark", &format!("{spark_with}{}", code(&spark))),
        section("Power BI", &power_bi),
        section("curl", &code(&curl)),
    ]
    .concat()
}

fn section(title: &str, content: &str) -> String {
    format!("<section>\n<h3>{title}</h3>\n{content}</section>\n")
}

/// Lines to be copied. Long ones are shown on several lines and copied as one.
fn code(text: &str) -> String {
    format!("<pre><code>{}</code></pre>\n", escaped(text))
}

/// The host of a URL, which people know a server by.
fn host(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default()
}

/// A text as a string of Python and Scala.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text as one word of a shell.
fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,[]".contains(c);
    if text.chars().all(plain) && !text.contains(['[', ']']) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A text as HTML shows it, in content and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::ShareName;

    #[test]
    fn texts_from_outside_stay_texts() {
        assert_eq!(escaped("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
        assert_eq!(quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
        assert_eq!([host("https://e.org:1/x"), host("e.org")], ["e.org:1", "e.org"]);
        assert_eq!(shell_quoted("https://e.org:1/x-y/shares"), "https://e.org:1/x-y/shares");
        assert_eq!(shell_quoted("https://e/a b'$(c)"), "'https://e/a b'\\''$(c)'");
    }

    #[test]
    fn moments_are_read_by_people_and_by_programs() {
        let shown = moment(TimestampMs::new(1_772_013_600_000));
        assert_eq!(shown, "<time datetime=\"2026-02-25T10:00:00.000Z\">25 February 2026, 10:00 UTC</time>");
    }

    #[test]
    fn access_ends_with_the_last_share_or_with_the_profile() {
        let at = TimestampMs::new;
        let ends = |token: Option<i64>, more_shares: bool, ending: &[Option<i64>]| {
            let share = |(nth, until): (usize, &Option<i64>)| {
                let name = ShareName::parse(&format!("s{nth}")).unwrap();
                Share { name, id: nth.to_string(), comment: None, until: until.map(at) }
            };
            let shares: Vec<Share> = ending.iter().enumerate().map(share).collect();
            let token_ends = token.map(at);
            let of = Invitation {
                shares: &shares,
                more_shares,
                token_ends,
                sample: None,
                endpoint: "",
                link_ends: at(1),
                contact: None,
            };
            let sooner = shares.iter().filter_map(|share| of.ends_sooner(share)).count();
            (of.access_ends().map(TimestampMs::millis), sooner)
        };
        assert_eq!(ends(Some(9), false, &[]), (Some(9), 0));
        assert_eq!(ends(None, false, &[None]), (None, 0));
        assert_eq!(ends(Some(9), false, &[Some(5), Some(7)]), (Some(7), 2));
        assert_eq!(ends(None, false, &[Some(5), Some(7)]), (Some(7), 2));
        assert_eq!(ends(Some(9), false, &[Some(5), None]), (Some(9), 1));
        assert_eq!(ends(Some(9), false, &[Some(5), Some(9)]), (Some(9), 1));
        assert_eq!(ends(Some(6), false, &[Some(5), Some(7)]), (Some(6), 1));
        assert_eq!(ends(Some(9), true, &[Some(5)]), (Some(9), 1), "what is not shown may end later");
    }

    #[test]
    fn the_style_cannot_end_its_element() {
        assert!(!STYLE.contains('<') && !STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
