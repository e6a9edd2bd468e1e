//! The contracts of the ports, each held by every implementation there is.

mod log_store;
mod presigner;
