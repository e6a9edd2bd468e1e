//! The functions as Lambda runs them: what goes over the wire of the runtime, what is logged, what each is made of.

mod events;
mod log;
mod manifests;
mod wire;
