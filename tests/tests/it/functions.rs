//! The functions as Lambda runs them: what goes over the wire of the runtime, what is logged, what each is made of.

mod events;
mod log;
mod manifests;
mod queries;
mod wire;

/// Whether this process runs one test alone, as the tests start those that need a process of their own.
fn is_alone() -> bool {
    std::env::args().any(|argument| argument == "--exact")
}
