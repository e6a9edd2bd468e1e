#![doc = include_str!("../README.md")]

// Vocabulary
pub mod bounded;
pub mod clock;
pub mod entropy;
pub mod error;
pub mod limits;
pub mod model;
pub mod secret;

// The protocol's own shapes
pub mod wire;

// Ports and engines
pub mod audit;
pub mod auth;
pub mod catalog;
pub mod credentials;
#[cfg(feature = "parquet")]
pub mod delta;
pub mod discovery;
#[cfg(feature = "parquet")]
pub mod predicate;
pub mod presign;
#[cfg(feature = "provider")]
pub mod provider;
pub mod seal;
pub mod storage;

// One per route
pub mod handlers;

// Delivery
pub mod config;
#[cfg(all(feature = "lambda", feature = "dynamo", feature = "secrets"))]
pub mod env;
pub mod http;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod route;
#[cfg(feature = "lambda")]
pub mod telemetry;
