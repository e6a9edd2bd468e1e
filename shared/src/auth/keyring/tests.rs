//! The keyring's document: both forms, and what is refused.

use std::error::Error as _;

use super::*;
use crate::error::chain;

const TEXT: &str = "a text that nobody guesses, long enough";
const OTHER: &str = "b text that nobody guesses, long enough";

fn read(document: &str) -> Result<Keyring, Error> {
    Keyring::parse(&Secret::new(document))
}

fn tag(key: &Key) -> Vec<u8> {
    key.pepper().chain_update("x").finalize().into_bytes().to_vec()
}

fn same(a: &Key, b: &Key) -> bool {
    a.id() == b.id() && tag(a) == tag(b) && a.aead() == b.aead()
}

#[test]
fn both_forms_give_the_same_key() {
    let flat = read(&format!(r#"{{"current":"k1","k1":"{TEXT}"}}"#)).unwrap();
    let nested = read(&format!(r#"{{"current":"k1","keys":{{"k1":{{"pepper":"{TEXT}","aead":"{TEXT}"}}}}}}"#)).unwrap();
    assert!(same(flat.current(), nested.current()));
}

#[test]
fn the_two_uses_of_a_key_and_its_text_are_told_apart() {
    let keyring = read(&format!(r#"{{"current":"k1","k1":"{TEXT}"}}"#)).unwrap();
    let key = keyring.current();
    let plain = new_mac(TEXT.as_bytes()).unwrap().chain_update("x").finalize().into_bytes().to_vec();
    let by_aead = new_mac(key.aead()).unwrap().chain_update("x").finalize().into_bytes().to_vec();
    assert!(tag(key) != plain && tag(key) != by_aead);
}

#[test]
fn forms_may_be_mixed_and_current_may_be_any() {
    let document =
        format!(r#"{{"current":"k255","k1":"{TEXT}","keys":{{"k255":{{"pepper":"{OTHER}","aead":"{TEXT}"}}}}}}"#);
    let keyring = read(&document).unwrap();
    assert_eq!(keyring.current().id().number(), 255);
    assert!(keyring.key(KeyId::new(1).unwrap()).is_some());
    assert!(keyring.key(KeyId::new(2).unwrap()).is_none());
}

#[test]
fn what_is_no_keyring_is_refused_in_words_without_its_texts() {
    let cases = [
        ("", "not JSON"),
        ("[]", "not JSON"),
        (&format!(r#"{{"k1":"{TEXT}"}}"#), "not JSON"),
        (&format!(r#"{{"current":"k1","keys":{{"k1":"{TEXT}"}}}}"#), "not JSON"),
        (&format!(r#"{{"current":"k1","keys":{{"k1":{{"pepper":"{TEXT}"}}}}}}"#), "not JSON"),
        (&format!(r#"{{"current":"k1","k1":"{TEXT}","k2":7}}"#), "not JSON"),
        (&format!(r#"{{"current":"k2","k1":"{TEXT}"}}"#), "'current'"),
        (&format!(r#"{{"current":"{TEXT}","k1":"{TEXT}"}}"#), "'current'"),
        (&format!(r#"{{"current":"k1","k1":"{TEXT}","{TEXT}":"{TEXT}"}}"#), "no key's name"),
        (&format!(r#"{{"current":"k1","k1":"{TEXT}","k0":"{TEXT}"}}"#), "no key's name"),
        (r#"{"current":"k1","k1":"short"}"#, "shorter than 32"),
        (
            &format!(r#"{{"current":"k1","k1":"{TEXT}","keys":{{"k1":{{"pepper":"{TEXT}","aead":"{TEXT}"}}}}}}"#),
            "k1 twice",
        ),
    ];
    for (document, words) in cases {
        let error = read(document).unwrap_err();
        assert!(error.source().is_some_and(|source| source.is::<KeyringError>()));
        let shown = chain(&error);
        assert!(shown.contains(words), "{document}: {shown}");
        assert!(!shown.contains("nobody guesses") && !error.public().contains("keyring"), "{shown}");
    }
}

#[test]
fn key_numbers_are_written_in_one_way() {
    for (text, number) in [("k1", 1), ("k42", 42), ("k255", 255)] {
        assert_eq!(KeyId::parse(text).unwrap().number(), number);
    }
    for bad in ["", "k", "1", "k0", "k01", "k+1", "k256", "k-1", "K1", "k1 ", "kk1"] {
        assert_eq!(KeyId::parse(bad), None, "{bad}");
    }
}

#[test]
fn nothing_shows_through() {
    let keyring = read(&format!(r#"{{"current":"k1","k1":"{TEXT}"}}"#)).unwrap();
    assert_eq!(format!("{keyring:?} {:?}", keyring.current()), "Keyring { current: KeyId(1), keys: 1 } Key(k1, ***)");
}
