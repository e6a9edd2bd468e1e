//! Tables in every state that this server reads, each compared with what another reader finds; and those it refuses.

mod chosen;
mod chunks;
mod damaged;
mod fetches;
mod log_states;
mod marks;
mod memory;
mod other_writers;
mod racing;
mod refused;
mod remembered;
mod replay;
mod steps;
mod time;
mod wrong_data;
