//! A catalogue document made ready for questions: names checked, everything sorted, looked up by folded name, grants
//! resolved. Building it is where a document is found wrong.

use std::collections::HashMap;

use super::document::{
    CatalogDocument, FORMAT_VERSION, RecipientEntry, SchemaEntry, ShareEntry, TableEntry, TokenEntry,
};
use super::{auxiliary, foreign_position, reach, rules};
use crate::error::Error;
use crate::model::location::TableLocation;
use crate::model::name::{SchemaName, ShareName, TableName};
use crate::model::page::Page;
use crate::model::recipient::Recipient;
use crate::model::rule::{RecipientRules, Terms, Window};
use crate::model::securable::{History, Schema, Share, Table};
use crate::model::version::{TimestampMs, Version};
use crate::secret::{Secret, TokenHash};

/// Turns a document's location text into a location; the error completes "its location … ".
pub type Locate<'a> = &'a dyn Fn(&str) -> Result<TableLocation, String>;

/// The order of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By folded name.
    Sorted,
    /// As the document has it.
    AsWritten,
}

/// A catalogue ready for questions.
#[derive(Debug)]
pub struct Index {
    order: Order,
    shares: Vec<ShareNode>,
    by_name: HashMap<String, usize>,
    recipients: Vec<RecipientNode>,
}

#[derive(Debug)]
struct ShareNode {
    share: Share,
    schemas: Vec<SchemaNode>,
    by_name: HashMap<String, usize>,
    /// The schemas in the order of [`Index::all_tables`].
    walk: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct SchemaNode {
    schema: Schema,
    tables: Vec<Table>,
    by_name: HashMap<String, usize>,
    place: Option<(TableLocation, History)>,
}

#[derive(Debug)]
struct RecipientNode {
    id: String,
    name: String,
    tokens: Vec<TokenNode>,
    rules: RecipientRules,
    /// When the grants are good, by the share's folded name.
    granted: HashMap<String, Window>,
}

#[derive(Debug)]
struct TokenNode {
    hash: TokenHash,
    not_before: Option<TimestampMs>,
    expires: Option<TimestampMs>,
}

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHolder {
    /// The recipient's id.
    pub id: String,
    /// The recipient's name.
    pub name: String,
    /// What its provider says of it.
    pub rules: RecipientRules,
}

/// Who asks, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) to: &'a Recipient,
    pub(super) now: TimestampMs,
}

impl TokenNode {
    fn is_good_at(&self, now: TimestampMs) -> bool {
        Window { from: self.not_before, until: self.expires }.holds(now)
    }
}

impl Index {
    /// Checks a document and makes it ready.
    ///
    /// # Errors
    /// A sentence that says what is wrong where.
    pub fn new(document: &CatalogDocument, order: Order, locate: Locate<'_>) -> Result<Self, String> {
        if document.format_version != FORMAT_VERSION {
            return Err(format!(
                "the catalogue has format version {}, this program knows {FORMAT_VERSION}; use the program that wrote it",
                document.format_version
            ));
        }
        let shares =
            document.shares.iter().map(|share| share_node(share, order, locate)).collect::<Result<Vec<_>, _>>()?;
        let (shares, by_name) = arranged(shares, order, |node| node.share.name.folded())
            .map_err(|name| format!("two shares are named '{name}'"))?;
        let name_of: HashMap<&str, &str> =
            shares.iter().map(|node| (node.share.id.as_str(), node.share.name.folded())).collect();
        let recipients = document
            .recipients
            .iter()
            .map(|recipient| recipient_node(recipient, &name_of))
            .collect::<Result<_, _>>()?;
        Ok(Self { order, shares, by_name, recipients })
    }

    /// Whose a token is. Every stored hash is compared, each in constant time.
    pub fn holder_of(&self, token: &Secret, now: TimestampMs) -> Option<TokenHolder> {
        let presented = TokenHash::of(token);
        let mut found = None;
        for recipient in &self.recipients {
            for token in &recipient.tokens {
                if token.hash == presented && token.is_good_at(now) {
                    let RecipientNode { id, name, rules, .. } = recipient;
                    found = Some(TokenHolder { id: id.clone(), name: name.clone(), rules: rules.clone() });
                }
            }
        }
        found
    }

    pub(super) fn shares(&self, asking: Asking<'_>, after: Option<&str>, limit: usize) -> Result<Page<Share>, Error> {
        let granted = self.granted(asking.to);
        let start = self.start(&self.shares, &self.by_name, after, |node| node.share.name.folded())?;
        let visible = self.shares.iter().skip(start).filter_map(|node| {
            let window = granted.get(node.share.name.folded()).filter(|window| window.holds(asking.now))?;
            Some(Share { until: window.until, ..node.share.clone() })
        });
        Ok(page(visible, limit))
    }

    pub(super) fn share(&self, asking: Asking<'_>, name: &str) -> Result<Share, Error> {
        let (node, window) = self.node_and_window(asking, name)?;
        Ok(Share { until: window.until, ..node.share.clone() })
    }

    pub(super) fn schemas(
        &self,
        asking: Asking<'_>,
        share: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Schema>, Error> {
        let node = self.node(asking, share)?;
        let start = self.start(&node.schemas, &node.by_name, after, |schema| schema.schema.name.folded())?;
        Ok(page(node.schemas.iter().skip(start).map(|schema| schema.schema.clone()), limit))
    }

    pub(super) fn tables(
        &self,
        asking: Asking<'_>,
        share: &str,
        schema: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Table>, Error> {
        let node = self.node(asking, share)?;
        let schema = SchemaName::parse(schema)
            .ok()
            .and_then(|name| node.schemas.get(*node.by_name.get(name.folded())?))
            .ok_or_else(|| Error::SchemaNotFound { schema: crate::model::shorten(schema) })?;
        let start = self.start(&schema.tables, &schema.by_name, after, |table| table.name.folded())?;
        Ok(page(schema.tables.iter().skip(start).cloned(), limit))
    }

    pub(super) fn all_tables(
        &self,
        asking: Asking<'_>,
        share: &str,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Page<Table>, Error> {
        let node = self.node(asking, share)?;
        let schemas: Vec<&SchemaNode> = node.walk.iter().filter_map(|&at| node.schemas.get(at)).collect();
        let Some((schema, table)) = after else {
            return Ok(page(schemas.into_iter().flat_map(|schema| &schema.tables).cloned(), limit));
        };
        let own = schemas.iter().position(|node| node.schema.name.folded() == schema);
        // The schema itself may be gone by now; then the next one is where the list goes on.
        let (rest_of_schema, next): (&[Table], usize) = match (own, self.order) {
            (Some(at), _) => {
                let node = schemas.get(at).ok_or_else(foreign_position)?;
                let start = self.start(&node.tables, &node.by_name, Some(table), |table| table.name.folded())?;
                (node.tables.get(start..).unwrap_or_default(), at + 1)
            }
            (None, Order::Sorted) => {
                let before = |node: &&SchemaNode| walk_key(node.schema.name.folded()) <= walk_key(schema);
                (&[], schemas.partition_point(before))
            }
            (None, Order::AsWritten) => return Err(foreign_position()),
        };
        let later = schemas.into_iter().skip(next).flat_map(|schema| &schema.tables);
        Ok(page(rest_of_schema.iter().chain(later).cloned(), limit))
    }

    pub(super) fn table(&self, asking: Asking<'_>, share: &str, schema: &str, table: &str) -> Result<Table, Error> {
        let found = || {
            let (node, window) = self.node_and_window(asking, share).ok()?;
            let schema = node.schemas.get(*node.by_name.get(SchemaName::parse(schema).ok()?.folded())?)?;
            let table = schema.tables.get(*schema.by_name.get(TableName::parse(table).ok()?.folded())?)?;
            let terms = Terms { window, partitions: table.terms.partitions.clone() };
            Some(Table { terms, ..table.clone() })
        };
        found()
            .ok_or_else(|| Error::TableNotFound { name: [share, schema, table].map(crate::model::shorten).join("/") })
    }

    fn node(&self, asking: Asking<'_>, share: &str) -> Result<&ShareNode, Error> {
        self.node_and_window(asking, share).map(|(node, _)| node)
    }

    /// A share whose grant is good now, and when it is.
    fn node_and_window(&self, asking: Asking<'_>, share: &str) -> Result<(&ShareNode, Window), Error> {
        let found = || {
            let name = ShareName::parse(share).ok()?;
            let window = *self.granted(asking.to).get(name.folded())?;
            let node = self.shares.get(*self.by_name.get(name.folded())?)?;
            window.holds(asking.now).then_some((node, window))
        };
        found().ok_or_else(|| Error::ShareNotFound { share: crate::model::shorten(share) })
    }

    fn granted(&self, to: &Recipient) -> &HashMap<String, Window> {
        static NOTHING: std::sync::LazyLock<HashMap<String, Window>> = std::sync::LazyLock::new(HashMap::new);
        self.recipients.iter().find(|node| node.id == to.id()).map_or(&NOTHING, |node| &node.granted)
    }

    /// Where a list goes on after a name. A name that is gone still has a place in a sorted list; in another it does not.
    fn start<T>(
        &self,
        nodes: &[T],
        by_name: &HashMap<String, usize>,
        after: Option<&str>,
        name_of: impl Fn(&T) -> &str,
    ) -> Result<usize, Error> {
        let Some(after) = after else { return Ok(0) };
        match (by_name.get(after), self.order) {
            (Some(&at), _) => Ok(at + 1),
            (None, Order::Sorted) => Ok(nodes.partition_point(|node| name_of(node) <= after)),
            (None, Order::AsWritten) => Err(foreign_position()),
        }
    }
}

fn page<T>(mut items: impl Iterator<Item = T>, limit: usize) -> Page<T> {
    let taken = items.by_ref().take(limit).collect();
    Page { items: taken, more: items.next().is_some() }
}

/// Sorts nodes if they are to be sorted, and maps folded names to places. The error is a name that occurs twice.
fn arranged<T>(
    mut nodes: Vec<T>,
    order: Order,
    name_of: impl Fn(&T) -> &str,
) -> Result<(Vec<T>, HashMap<String, usize>), String> {
    if order == Order::Sorted {
        nodes.sort_by(|a, b| name_of(a).cmp(name_of(b)));
    }
    let mut by_name = HashMap::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        if by_name.insert(name_of(node).to_owned(), at).is_some() {
            return Err(name_of(node).to_owned());
        }
    }
    Ok((nodes, by_name))
}

fn share_node(entry: &ShareEntry, order: Order, locate: Locate<'_>) -> Result<ShareNode, String> {
    let name = ShareName::parse(&entry.name).map_err(|error| format!("the share name '{}' {error}", entry.name))?;
    let share = Share { name, id: entry.id.clone(), comment: entry.comment.clone(), until: None };
    let schemas =
        entry.schemas.iter().map(|schema| schema_node(&share, schema, order, locate)).collect::<Result<Vec<_>, _>>()?;
    let (schemas, by_name) = arranged(schemas, order, |node| node.schema.name.folded())
        .map_err(|name| format!("share '{}' has two schemas named '{name}'", entry.name))?;
    let mut walk: Vec<usize> = (0..schemas.len()).collect();
    if order == Order::Sorted {
        walk.sort_by_cached_key(|&at| schemas.get(at).map(|node| walk_key(node.schema.name.folded())));
    }
    Ok(ShareNode { share, schemas, by_name, walk })
}

/// What schemas are sorted by in a list of all tables: as if names were sorted as `schema/table`, which is how every
/// catalogue lists them.
fn walk_key(schema: &str) -> String {
    format!("{schema}/")
}

fn recipient_node(entry: &RecipientEntry, name_of: &HashMap<&str, &str>) -> Result<RecipientNode, String> {
    let of = |problem: String| format!("recipient '{}': {problem}", entry.name);
    let mut node = RecipientNode {
        id: entry.id.clone(),
        name: entry.name.clone(),
        tokens: Vec::new(),
        rules: entry.rules.rules().map_err(of)?,
        granted: HashMap::new(),
    };
    for token in &entry.tokens {
        let read = token_node(token).map_err(|problem| format!("a token of recipient '{}' {problem}", entry.name))?;
        // A hash made with a key cannot be compared here; such a token belongs to nobody.
        if entry.status.is_active() && token.status.is_active() && token.key_id.is_none() {
            node.tokens.push(read);
        }
    }
    if entry.status.is_active() {
        for id in &entry.grants {
            let Some(&name) = name_of.get(id.as_str()) else { continue };
            let window = entry.grant_windows.get(id).map(|window| window.window()).transpose().map_err(of)?;
            node.granted.insert(name.into(), window.unwrap_or_default());
        }
    }
    Ok(node)
}

fn token_node(entry: &TokenEntry) -> Result<TokenNode, String> {
    let moment = |text: Option<&str>, what: &str| match text.map(|text| (text, TimestampMs::parse(text))) {
        None => Ok(None),
        Some((_, Some(at))) => Ok(Some(at)),
        Some((text, None)) => Err(format!("{what} at '{text}', which is not ISO 8601 with an offset")),
    };
    Ok(TokenNode {
        hash: TokenHash::from_hex(&entry.sha256).ok_or("is not 64 hex digits")?,
        not_before: moment(entry.not_before.as_deref(), "begins")?,
        expires: moment(entry.expires.as_deref(), "expires")?,
    })
}

fn schema_node(share: &Share, entry: &SchemaEntry, order: Order, locate: Locate<'_>) -> Result<SchemaNode, String> {
    let name = SchemaName::parse(&entry.name).map_err(|error| format!("the schema name '{}' {error}", entry.name))?;
    let schema = Schema { share: share.name.clone(), name };
    let tables =
        entry.tables.iter().map(|table| table_node(share, &schema, table, locate)).collect::<Result<Vec<_>, _>>()?;
    let (tables, by_name) = arranged(tables, order, |table| table.name.folded())
        .map_err(|name| format!("schema '{}.{}' has two tables named '{name}'", share.name, entry.name))?;
    let place = entry.place.as_ref().map(|place| located::place_of(place, locate)).transpose();
    let place = place.map_err(|problem| format!("schema '{}.{}': {problem}", share.name, entry.name))?;
    Ok(SchemaNode { schema, tables, by_name, place })
}

fn table_node(share: &Share, schema: &Schema, entry: &TableEntry, locate: Locate<'_>) -> Result<Table, String> {
    let name = TableName::parse(&entry.name).map_err(|error| format!("the table name '{}' {error}", entry.name))?;
    let full_name = || format!("table '{}.{}.{name}'", share.name, schema.name);
    let location = locate(&entry.location).map_err(|error| format!("{}: its location {error}", full_name()))?;
    let location = auxiliary::located((location, &entry.location), &entry.auxiliary_locations, locate)
        .map_err(|error| format!("{}: {error}", full_name()))?;
    let reach = reach::from_parts(
        entry.region.as_deref(),
        entry.endpoint.as_deref(),
        entry.role_arn.as_deref(),
        entry.external_id.as_deref(),
    )
    .map_err(|error| format!("{}: {error}", full_name()))?;
    let history =
        if entry.history_shared { History::SharedFrom(Version::new(entry.start_version)) } else { History::NotShared };
    let partitions =
        rules::partition_rules(&entry.partitions).map_err(|problem| format!("{}: {problem}", full_name()))?;
    Ok(Table {
        share: share.name.clone(),
        share_id: share.id.clone(),
        schema: schema.name.clone(),
        name,
        id: entry.id.clone(),
        location: location.reached_by(reach),
        history,
        terms: Terms { partitions, ..Terms::default() },
    })
}

mod located;

#[cfg(test)]
mod tests;
