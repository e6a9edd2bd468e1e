//! The requests between a program and its DynamoDB: counted, and cut off at a chosen write as if the program had been
//! killed there, before the write arrived or after it was done.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

use crate::emulator::DynamoTable;

/// Every write of the catalogue is one of these.
const WRITE: &str = "TransactWriteItems";

/// Where a program is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Its so many-th write, counted from 0, does not arrive.
    Before(usize),
    /// It is done, and its answer is lost.
    After(usize),
}

/// What goes over the wire.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    operations: Vec<String>,
    writes: usize,
    cut: Option<Cut>,
    is_cut: bool,
}

impl Wire {
    /// A client of a table whose requests are seen here.
    pub fn client(&self, table: &DynamoTable) -> Client {
        let config = table.client.config().to_builder().retry_config(RetryConfig::disabled()).interceptor(self.clone());
        Client::from_conf(config.build())
    }

    /// From now on writes are counted, up to the cut.
    pub fn cut_at(&self, cut: Cut) {
        *self.0.lock().unwrap() = Seen { cut: Some(cut), ..Seen::default() };
    }

    /// From now on everything gets through.
    pub fn mend(&self) {
        *self.0.lock().unwrap() = Seen::default();
    }

    /// Whether it came to the cut.
    pub fn is_cut(&self) -> bool {
        self.0.lock().unwrap().is_cut
    }

    /// The operations since the last time they were asked for.
    pub fn operations(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().operations)
    }
}

fn operation(config: &ConfigBag) -> String {
    config.load::<Metadata>().map(|operation| operation.name().to_owned()).unwrap_or_default()
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Wire"
    }

    fn modify_before_transmit(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = operation(config);
        let mut seen = self.0.lock().unwrap();
        let is_write = operation == WRITE;
        seen.is_cut |= is_write && seen.cut == Some(Cut::Before(seen.writes));
        if seen.is_cut {
            return Err("cut".into());
        }
        seen.operations.push(operation);
        seen.writes += usize::from(is_write);
        Ok(())
    }

    fn read_after_transmit(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_write = operation(config) == WRITE;
        let mut seen = self.0.lock().unwrap();
        let writes = seen.writes;
        seen.is_cut |= is_write && seen.cut.is_some_and(|cut| matches!(cut, Cut::After(at) if at + 1 == writes));
        if seen.is_cut { Err("cut".into()) } else { Ok(()) }
    }
}
