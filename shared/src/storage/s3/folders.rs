//! The folders in a place, as S3 lists them: common prefixes up to the next slash. Only who may list the place can ask,
//! which sessions of functions, confined to one table each, may not.

use async_trait::async_trait;
use aws_sdk_s3::Client;

use super::{S3LogStore, code_of, failure, unsure_listing};
use crate::error::Error;
use crate::limits::SCHEMA_FOLDERS_MAX;
use crate::model::location::TableLocation;
use crate::storage::FolderStore;

/// Rows of one page; S3 gives no more. A place holds few objects beside its folders.
const PAGES_MAX: usize = 1 + SCHEMA_FOLDERS_MAX / 100;

/// The folders directly below a place, listed with this client.
///
/// # Errors
/// As [`FolderStore::folders`].
pub async fn folders_below(client: &Client, place: &TableLocation) -> Result<Vec<String>, Error> {
    let root = place.root_key();
    let (mut folders, mut continuation) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let request = client.list_objects_v2().bucket(place.bucket()).prefix(&root).delimiter("/");
        let page = match request.set_continuation_token(continuation).send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == "NoSuchBucket" => return Ok(Vec::new()),
            Err(error) => return Err(failure("ListObjectsV2", &error)),
        };
        for prefix in page.common_prefixes().iter().filter_map(|prefix| prefix.prefix()) {
            let name = prefix.strip_prefix(&root).and_then(|rest| rest.strip_suffix('/'));
            folders.push(name.ok_or_else(unsure_listing)?.to_owned());
        }
        if folders.len() > SCHEMA_FOLDERS_MAX {
            break;
        }
        continuation = page.next_continuation_token().map(str::to_owned);
        if continuation.is_none() {
            let cut = page.is_truncated() == Some(true);
            return if cut { Err(unsure_listing()) } else { Ok(folders) };
        }
    }
    Err(Error::Unsupported(format!(
        "The schema's place holds more than {SCHEMA_FOLDERS_MAX} folders, or too much beside them, and is not shared in part. Ask \
         the share provider to share its tables one by one, or to spread them over several schemas."
    )))
}

#[async_trait]
impl FolderStore for S3LogStore {
    async fn folders(&self, place: &TableLocation) -> Result<Vec<String>, Error> {
        folders_below(&self.reach.client(place).await?, place).await
    }
}
