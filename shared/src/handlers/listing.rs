//! What the list routes share: page sizes, page tokens bound to recipient, route and parent, and pages that end where an
//! answer would become too large to send.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Call;
use crate::clock::Clock;
use crate::error::Error;
use crate::limits::{LIST_PAGE_BYTES_MAX, LIST_TOKEN_TTL_SECS, PAGE_TOKEN_CHARS_MAX};
use crate::model::page::{Page, PageSize, Position};
use crate::model::version::TimestampMs;
use crate::seal::Sealing;
use crate::wire::list;

/// Items asked of the catalogue at once when the caller set no limit.
const FETCH_ITEMS: usize = 500;

/// Seals and opens the page tokens of the list routes.
#[derive(Debug, Clone)]
pub struct PageTokens {
    sealing: Arc<dyn Sealing>,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize, Deserialize)]
struct TokenPayload {
    after: Position,
    /// Milliseconds since the epoch.
    expires: i64,
}

impl PageTokens {
    /// Tokens sealed in this way.
    pub fn new(sealing: Arc<dyn Sealing>, clock: Arc<dyn Clock>) -> Self {
        Self { sealing, clock }
    }

    async fn seal(&self, context: &[&str], after: Position) -> Result<String, Error> {
        let payload = TokenPayload { after, expires: self.clock.now().plus_secs(LIST_TOKEN_TTL_SECS).millis() };
        let payload = serde_json::to_vec(&payload)
            .map_err(|cause| Error::internal("a page token could not be written as JSON", cause))?;
        self.sealing.seal(context, &payload).await
    }

    async fn open(&self, context: &[&str], token: &str) -> Result<Position, Error> {
        let invalid = || {
            Error::InvalidParameter(
                "invalid 'nextPageToken': it was not issued for this list or has expired. Start again without pageToken."
                    .into(),
            )
        };
        if token.len() > PAGE_TOKEN_CHARS_MAX {
            return Err(invalid());
        }
        let payload = self.sealing.open(context, token).await?.ok_or_else(invalid)?;
        let payload: TokenPayload = serde_json::from_slice(&payload).map_err(|_| invalid())?;
        if self.clock.now() > TimestampMs::new(payload.expires) {
            return Err(invalid());
        }
        Ok(payload.after)
    }
}

/// Answers a list route: `fetch` asks the catalogue, `position_of` names an item's place, `W` is its wire form.
pub(super) async fn answer<T, W, F>(
    tokens: &PageTokens,
    call: &Call,
    context: &[&str],
    fetch: impl Fn(Option<Position>, usize) -> F,
    position_of: impl Fn(&T) -> Position,
) -> Result<Vec<u8>, Error>
where
    W: From<T> + Serialize,
    F: Future<Output = Result<Page<T>, Error>>,
{
    let size = PageSize::parse(call.query.get("maxResults"))?;
    let folded: Vec<String> = context.iter().map(|part| part.to_lowercase()).collect();
    let mut bound: Vec<&str> = folded.iter().map(String::as_str).collect();
    bound.push(call.recipient.id());
    let token = call.query.get("pageToken").filter(|token| !token.is_empty());
    let mut after = match token {
        Some(token) => Some(tokens.open(&bound, token).await?),
        None => None,
    };

    let limit = match size {
        PageSize::AtMost(limit) => limit as usize,
        PageSize::Unbounded => usize::MAX,
    };
    let mut items: Vec<W> = Vec::new();
    let mut bytes = 0;
    let more = loop {
        // Also with a limit of 0: the catalogue still says whether the list exists and holds anything.
        let page = fetch(after.clone(), (limit - items.len()).min(FETCH_ITEMS)).await?;
        let mut cut = false;
        for item in page.items {
            let position = position_of(&item);
            let item = W::from(item);
            bytes += list::item_bytes(&item)?;
            if bytes > LIST_PAGE_BYTES_MAX && !items.is_empty() {
                cut = true;
                break;
            }
            items.push(item);
            after = Some(position);
        }
        if cut || !page.more || items.len() >= limit {
            break cut || page.more;
        }
    };
    let next = if more { Some(tokens.seal(&bound, after.unwrap_or_default()).await?) } else { None };
    list::list_body(&items, next.as_deref())
}
