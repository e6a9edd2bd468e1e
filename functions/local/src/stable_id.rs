//! Ids for things whose owner gave them none: the same names give the same id on every start and on every machine.

use uuid::Uuid;

/// The name space of these ids.
const SPACE: Uuid = Uuid::from_u128(0x6f0c_5a4e_51b0_4c3e_9a57_3d61_e1b8_20d7);

/// The id of what these names lead to, a UUID. Names that are compared without case are passed folded.
pub fn stable_id(names: &[&str]) -> String {
    // A slash is in no name, so different names never join to the same text.
    Uuid::new_v5(&SPACE, names.join("/").as_bytes()).to_string()
}
