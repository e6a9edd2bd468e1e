//! Delivery. The life of a request: the route is found, the gate identifies the caller, the handler settles an answer,
//! `respond` gives it status, headers and compression, and one audit event says what happened.

pub mod body;
pub mod coding;
pub mod encoder;
pub mod gzip;
pub mod pipeline;
pub mod places;
pub mod respond;
pub mod stream;
pub mod watch;
#[cfg(feature = "zstd")]
pub mod zstd;
