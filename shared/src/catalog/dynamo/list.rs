//! The lists of [`DynamoCatalog`]. A row that grants nothing is passed over, and the next ones are read until the page is
//! full, so that a page ends with "more" only when more is there.

use super::rows::{Reading, RowStore, Rows, attributes};
use super::{DynamoCatalog, Granted, LOOKS, share_not_found};
use crate::catalog::foreign_position;
use crate::catalog::item::recipient::read_grant;
use crate::catalog::item::schema::read_schema;
use crate::catalog::item::share::{read_share, read_table};
use crate::catalog::item::{Item, Lifecycle};
use crate::catalog::key::{self, Entity, Key, Prefix};
use crate::error::Error;
use crate::limits::CATALOG_LIST_READS_MAX;
use crate::model::name::{SchemaName, ShareName};
use crate::model::page::{Page, Position};
use crate::model::recipient::Recipient;
use crate::model::securable::{Schema, Share, Table};
use crate::model::shorten;

use super::failure::Failed;

pub(super) async fn shares(
    catalog: &DynamoCatalog,
    to: &Recipient,
    after: Option<&Position>,
    limit: usize,
) -> Result<Page<Share>, Error> {
    let after = match names_of(after)? {
        None => None,
        Some([share]) => Some(row_of(&Entity::Grant { recipient_id: to.id(), share })?),
    };
    let Ok(prefix) = key::grants_to(to.id()) else { return Ok(Page { items: Vec::new(), more: false }) };
    let mut page = Page { items: Vec::new(), more: false };
    for reading in LOOKS {
        let mut reader = PageReader::new(&catalog.rows, &prefix, after.clone(), limit, reading);
        page = loop {
            let rows = reader.next().await?;
            let shares = shares_of_grants(catalog, &rows.rows, reading).await?;
            if let Some(page) = reader.took(shares, rows.next)? {
                break page;
            }
        };
        // A recipient with no share at all may have been granted its first one a moment ago.
        if !page.items.is_empty() || page.more || after.is_some() {
            break;
        }
    }
    Ok(page)
}

/// The shares behind grants, those left out whose grant is not good now or for another share of the name.
async fn shares_of_grants(catalog: &DynamoCatalog, rows: &[Item], reading: Reading) -> Result<Vec<Share>, Error> {
    let mut grants = rows.iter().map(read_grant).collect::<Result<Vec<_>, _>>()?;
    let now = catalog.clock.now();
    grants.retain(|grant| grant.window.holds(now));
    let keys: Vec<Key> = grants.iter().filter_map(|grant| key::share_key(&grant.share).ok()).collect();
    let found = catalog.rows.batch(&keys, reading).await?;
    let mut shares = Vec::with_capacity(grants.len());
    for grant in grants {
        let Some(row) = key::share_key(&grant.share).ok().and_then(|key| found.get(&key)) else { continue };
        let stored = read_share(row)?;
        if stored.lifecycle == Lifecycle::Active && stored.record.id == grant.share_id {
            shares.push(stored.into_share(grant.window));
        }
    }
    Ok(shares)
}

pub(super) async fn schemas(
    catalog: &DynamoCatalog,
    to: &Recipient,
    share: &str,
    after: Option<&Position>,
    limit: usize,
) -> Result<Page<Schema>, Error> {
    let name = ShareName::parse(share).map_err(|_| share_not_found(share))?;
    let after = match names_of(after)? {
        None => None,
        Some([schema]) => Some(row_of(&Entity::Schema { share: name.folded(), schema })?),
    };
    let list = InShare { name: &name, prefix: key::schemas_of(&name), after, limit, with: None };
    let page = list.page(catalog, to, |row, share| Ok(read_schema(row)?.into_schema(share))).await?;
    page.ok_or_else(|| share_not_found(share))?.ok_or_else(|| share_not_found(share))
}

pub(super) async fn tables(
    catalog: &DynamoCatalog,
    to: &Recipient,
    (share, schema): (&str, &str),
    after: Option<&Position>,
    limit: usize,
) -> Result<Page<Table>, Error> {
    let name = ShareName::parse(share).map_err(|_| share_not_found(share))?;
    let no_schema = || Error::SchemaNotFound { schema: shorten(schema) };
    let Some((parsed, with)) = SchemaName::parse(schema)
        .ok()
        .and_then(|parsed| Some((key::schema_key(&name, &parsed).ok()?, parsed)))
        .map(|(key, parsed)| (parsed, key))
    else {
        // Whether the share exists decides which of the two is said not to.
        super::FindShare::find_share(catalog, to, share).await?;
        return Err(no_schema());
    };
    let after = match names_of(after)? {
        None => None,
        Some([_, table]) => Some(row_of(&Entity::Table { share: name.folded(), schema: parsed.folded(), table })?),
    };
    let prefix = key::tables_of_schema(&name, &parsed);
    let list = InShare { name: &name, prefix, after, limit, with: Some(with) };
    let page = list.page(catalog, to, |row, share| Ok(read_table(row)?.into_table(share)?)).await?;
    page.ok_or_else(|| share_not_found(share))?.ok_or_else(no_schema)
}

pub(super) async fn all_tables(
    catalog: &DynamoCatalog,
    to: &Recipient,
    share: &str,
    after: Option<&Position>,
    limit: usize,
) -> Result<Page<Table>, Error> {
    let name = ShareName::parse(share).map_err(|_| share_not_found(share))?;
    let after = match names_of(after)? {
        None => None,
        Some([schema, table]) => Some(row_of(&Entity::Table { share: name.folded(), schema, table })?),
    };
    let list = InShare { name: &name, prefix: key::tables_of(&name), after, limit, with: None };
    let page = list.page(catalog, to, |row, share| Ok(read_table(row)?.into_table(share)?)).await?;
    page.ok_or_else(|| share_not_found(share))?.ok_or_else(|| share_not_found(share))
}

/// A list of a share's partition.
struct InShare<'a> {
    name: &'a ShareName,
    prefix: Prefix,
    after: Option<Item>,
    limit: usize,
    /// The schema that must be there, too.
    with: Option<Key>,
}

impl InShare<'_> {
    /// The page. No outer value: no such share; no inner one: the schema is not in it. Grant and rows are read at the same
    /// time; rows of a share that was not granted are thrown away.
    async fn page<T>(
        self,
        catalog: &DynamoCatalog,
        to: &Recipient,
        read: impl Fn(&Item, &Share) -> Result<Option<T>, Error>,
    ) -> Result<Option<Option<Page<T>>>, Error> {
        let mut answer = None;
        for reading in LOOKS {
            let mut reader = PageReader::new(&catalog.rows, &self.prefix, self.after.clone(), self.limit, reading);
            let granted = catalog.granted(to, self.name, self.with.as_ref(), reading);
            let (granted, mut rows) = futures::try_join!(granted, reader.next())?;
            let Some(Granted { share, with, .. }) = granted else { continue };
            answer = Some(None);
            if self.with.is_some() {
                let Some(row) = with else { continue };
                if read_schema(&row)?.into_schema(&share).is_none() {
                    continue;
                }
            }
            loop {
                let items =
                    rows.rows.iter().filter_map(|row| read(row, &share).transpose()).collect::<Result<_, _>>()?;
                if let Some(page) = reader.took(items, rows.next)? {
                    return Ok(Some(Some(page)));
                }
                rows = reader.next().await?;
            }
        }
        Ok(answer)
    }
}

/// Reads rows until a page is full. One item more than the page holds tells whether there is more.
struct PageReader<'a, T> {
    rows: &'a RowStore,
    prefix: &'a Prefix,
    after: Option<Item>,
    limit: usize,
    reading: Reading,
    reads: usize,
    items: Vec<T>,
}

impl<'a, T> PageReader<'a, T> {
    fn new(rows: &'a RowStore, prefix: &'a Prefix, after: Option<Item>, limit: usize, reading: Reading) -> Self {
        Self { rows, prefix, after, limit, reading, reads: 0, items: Vec::new() }
    }

    async fn next(&mut self) -> Result<Rows, Error> {
        self.reads += 1;
        if self.reads > CATALOG_LIST_READS_MAX {
            return Err(Failed::endless("Query").into());
        }
        let wanted = (self.limit - self.items.len().min(self.limit)).saturating_add(1);
        Ok(self.rows.query(self.prefix, self.after.take(), wanted, self.reading).await?)
    }

    /// Takes what became of the rows; the page when it is full or nothing follows.
    fn took(&mut self, items: Vec<T>, next: Option<Item>) -> Result<Option<Page<T>>, Error> {
        self.items.extend(items);
        if self.items.len() <= self.limit && next.is_some() {
            self.after = next;
            return Ok(None);
        }
        let mut items = std::mem::take(&mut self.items);
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        Ok(Some(Page { items, more }))
    }
}

/// The names of a position, if it has as many as its list's have.
fn names_of<const N: usize>(after: Option<&Position>) -> Result<Option<[&str; N]>, Error> {
    match after.map(Vec::as_slice) {
        None | Some([]) => Ok(None),
        Some(names) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            names.try_into().map(Some).map_err(|_| foreign_position())
        }
    }
}

/// The row after which a list goes on. It need not be there any more.
fn row_of(entity: &Entity<'_>) -> Result<Item, Error> {
    let key = entity.key().map_err(|_| foreign_position())?;
    match Entity::of(key.pk(), key.sk()) {
        Some(same) if same == *entity => Ok(attributes(&key)),
        _ => Err(foreign_position()),
    }
}
