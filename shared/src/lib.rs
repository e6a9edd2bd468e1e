#![doc = include_str!("../README.md")]

// Vocabulary
pub mod clock;
pub mod entropy;
pub mod error;
pub mod limits;
pub mod model;
pub mod secret;

// The protocol's own shapes
pub mod wire;

// Ports and engines
pub mod auth;
pub mod catalog;
#[cfg(feature = "parquet")]
pub mod delta;
pub mod presign;
pub mod seal;
pub mod storage;

// One per route
pub mod handlers;

// Delivery
pub mod config;
pub mod http;
pub mod route;
