//! `GET` and `POST /activate/{code}`: what a recipient gets, what everybody else gets, and what browsers are told.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use local::locations::Locator;
use reqwest::StatusCode;
use serde_json::Value;
use shared::audit::{Audit, Event};
use shared::auth::Gate;
use shared::auth::activation::embedded::EmbeddedLinks;
use shared::auth::embedded::EmbeddedTokens;
use shared::auth::mint::PlainMint;
use shared::catalog::document::CatalogDocument;
use shared::catalog::embedded::write::EmbeddedProviderCatalog;
use shared::catalog::file::{self, CatalogFile};
use shared::clock::SystemClock;
use shared::model::rule::Window;
use shared::model::version::TimestampMs;
use shared::provider::Provider;
use shared::provider::grants;
use shared::provider::links::{LinkLifetime, LinkOffer};
use shared::provider::recipients;
use shared::provider::tokens::{self, Grace, Lifetime};
use tests::samples::three_versions;
use tests::server::{Answer, HandClock, TestServer, document, send};

const START_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 60 * 60 * 1000;

#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Event>>);

impl Audit for Kept {
    fn record(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// A server over a catalogue file, and its provider.
struct Bench {
    server: TestServer,
    provider: Provider,
    clock: Arc<HandClock>,
    events: Arc<Kept>,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::with(document(&["s.d.t", "<b>&'\"x.d.t2", "other.d.t3"]), None).await
    }

    async fn with(document: CatalogDocument, contact: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalogue.json");
        assert!(file::begin(&path, &document).unwrap());
        let (clock, events) = (Arc::new(HandClock(AtomicI64::new(START_MS))), Arc::new(Kept::default()));
        let (hand, kept, catalogue) = (clock.clone(), events.clone(), path.clone());
        let server = TestServer::serving(document, |settings| {
            let locator = Locator::new(settings.roots.clone(), folder.path());
            let locate = Box::new(move |text: &str| locator.locate(text));
            let source = Arc::new(CatalogFile::open(&catalogue, SystemClock::shared(), locate).unwrap());
            settings.gate = Gate::new(Arc::new(EmbeddedTokens::new(source.clone(), hand.clone())));
            settings.catalog = source;
            settings.links = Arc::new(EmbeddedLinks::new(&catalogue));
            settings.contact = contact.map(str::to_owned);
            settings.clock = hand;
            settings.audit = kept;
        })
        .await;
        let catalog = Arc::new(EmbeddedProviderCatalog::open(&path).unwrap());
        let provider = Provider::new(catalog, Box::new(|_| Arc::new(PlainMint)), clock.clone());
        Self { server, provider, clock, events, _folder: folder }
    }

    fn offer(&self) -> LinkOffer {
        LinkOffer::to(self.server.endpoint(), LinkLifetime::default())
    }

    /// A link for a recipient that is there.
    async fn link(&self, recipient: &str) -> String {
        let grace = Grace::of_secs(24 * 60 * 60).unwrap();
        let (offer, lifetime) = (self.offer(), Lifetime::default());
        let made = tokens::rotate_offering(&self.provider, recipient, lifetime, grace, Some(&offer)).await;
        made.unwrap().1.unwrap().url.reveal().to_owned()
    }

    async fn get(&self, url: &str) -> Answer {
        send(reqwest::Client::builder().no_proxy().build().unwrap().get(url)).await
    }

    async fn post(&self, url: &str) -> Answer {
        send(reqwest::Client::builder().no_proxy().build().unwrap().post(url)).await
    }
}

fn title(answer: &Answer) -> &str {
    answer.text.split("<title>").nth(1).unwrap().split("</title>").next().unwrap()
}

#[tokio::test]
async fn looking_burns_nothing_and_the_first_post_gets_a_profile_that_reads() {
    let bench = Bench::new().await;
    three_versions(bench.server.table("t"));
    let url = bench.link("all").await;
    for _ in 0..3 {
        let page = bench.get(&url).await;
        assert_eq!((page.status, title(&page)), (200, "Data has been shared with you"));
    }
    let file = bench.post(&url).await;
    assert_eq!((file.status, file.header("content-disposition")), (200, "attachment; filename=\"config.share\""));
    assert_eq!((file.header("content-type"), file.header("cache-control")), ("application/octet-stream", "no-store"));
    let profile: Value = file.json();
    assert_eq!(
        (&profile["shareCredentialsVersion"], &profile["endpoint"]),
        (&1.into(), &bench.server.endpoint().into())
    );
    assert_eq!(profile["expirationTime"], "2028-01-15T08:00:00.000Z");
    for answer in [bench.get(&url).await, bench.post(&url).await] {
        assert_eq!((answer.status, title(&answer)), (410, "This link has been used"));
        assert!(!answer.text.contains("<form") && answer.text.contains("the person who sent you this link"));
    }
    // The server reads the catalogue's file again within two seconds.
    let token = profile["bearerToken"].as_str().unwrap();
    let shares = format!("{}/shares", bench.server.endpoint());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut status = StatusCode::UNAUTHORIZED;
    for _ in 0..40 {
        status = client.get(&shares).bearer_auth(token).send().await.unwrap().status();
        if status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(status, 200);
}

#[tokio::test]
async fn of_many_posts_at_once_one_gets_the_profile() {
    let bench = Bench::new().await;
    let url = bench.link("all").await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let posts = (0..16).map(|_| {
        let (client, url) = (client.clone(), url.clone());
        tokio::spawn(async move { client.post(url).send().await.unwrap().status().as_u16() })
    });
    let mut found = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        found.push(post.await.unwrap());
    }
    found.sort_unstable();
    assert_eq!((found[0], found[1], found[15]), (200, 410, 410), "{found:?}");
}

#[tokio::test]
async fn a_link_ends_after_72_hours_and_not_a_moment_later() {
    let bench = Bench::new().await;
    let url = bench.link("all").await;
    bench.clock.0.store(START_MS + 72 * HOUR_MS - 1, Ordering::SeqCst);
    assert_eq!(bench.get(&url).await.status, 200);
    bench.clock.0.store(START_MS + 72 * HOUR_MS, Ordering::SeqCst);
    for answer in [bench.get(&url).await, bench.post(&url).await] {
        assert_eq!((answer.status, title(&answer)), (410, "This link has expired"));
    }
}

#[tokio::test]
async fn a_wrong_code_opens_nothing() {
    let bench = Bench::new().await;
    let url = bench.link("all").await;
    let end = url.len() - 1;
    let other = if url.ends_with('0') { "1" } else { "0" };
    let changed = format!("{}{other}", &url[..end]);
    for wrong in [url[..end].to_owned(), format!("{url}0"), changed, format!("{}/activate/x", bench.server.endpoint())]
    {
        for answer in [bench.get(&wrong).await, bench.post(&wrong).await] {
            assert_eq!((answer.status, title(&answer)), (404, "This link is not valid"), "{wrong}");
        }
    }
    assert_eq!(bench.get(&url).await.status, 200);
}

#[tokio::test]
async fn a_recipient_that_may_not_read_gets_nothing() {
    let bench = Bench::new().await;
    let (first, second) = (bench.link("other").await, bench.link("other").await);
    assert_eq!((bench.get(&first).await.status, bench.get(&second).await.status), (200, 200));
    // The first link's token has the grace of a day only, and says so.
    assert!(bench.get(&first).await.text.contains("16 January 2027, 08:00 UTC"));
    recipients::set_status(&bench.provider, "other", shared::catalog::write::Status::Disabled).await.unwrap();
    for url in [&first, &second] {
        assert_eq!(title(&bench.post(url).await), "This link was withdrawn");
    }
    recipients::set_status(&bench.provider, "other", shared::catalog::write::Status::Active).await.unwrap();
    assert_eq!(bench.post(&second).await.status, 200);
    recipients::delete(&bench.provider, "other").await.unwrap();
    assert_eq!((bench.post(&first).await.status, bench.get(&first).await.status), (410, 410));
}

#[tokio::test]
async fn the_page_names_what_is_shared_and_no_name_becomes_markup() {
    let bench = Bench::with(document(&["<b>&'\"x.d.t2", "other.d.t3"]), Some("Ada <ada@example.com>")).await;
    let page = bench.get(&bench.link("all").await).await.text;
    assert!(page.contains("<bdi>&lt;b&gt;&amp;&#39;&quot;x</bdi>") && page.contains("<bdi>other</bdi>"), "{page}");
    assert!(page.contains("config.share#&lt;b&gt;&amp;&#39;\\&quot;x.d.t2"), "{page}");
    assert!(page.contains("Ada &lt;ada@example.com&gt;"));
    assert!(!page.contains("<b>") && !page.contains("<script") && !page.contains("src=") && !page.contains("href="));
    let theirs = bench.get(&bench.link("other").await).await.text;
    assert!(theirs.contains("<bdi>other</bdi>") && !theirs.contains("&lt;b&gt;"), "{theirs}");
    assert!(theirs.contains("15 January 2028, 08:00 UTC"), "{theirs}");
    assert!(theirs.contains("18 January 2027, 08:00 UTC</time>, or once it is used"), "{theirs}");
}

#[tokio::test]
async fn the_page_says_until_when_a_share_can_be_read() {
    let bench = Bench::with(document(&["s.d.t", "other.d.t3"]), None).await;
    let url = bench.link("all").await;
    let grant = async |share: &str, until: Option<i64>| {
        let window = Window { from: None, until: until.map(|until| TimestampMs::new(START_MS + until)) };
        grants::grant_or_change(&bench.provider, share, "all", window).await.unwrap();
    };
    let page = async |told: &str| {
        // The server reads the catalogue's file again within two seconds.
        for _ in 0..40 {
            let page = bench.get(&url).await.text;
            if page.contains(told) {
                return page;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the page never said {told}");
    };
    let until = |time: &str| format!(" <span class=\"until\">until {time}</span></li>");
    let (first, second) = (
        "<time datetime=\"2027-01-15T09:00:00.000Z\">15 January 2027, 09:00 UTC</time>",
        "<time datetime=\"2027-01-15T10:00:00.000Z\">15 January 2027, 10:00 UTC</time>",
    );
    let ends = |time: &str| format!("<dt>Your access ends</dt><dd>{time}</dd>");
    grant("s", Some(HOUR_MS)).await;
    // The other share is for as long as the profile, so that is when access ends.
    let text = page(&until(first)).await;
    assert!(
        text.contains("<bdi>other</bdi></li>") && text.contains("<dd><time datetime=\"2028-01-15T08:00:00.000Z\">"),
        "{text}"
    );
    grant("other", Some(2 * HOUR_MS)).await;
    let text = page(&until(second)).await;
    assert!(text.contains(&until(first)) && text.contains(&ends(second)), "{text}");
    bench.clock.0.store(START_MS + HOUR_MS, Ordering::SeqCst);
    let text = bench.get(&url).await.text;
    assert!(!text.contains("<bdi>s</bdi>") && text.contains(&ends(second)), "{text}");
    grant("other", None).await;
    page(&ends("<time datetime=\"2028-01-15T08:00:00.000Z\">15 January 2028, 08:00 UTC</time>")).await;
}

#[tokio::test]
async fn browsers_are_told_to_run_load_frame_and_keep_nothing() {
    let bench = Bench::new().await;
    let url = bench.link("all").await;
    let wrong = format!("{}/activate/x", bench.server.endpoint());
    for (url, status) in [(&url, 200), (&wrong, 404)] {
        let page = bench.get(url).await;
        assert_eq!((page.status, page.header("content-type")), (status, "text/html; charset=utf-8"));
        let policy = page.header("content-security-policy");
        let rest = policy.strip_prefix("default-src 'none'; style-src 'sha256-").unwrap();
        assert_eq!(&rest[44..], "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", "{policy}");
        let told = ["cache-control", "referrer-policy", "x-content-type-options", "x-frame-options", "x-robots-tag"];
        assert_eq!(
            told.map(|name| page.header(name)),
            ["no-store", "no-referrer", "nosniff", "DENY", "noindex, nofollow"]
        );
    }
}

#[tokio::test]
async fn the_record_says_who_and_never_the_code() {
    let bench = Bench::new().await;
    let url = bench.link("all").await;
    let code = url.rsplit('/').next().unwrap();
    bench.get(&url).await;
    bench.post(&url).await;
    bench.post(&url).await;
    let events = bench.events.0.lock().unwrap();
    let said: Vec<_> = events.iter().map(|event| (event.route, event.status, event.error_code)).collect();
    assert_eq!(said, [("activation", 200, None), ("activation", 200, None), ("activation", 410, Some("GONE"))]);
    assert_eq!((events[1].recipient_id.as_deref(), events[1].token_id.is_some()), (Some("r1"), true));
    assert!(!format!("{events:?}").contains(code));
}
