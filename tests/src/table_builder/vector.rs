//! Deletion vectors as the Delta protocol lays them out ("Deletion Vectors" and "Deletion Vector Format"): descriptors for
//! the log, and the files that they name.

use std::fs;

use serde_json::{Value, json};

use super::TableBuilder;

/// The Z85 alphabet (<https://rfc.zeromq.org/spec/32/>).
const Z85: &[u8; 85] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

impl TableBuilder {
    /// Writes a deletion vector over the sorted `rows` of a file into a file of its own, told apart by `number`, below the
    /// folder `prefix` where that is not empty. Returns its descriptor and the key of its file.
    pub fn vector_in_file(&self, prefix: &str, number: u8, rows: &[u16]) -> (Value, String) {
        let uuid: [u8; 16] = std::array::from_fn(|at| if at == 15 { number } else { 0x11 * u8::try_from(at).unwrap() });
        let hex: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        let folder = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let key = format!("{folder}deletion_vector_{}.bin", parts.join("-"));

        let bitmap = bitmap(rows);
        let mut file = vec![1];
        file.extend(u32::try_from(bitmap.len()).unwrap().to_be_bytes());
        file.extend(&bitmap);
        file.extend(crc32(&bitmap).to_be_bytes());
        let path = self.path().join(&key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
        let descriptor = json!({
            "storageType": "u",
            "pathOrInlineDv": format!("{prefix}{}", z85(&uuid)),
            "offset": 1,
            "sizeInBytes": bitmap.len(),
            "cardinality": rows.len(),
        });
        (descriptor, key)
    }
}

/// The descriptor of a deletion vector over the sorted `rows` of a file that stands in the log itself.
pub fn inline_vector(rows: &[u16]) -> Value {
    let bitmap = bitmap(rows);
    let mut padded = bitmap.clone();
    padded.resize(bitmap.len().next_multiple_of(4), 0);
    json!({"storageType": "i", "pathOrInlineDv": z85(&padded), "sizeInBytes": bitmap.len(), "cardinality": rows.len()})
}

/// One 64-bit Roaring bitmap with one array container, after the magic number of the format.
fn bitmap(rows: &[u16]) -> Vec<u8> {
    const MAGIC: u32 = 1_681_511_377;
    const NO_RUN_CONTAINERS: u32 = 12_346;
    const VALUES_AT: u32 = 16;
    let mut bytes = Vec::new();
    bytes.extend(MAGIC.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    for number in [0, NO_RUN_CONTAINERS, 1] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(0_u16.to_le_bytes());
    bytes.extend(u16::try_from(rows.len() - 1).unwrap().to_le_bytes());
    bytes.extend(VALUES_AT.to_le_bytes());
    bytes.extend(rows.iter().flat_map(|row| row.to_le_bytes()));
    bytes
}

fn z85(bytes: &[u8]) -> String {
    let group = |chunk: &[u8]| {
        let number = u32::from_be_bytes(chunk.try_into().unwrap());
        [85_u32.pow(4), 85_u32.pow(3), 85_u32.pow(2), 85, 1]
            .map(|place| char::from(Z85[(number / place % 85) as usize]))
    };
    bytes.chunks(4).flat_map(group).collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples() {
        assert_eq!(z85(&[0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B]), "HelloWorld");
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
