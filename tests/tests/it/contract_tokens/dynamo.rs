//! Tokens in the catalogue's DynamoDB table.

use std::sync::Arc;

use futures::future::BoxFuture;
use shared::auth::Tokens;
use shared::auth::dynamo::DynamoTokenStore;
use shared::auth::stored::TokenStore;
use shared::catalog::item::recipient::{StoredRecipient, recipient_item, token_item};
use shared::catalog::item::{Item, KEY_ID, Lifecycle};
use shared::catalog::write::{RecipientRecord, TokenRecord};
use shared::error::{Error, chain};
use tests::emulator::DynamoTable;

use super::{Bench, Place, keeps_the_contract, new_recipient};

struct InDynamo(DynamoTable);

impl InDynamo {
    async fn put(&self, item: Item) {
        self.0.client.put_item().table_name(&self.0.name).set_item(Some(item)).send().await.unwrap();
    }
}

impl Place for InDynamo {
    fn store(&self) -> Arc<dyn TokenStore> {
        Arc::new(DynamoTokenStore::new(self.0.client.clone(), &self.0.name))
    }

    fn write<'a>(&'a self, recipient: &'a RecipientRecord, token: &'a TokenRecord) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let lifecycle = Lifecycle::from(recipient.status);
            let stored = StoredRecipient { record: recipient.clone(), lifecycle, token_ids: Vec::new(), revision: 1 };
            self.put(recipient_item(&stored).unwrap()).await;
            self.put(token_item(token, &recipient.name).unwrap()).await;
        })
    }
}

#[tokio::test]
async fn tokens_in_dynamodb_keep_the_contract() {
    for place in DynamoTable::everywhere().await.into_iter().map(InDynamo) {
        keeps_the_contract(&place).await;
        a_token_whose_recipient_is_gone_is_nobodys(&place).await;
        an_item_that_is_not_known_lets_nobody_in(&place).await;
        a_failing_table_lets_nobody_in(&place).await;
    }
}

async fn a_token_whose_recipient_is_gone_is_nobodys(place: &InDynamo) {
    let bench = Bench::over(place);
    let given = bench.given(|_, _| {}).await;
    let other = new_recipient();
    let moved = TokenRecord { recipient_id: other.id.clone(), ..given.record };
    place.put(token_item(&moved, &other.name).unwrap()).await;
    assert!(!bench.lets_in(&given.token).await);
}

async fn an_item_that_is_not_known_lets_nobody_in(place: &InDynamo) {
    let bench = Bench::over(place);
    let given = bench.given(|_, _| {}).await;
    let mut item = token_item(&given.record, &given.recipient.name).unwrap();
    item.remove(KEY_ID);
    place.put(item).await;
    let error = bench.tokens.holder_of(&given.token).await.unwrap_err();
    assert!(!error.public().contains("token"), "{}", error.public());
}

async fn a_failing_table_lets_nobody_in(place: &InDynamo) {
    let store = DynamoTokenStore::new(place.0.client.clone(), "no-such-table");
    let error = store.find("00112233445566778899", false).await.unwrap_err();
    let shown = chain(&error);
    assert!(shown.contains("ResourceNotFoundException") && !shown.contains("no-such-table"), "{shown}");
    if place.0.checks_keys() {
        let store = DynamoTokenStore::new(place.0.stranger(), &place.0.name);
        let error = store.find("00112233445566778899", false).await.unwrap_err();
        assert!(matches!(error, Error::Internal { .. }), "{error:?}");
    }
}
