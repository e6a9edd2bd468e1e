//! The form of tokens: fixed for ever, checked before anything is asked.

use proptest::prelude::*;

use super::*;

fn key(number: u8, text: &str) -> Key {
    Key::derived(KeyId::new(number).unwrap(), &Secret::new(text), &Secret::new(text)).unwrap()
}

fn ours() -> Key {
    key(1, "a text that nobody guesses, long enough")
}

#[test]
fn plain_tokens_are_long_and_differ() {
    let (a, b) = (generate().unwrap(), generate().unwrap());
    assert_eq!(a.reveal().len(), PREFIX.len() + 43);
    assert_ne!(a.reveal(), b.reveal());
}

#[test]
fn a_plain_token_is_no_self_checking_one() {
    assert!(Presented::parse(&generate().unwrap()).is_none());
}

/// Values of another implementation of HMAC (Python's `hmac`): a token in a profile must survive every release.
#[test]
fn the_format_is_fixed() {
    let (id, secret) = (TokenId(*b"0123456789"), [7; SECRET_BYTES]);
    assert_eq!(
        assembled(&ours(), id, &secret).reveal(),
        "dss1_ATAxMjM0NTY3ODkHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB440263atxDb"
    );
    assert_eq!(
        hash_of(&ours(), id, &secret).to_hex(),
        "8d55531c9f3f3eb15a1326f169274970591478be69f2d7af5d6532e2b9adee85"
    );
}

#[test]
fn a_made_token_is_checked_by_its_key_alone() {
    let id = TokenId::random().unwrap();
    let (token, hash) = make(&ours(), id).unwrap();
    let presented = Presented::parse(&token).unwrap();
    let checked = presented.checked(&ours()).unwrap();
    assert_eq!((checked.id, checked.hash, checked.key_id.number()), (id, hash, 1));
    assert!(presented.checked(&key(1, "another text that nobody guesses, long")).is_none());
    assert!(presented.checked(&key(2, "a text that nobody guesses, long enough")).is_none());
}

#[test]
fn a_key_of_number_zero_does_not_exist() {
    let bytes = [0; TOKEN_BYTES];
    assert!(Presented::parse(&Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))).is_none());
}

#[test]
fn tokens_of_one_recipient_share_a_part_and_no_more() {
    let of = |recipient| TokenId::of_recipient(recipient).unwrap();
    let (a, b, other) = (of("r1"), of("r1"), of("r2"));
    assert_eq!(a.recipient_part(), b.recipient_part());
    assert_eq!(a.recipient_part(), recipient_part("r1"));
    assert_eq!(a.recipient_part().len(), 2 * RECIPIENT_PART_BYTES);
    assert!(a.to_string().starts_with(&a.recipient_part()));
    assert_ne!(a.recipient_part(), other.recipient_part());
    let many: std::collections::HashSet<_> = (0..50).map(|_| of("r1")).collect();
    assert!(many.len() > 45, "{} different ids of 50", many.len());
}

#[test]
fn nothing_shows_through() {
    let (token, _) = make(&ours(), TokenId::random().unwrap()).unwrap();
    let shown = format!("{:?} {:?}", Presented::parse(&token), token);
    assert_eq!(shown, "Some(Presented(***)) ***");
}

proptest! {
    #[test]
    fn ids_round_trip(bytes in any::<[u8; ID_BYTES]>()) {
        prop_assert_eq!(TokenId::parse(&TokenId(bytes).to_string()), Some(TokenId(bytes)));
    }

    #[test]
    fn every_changed_bit_is_noticed(secret in any::<[u8; SECRET_BYTES]>(), bit in 0..TOKEN_BYTES * 8) {
        let token = assembled(&ours(), TokenId(*b"0123456789"), &secret);
        let mut bytes = URL_SAFE_NO_PAD.decode(&token.reveal()[PREFIX.len()..]).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)));
        prop_assert!(Presented::parse(&changed).and_then(|presented| presented.checked(&ours())).is_none());
    }

    #[test]
    fn garbage_is_nothing(text in "(dss1_)?\\PC{0,120}") {
        prop_assert!(Presented::parse(&Secret::new(text)).and_then(|presented| presented.checked(&ours())).is_none());
    }

    #[test]
    fn garbage_of_the_right_length_is_nothing(text in "dss1_[A-Za-z0-9_-]{66,70}") {
        prop_assert!(Presented::parse(&Secret::new(text)).and_then(|presented| presented.checked(&ours())).is_none());
    }
}
