//! Every act on a catalogue in memory: what it leaves behind, and what it says when it cannot be done.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;

use super::links::{LinkLifetime, LinkOffer};
use super::names::{SchemaRef, TableRef, nearest};
use super::recipients::NewRecipient;
use super::registered::{self, NewRegistered};
use super::schemas::{self, NewSchema};
use super::tables::NewTable;
use super::tokens::{Grace, Lifetime};
use super::{Provider, ProviderError, grants, is_id, recipients, shares, tables, tokens};
use crate::auth::activation::Codes;
use crate::auth::mint::{MintTokens, MintedToken};
use crate::catalog::register::Look;
use crate::catalog::write::{Deletion, Origin, ProviderCatalog, Status};
use crate::clock::FixedClock;
use crate::error::Error;
use crate::limits::SCHEMA_FOLDERS_MAX;
use crate::model::name::TableName;
use crate::model::rule::Window;
use crate::model::securable::History;
use crate::model::version::{TimestampMs, Version};
use crate::secret::{Secret, TokenHash};

mod memory;

use memory::MemoryCatalog;

const NOW: TimestampMs = TimestampMs::new(1_800_000_000_000);
const DAY_SECS: u64 = 24 * 60 * 60;

struct Mint;

#[async_trait]
impl MintTokens for Mint {
    async fn mint(&self) -> Result<MintedToken, Error> {
        let token = crate::auth::token::generate()?;
        let hash = TokenHash::of(&token).to_hex();
        Ok(MintedToken { id: hash.chars().take(12).collect(), token, hash, key_id: None })
    }
}

struct NoRandomness;

#[async_trait]
impl MintTokens for NoRandomness {
    async fn mint(&self) -> Result<MintedToken, Error> {
        Err(Error::defect("no randomness"))
    }
}

fn provider() -> (Provider, Arc<MemoryCatalog>) {
    let catalog = Arc::new(MemoryCatalog::default());
    (Provider::new(catalog.clone(), Box::new(|_| Arc::new(Mint)), Arc::new(FixedClock(NOW))), catalog)
}

fn table(name: &str) -> NewTable {
    NewTable {
        name: TableRef::parse_new(name).unwrap(),
        id: None,
        location: "s3://bucket/prefix".into(),
        auxiliary_locations: Vec::new(),
        region: None,
        endpoint: None,
        role_arn: None,
        external_id: None,
        history: History::NotShared,
        partitions: Vec::new(),
        comment: Some("about it".into()),
        look: Look::LeftOut,
    }
}

async fn said<T: std::fmt::Debug>(act: impl Future<Output = Result<T, ProviderError>>) -> String {
    act.await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_share_is_made_found_without_case_and_deleted() {
    let (p, _) = provider();
    let made = shares::create(&p, "Sales", Some("all of it")).await.unwrap();
    assert!(is_id(&made.id));
    assert_eq!((made.comment.as_deref(), made.created_at), (Some("all of it"), Some(NOW)));
    tables::add(&p, table("sales.d.t")).await.unwrap();
    let detail = shares::show(&p, "SALES").await.unwrap();
    assert_eq!((detail.share, detail.tables.len(), detail.grants.len()), (made.clone(), 1, 0));

    assert_eq!(
        said(shares::create(&p, "sales", None)).await,
        "share 'sales' exists already; add tables to it, or choose another name"
    );
    shares::delete(&p, "sales", Deletion::OnlyIfUnused).await.unwrap();
    assert!(shares::list(&p).await.unwrap().is_empty());
    let again = shares::create(&p, "sales", None).await.unwrap();
    assert_ne!(again.id, made.id, "an id was used twice");
}

#[tokio::test]
async fn names_that_no_client_can_send_are_refused_when_they_are_made() {
    let (p, _) = provider();
    for (name, why) in [("a?b", "contains '?'"), ("a#b", "contains '#'"), ("a b", "a space"), ("", "is empty")] {
        let text = said(shares::create(&p, name, None)).await;
        assert!(text.contains(why) && text.ends_with("choose another"), "{text}");
    }
    assert!(TableRef::parse_new("s.d#.t").is_err() && TableRef::parse_new("s.d.t?").is_err());
    // What is there must be removable whatever its name.
    assert!(TableRef::parse("s.d#.t").is_ok());
    assert!(said(shares::delete(&p, "a?b", Deletion::WithDependents)).await.contains("there is no share 'a?b'"));
}

#[test]
fn a_tables_name_has_three_parts_and_the_share_may_hold_full_stops() {
    let name = TableRef::parse("org.eu.schema.table").unwrap();
    assert_eq!((name.share.as_str(), name.schema.as_str(), name.table.as_str()), ("org.eu", "schema", "table"));
    assert_eq!(name.to_string(), "org.eu.schema.table");
    for text in ["t", "d.t", ".d.t", "s..t", "s.d."] {
        assert!(TableRef::parse(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_share_with_readers_is_deleted_by_force_only() {
    let (p, _) = provider();
    shares::create(&p, "s", None).await.unwrap();
    recipients::create(&p, "acme", None, Lifetime::default()).await.unwrap();
    grants::grant(&p, "s", "acme").await.unwrap();
    let text = said(shares::delete(&p, "s", Deletion::OnlyIfUnused)).await;
    assert_eq!(
        text,
        "share 's' still has 1 grant; revoke what was granted, or repeat with --force to take that away as well"
    );
    let gone = shares::delete(&p, "s", Deletion::WithDependents).await.unwrap();
    assert_eq!(gone.grants.len(), 1);
    assert!(recipients::show(&p, "acme").await.unwrap().grants.is_empty());
}

#[tokio::test]
async fn a_table_needs_its_share_and_a_free_name() {
    let (p, _) = provider();
    shares::create(&p, "sales", None).await.unwrap();
    assert_eq!(said(tables::add(&p, table("sale.d.t"))).await, "there is no share 'sale'; did you mean 'sales'?");
    let made = tables::add(&p, table("sales.d.orders")).await.unwrap();
    assert!(is_id(&made.id));
    let text = said(tables::add(&p, table("SALES.D.ORDERS"))).await;
    assert!(text.contains("exists already; remove it first with: spillway table remove"), "{text}");
    let name = TableRef::parse("sales.d.order").unwrap();
    assert_eq!(
        said(tables::show(&p, &name)).await,
        "there is no table 'sales.d.order'; did you mean 'sales.d.orders'?"
    );
    let far = TableRef::parse("sales.x.unlike").unwrap();
    assert!(said(tables::remove(&p, &far)).await.contains("spillway table list sales"));
    let name = TableRef::parse("sales.d.orders").unwrap();
    assert_eq!(tables::remove(&p, &name).await.unwrap(), made);
    assert!(tables::list(&p, None).await.unwrap().is_empty());
    assert!(said(tables::list(&p, Some("none"))).await.contains("spillway share create none"));
}

#[tokio::test]
async fn an_id_from_elsewhere_is_kept() {
    let (p, _) = provider();
    shares::create(&p, "s", None).await.unwrap();
    let id = Some("00000000-0000-0000-0000-000000000001".to_owned());
    let history = History::SharedFrom(Version::new(3));
    let made = tables::add(&p, NewTable { id: id.clone(), history, ..table("s.d.t") }).await.unwrap();
    assert_eq!((Some(made.id), made.history), (id, history));
}

#[test]
fn what_is_said_about_a_location_fits_together() {
    let good = |change: fn(&mut NewTable)| {
        let mut new = table("s.d.t");
        change(&mut new);
        tables::check(&new).map_err(|error| error.to_string())
    };
    for endpoint in ["standard", "dualstack", "fips", "https://minio.example.org"] {
        assert!(tables::check(&NewTable { endpoint: Some(endpoint.into()), ..table("s.d.t") }).is_ok());
    }
    assert!(good(|new| new.auxiliary_locations = vec!["s3://bucket/source".into()]).is_ok());
    assert!(good(|new| new.auxiliary_locations = vec!["s3://bucket/../x".into()]).unwrap_err().contains("'..'"));
    assert!(good(|new| new.endpoint = Some("minio".into())).unwrap_err().contains("dualstack"));
    assert!(good(|new| new.external_id = Some("x".into())).unwrap_err().contains("name the role"));
    assert!(good(|new| new.role_arn = Some("arn:aws:iam::123456789012:role/r".into())).is_ok());
    for role in
        ["reader", "arn:aws:iam::1:role/r", "arn:aws:iam::123456789012:user/u", "arn:aws:iam::123456789012:role/"]
    {
        assert!(tables::check(&NewTable { role_arn: Some(role.into()), ..table("s.d.t") }).is_err(), "{role}");
    }
}

#[tokio::test]
async fn a_recipient_has_one_token_with_an_end() {
    let (p, _) = provider();
    let lifetime = Lifetime::of_secs(90 * DAY_SECS).unwrap();
    let (made, issued) = recipients::create(&p, "acme", None, lifetime).await.unwrap();
    assert_eq!(issued.expires_at, NOW.plus_secs(90 * 86_400));
    let detail = recipients::show(&p, "ACME").await.unwrap();
    assert_eq!(detail.recipient, made);
    assert_eq!(detail.tokens.len(), 1);
    assert_eq!(detail.tokens[0].hash, TokenHash::of(&issued.token).to_hex());
    assert_eq!(detail.tokens[0].expires_at, Some(issued.expires_at));
    assert!(
        said(recipients::create(&p, "acme", None, Lifetime::default())).await.contains("spillway token rotate acme")
    );
    assert_eq!(said(recipients::show(&p, "amce")).await, "there is no recipient 'amce'; did you mean 'acme'?");

    let before = recipients::set_status(&p, "acme", Status::Disabled).await.unwrap();
    assert_eq!(before.status, Status::Active);
    assert_eq!(recipients::show(&p, "acme").await.unwrap().recipient.status, Status::Disabled);
    recipients::delete(&p, "acme").await.unwrap();
    assert!(recipients::list(&p).await.unwrap().is_empty());
    assert!(said(recipients::delete(&p, "acme")).await.contains("spillway recipient create acme"));
}

#[tokio::test]
async fn a_link_hands_its_own_token_over_and_does_not_outlive_it() {
    let (p, catalog) = provider();
    let offer = LinkOffer::to("https://e/x", LinkLifetime::default());
    let hours = |hours: u64| Lifetime::of_secs(hours * 3600).unwrap();
    let made = recipients::create_with(&p, NewRecipient::of("acme", hours(100)), Some(&offer)).await.unwrap();
    let (recipient, issued, link) = (made.0, made.1, made.2.unwrap());
    assert_eq!(link.expires_at, NOW.plus_secs(72 * 3600));
    let code = link.url.reveal().strip_prefix("https://e/x/activate/").unwrap();
    let code = Codes::plain().read(code).await.unwrap().unwrap();
    let kept = catalog.activations();
    assert_eq!((kept[0].hash.as_str(), kept[0].token_id.as_str()), (code.hash(), issued.id.as_str()));
    let handed = code.open(&recipient.id, &issued.id, kept[0].sealed.as_ref().unwrap()).unwrap();
    assert_eq!((handed.token.as_str(), handed.endpoint.as_str()), (issued.token.reveal(), "https://e/x"));

    let day = Grace::of_secs(DAY_SECS).unwrap();
    let (rotated, link) = tokens::rotate_offering(&p, "acme", hours(1), day, Some(&offer)).await.unwrap();
    assert_eq!(link.unwrap().expires_at, rotated.issued.expires_at);
    assert_eq!(catalog.activations()[1].token_id, rotated.issued.id);
    assert!(!format!("{kept:?}").contains(issued.token.reveal()));
    assert!(LinkLifetime::of_secs(59).unwrap_err().to_string().contains("'72 hours'"));
    assert!(LinkLifetime::of_secs(30 * DAY_SECS).is_ok() && LinkLifetime::of_secs(30 * DAY_SECS + 1).is_err());
}

#[test]
fn lifetimes_and_grace_times_have_bounds() {
    assert!(Lifetime::of_secs(59).unwrap_err().to_string().contains("between 1 minute and 3650 days"));
    assert!(Lifetime::of_secs(60).is_ok() && Lifetime::of_secs(3650 * DAY_SECS).is_ok());
    assert!(Lifetime::of_secs(3650 * DAY_SECS + 1).is_err() && Lifetime::of_secs(u64::MAX).is_err());
    assert!(Grace::of_secs(0).is_ok() && Grace::of_secs(90 * DAY_SECS).is_ok());
    assert!(Grace::of_secs(90 * DAY_SECS + 1).unwrap_err().to_string().contains("90 days"));
}

#[tokio::test]
async fn a_rotation_lets_the_old_token_end_and_no_later_than_it_would_have() {
    let (p, _) = provider();
    recipients::create(&p, "acme", None, Lifetime::of_secs(3600).unwrap()).await.unwrap();
    let day = Grace::of_secs(DAY_SECS).unwrap();
    let first = tokens::rotate(&p, "acme", Lifetime::default(), day).await.unwrap();
    assert_eq!((first.others, first.others_end_at), (1, NOW.plus_secs(86_400)));
    let second = tokens::rotate(&p, "acme", Lifetime::default(), Grace::of_secs(60).unwrap()).await.unwrap();
    assert_eq!(second.others, 2);
    let ends: Vec<_> = recipients::show(&p, "acme").await.unwrap().tokens.iter().map(|t| t.expires_at).collect();
    assert_eq!(ends, [Some(NOW.plus_secs(60)), Some(NOW.plus_secs(60)), Some(second.issued.expires_at)]);
    assert_ne!(first.issued.token.reveal(), second.issued.token.reveal());
    assert!(said(tokens::rotate(&p, "nobody", Lifetime::default(), day)).await.contains("there is no recipient"));
}

#[tokio::test]
async fn grants_name_what_is_missing() {
    let (p, _) = provider();
    assert!(said(grants::grant(&p, "s", "acme")).await.contains("spillway share create s"));
    shares::create(&p, "s", None).await.unwrap();
    assert!(said(grants::grant(&p, "s", "acme")).await.contains("spillway recipient create acme"));
    recipients::create(&p, "acme", None, Lifetime::default()).await.unwrap();
    let ends = grants::grant(&p, "S", "ACME").await.unwrap();
    assert_eq!((ends.share.name.as_str(), ends.recipient.name.as_str()), ("s", "acme"));
    assert_eq!(
        said(grants::grant(&p, "s", "acme")).await,
        "the grant of share 's' to recipient 'acme' exists already; nothing needs to be done"
    );
    grants::revoke(&p, "s", "acme").await.unwrap();
    assert!(said(grants::revoke(&p, "s", "acme")).await.starts_with("there is no grant of share 's'"));
}

#[tokio::test]
async fn a_grants_window_is_changed_and_the_one_before_is_told() {
    let (p, _) = provider();
    shares::create(&p, "s", None).await.unwrap();
    recipients::create(&p, "acme", None, Lifetime::default()).await.unwrap();
    let until = |secs| Window { from: None, until: Some(NOW.plus_secs(secs)) };
    for (window, before) in [
        (until(60), None),
        (until(90), Some(until(60))),
        (until(90), Some(until(90))),
        (Window::default(), Some(until(90))),
    ] {
        let timed = grants::grant_or_change(&p, "S", "Acme", window).await.unwrap();
        assert_eq!((timed.ends.share.name.as_str(), timed.before), ("s", before));
        assert_eq!(grants::window(&p, "s", "acme").await.unwrap(), Some(window));
    }
    assert!(said(grants::grant_or_change(&p, "s", "acme", until(-1))).await.contains("which is over"));
    assert_eq!(grants::window(&p, "s", "acme").await.unwrap(), Some(Window::default()));
    grants::revoke(&p, "s", "acme").await.unwrap();
    assert_eq!(grants::window(&p, "s", "acme").await.unwrap(), None);
}

#[tokio::test]
async fn a_conflict_is_met_once_more_and_then_told() {
    let (p, catalog) = provider();
    catalog.conflicts.store(1, Ordering::SeqCst);
    shares::create(&p, "s", None).await.unwrap();
    assert_eq!(catalog.tried.load(Ordering::SeqCst), 2);
    catalog.conflicts.store(2, Ordering::SeqCst);
    let text = said(shares::create(&p, "t", None)).await;
    assert!(text.ends_with("by somebody else at the same moment; nothing was written; try again"), "{text}");
    assert_eq!(catalog.tried.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn nothing_is_created_when_no_token_can_be_made() {
    let (p, catalog) = provider();
    let broken = Provider::new(catalog, Box::new(|_| Arc::new(NoRandomness)), Arc::new(FixedClock(NOW)));
    let error = recipients::create(&broken, "acme", None, Lifetime::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "no token can be made");
    assert!(std::error::Error::source(&error).is_some());
    assert!(recipients::list(&p).await.unwrap().is_empty());
}

#[test]
fn a_slip_finds_its_name_and_a_stranger_none() {
    let names = ["orders", "customers", "Motorbikes"];
    assert_eq!(nearest("motobikes", names).as_deref(), Some("Motorbikes"));
    assert_eq!(nearest("oders", names).as_deref(), Some("orders"));
    assert_eq!(nearest("weather", names), None);
    assert_eq!(nearest("x", []), None);
}

#[test]
fn a_token_does_not_show_in_what_is_printed() {
    let issued = super::tokens::IssuedToken { id: "i".into(), token: Secret::new("topsecret"), expires_at: NOW };
    assert!(!format!("{issued:?}").contains("topsecret"));
}

fn registered(name: &str) -> NewRegistered {
    NewRegistered {
        name: name.into(),
        location: "s3://bucket/prefix".into(),
        region: None,
        role_arn: None,
        external_id: None,
        comment: Some("two wheels".into()),
        look: Look::Taken,
    }
}

#[tokio::test]
async fn a_table_is_registered_found_without_case_and_forgotten() {
    let (p, _) = provider();
    registered::check_new(&p, &registered("Bikes")).await.unwrap();
    let made = registered::register(&p, registered("Bikes")).await.unwrap();
    assert_eq!((made.name.as_str(), made.created_at), ("Bikes", Some(NOW)));
    assert_eq!(made.comment.as_deref(), Some("two wheels"));
    assert_eq!(registered::show(&p, "BIKES").await.unwrap(), made);
    let again = "registered table 'Bikes' exists already; drop it first, or choose another name";
    assert_eq!(said(registered::register(&p, registered("bikes"))).await, again.replace("Bikes", "bikes"));
    assert_eq!(said(registered::check_new(&p, &registered("bikes"))).await, again);
    let near = "there is no registered table 'bike'; did you mean 'Bikes'?";
    assert_eq!(said(registered::show(&p, "bike")).await, near);
    for (name, why) in [("a.b", "contains a full stop"), ("a#b", "the Python client cannot send"), ("", "is empty")] {
        assert!(said(registered::register(&p, registered(name))).await.contains(why), "{name}");
    }
    let role = NewRegistered { external_id: Some("x".into()), ..registered("t") };
    assert!(said(registered::check_new(&p, &role)).await.contains("belongs to a role"));
    assert_eq!(registered::unregister(&p, "bikes").await.unwrap(), made);
    assert!(said(registered::unregister(&p, "bikes")).await.starts_with("there is no registered table 'bikes'"));
    assert!(registered::list(&p).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_comment_is_changed_and_the_one_before_is_told() {
    let (p, _) = provider();
    shares::create(&p, "Sales", Some("one")).await.unwrap();
    assert_eq!(shares::set_comment(&p, "sales", None).await.unwrap().comment.as_deref(), Some("one"));
    assert_eq!(shares::set_comment(&p, "sales", Some("two")).await.unwrap().comment, None);
    assert_eq!(shares::show(&p, "sales").await.unwrap().share.comment.as_deref(), Some("two"));
    assert_eq!(said(shares::set_comment(&p, "sale", None)).await, "there is no share 'sale'; did you mean 'Sales'?");
}

fn new_schema(name: &str) -> NewSchema {
    NewSchema {
        name: SchemaRef::parse(name).unwrap(),
        location: "s3://bucket/eu".into(),
        region: None,
        role_arn: None,
        external_id: None,
        history: History::NotShared,
    }
}

#[tokio::test]
async fn a_schema_is_given_a_place_once_and_loses_it() {
    let (p, _) = provider();
    assert!(said(schemas::check_new(&p, &new_schema("s.eu"))).await.contains("spillway share create s"));
    shares::create(&p, "s", None).await.unwrap();
    schemas::check_new(&p, &new_schema("s.eu")).await.unwrap();
    let made = schemas::add(&p, new_schema("s.eu")).await.unwrap();
    assert_eq!((made.name.as_str(), made.created_at), ("eu", Some(NOW)));
    let again = "the place of schema 's.EU' exists already; remove it first with: spillway schema remove s.EU";
    assert_eq!(said(schemas::add(&p, new_schema("s.EU"))).await, again);
    assert_eq!(said(schemas::check_new(&p, &new_schema("s.EU"))).await, again);
    let name = |text| SchemaRef::parse(text).unwrap();
    assert_eq!(schemas::show(&p, &name("S.Eu")).await.unwrap(), made);
    let near = "there is no schema 's.e' with a place; did you mean 's.eu'?";
    assert_eq!(said(schemas::show(&p, &name("s.e"))).await, near);
    let role = NewSchema { external_id: Some("x".into()), ..new_schema("s.us") };
    assert!(said(schemas::add(&p, role)).await.contains("belongs to a role"));
    assert!(said(schemas::add(&p, new_schema("s.u#s"))).await.contains("the Python client cannot send"));
    assert!(SchemaRef::parse("eu").is_err());
    assert_eq!(schemas::list(&p, None).await.unwrap(), [made]);
    assert_eq!(schemas::remove(&p, &name("s.eu")).await.unwrap().tables, 0);
    assert!(said(schemas::remove(&p, &name("s.eu"))).await.starts_with("there is no schema 's.eu' with a place"));
}

#[tokio::test]
async fn what_lies_in_a_place_is_noted_and_what_was_named_wins() {
    let (p, catalog) = provider();
    shares::create(&p, "s", None).await.unwrap();
    tables::add(&p, table("s.eu.Named")).await.unwrap();
    tables::add(&p, table("s.us.a")).await.unwrap();
    let schema = schemas::add(&p, new_schema("s.eu")).await.unwrap();
    let names = |names: &[&str]| names.iter().map(|name| TableName::parse(name).unwrap()).collect::<Vec<_>>();
    let there = async || {
        let mut there = tables::list(&p, Some("s")).await.unwrap();
        there.retain(|table| table.origin == Origin::Found);
        there.sort_by(|a, b| a.name.cmp(&b.name));
        there.into_iter().map(|table| (table.name.to_string(), table.location, table.id)).collect::<Vec<_>>()
    };
    let noted = schemas::note(&p, &schema, &names(&["a", "named", "Z"])).await.unwrap();
    assert_eq!((noted.added, noted.taken, noted.kept), (names(&["a", "z"]), names(&["named"]), 0));
    let first = there().await;
    assert_eq!((first[0].0.as_str(), first[0].1.as_str()), ("a", "s3://bucket/eu/a"));
    assert_eq!((first[1].0.as_str(), first[1].1.as_str()), ("Z", "s3://bucket/eu/Z"));
    let again = schemas::note(&p, &schema, &names(&["a", "Z", "named"])).await.unwrap();
    assert_eq!((again.added.len(), again.gone.len(), again.kept), (0, 0, 2));
    // A folder that is spelt otherwise is another one; one that comes back is the one it was.
    let moved = schemas::note(&p, &schema, &names(&["z"])).await.unwrap();
    assert_eq!((moved.added, moved.gone, moved.kept), (names(&["z"]), names(&["a", "z"]), 0));
    assert_ne!(there().await[0].2, first[1].2);
    schemas::note(&p, &schema, &names(&["a", "Z"])).await.unwrap();
    assert_eq!(there().await, first);

    // What is named later takes the place of what was noted, once.
    tables::check_new(&p, &table("s.eu.A")).await.unwrap();
    tables::add(&p, table("s.eu.A")).await.unwrap();
    assert!(said(tables::add(&p, table("s.eu.a"))).await.contains("exists already"));
    assert_eq!(there().await, first[1..]);
    let noted = schemas::note(&p, &schema, &names(&["a", "Z"])).await.unwrap();
    assert_eq!((noted.taken, noted.kept), (names(&["a"]), 1));
    tables::remove(&p, &TableRef::parse("s.eu.a").unwrap()).await.unwrap();
    schemas::note(&p, &schema, &names(&["a", "Z"])).await.unwrap();
    assert_eq!(there().await, first);

    let found = TableRef::parse("s.eu.a").unwrap();
    assert!(said(tables::remove(&p, &found)).await.contains("would be found again"));
    let many: Vec<TableName> = (0..=SCHEMA_FOLDERS_MAX).map(|n| TableName::parse(&format!("t{n}")).unwrap()).collect();
    assert!(said(schemas::note(&p, &schema, &many)).await.contains("at most 1000 tables"));

    // Broken off between the place and what was noted, it is finished by repeating it.
    let name = SchemaRef::parse("s.eu").unwrap();
    catalog.unlocate_schema(&name.share, &name.schema).await.unwrap();
    let removed = schemas::remove(&p, &name).await.unwrap();
    assert_eq!((removed.schema, removed.tables), (None, 2));
    assert_eq!(tables::list(&p, Some("s")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn all_tokens_of_a_recipient_end_at_once() {
    let (p, _) = provider();
    recipients::create(&p, "ada", None, Lifetime::default()).await.unwrap();
    tokens::rotate(&p, "ada", Lifetime::default(), Grace::of_secs(DAY_SECS).unwrap()).await.unwrap();
    assert_eq!(tokens::revoke_all(&p, "Ada").await.unwrap().tokens, 2);
    let ends = recipients::show(&p, "ada").await.unwrap().tokens.into_iter().map(|token| token.expires_at);
    assert_eq!(ends.collect::<Vec<_>>(), [Some(NOW), Some(NOW)]);
    assert_eq!(tokens::revoke_all(&p, "ada").await.unwrap().tokens, 0);
    assert!(said(tokens::revoke_all(&p, "bob")).await.starts_with("there is no recipient 'bob'"));
}
