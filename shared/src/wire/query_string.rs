//! Query strings: decoded once, unknown parameters ignored, the first of repeated ones taken. A `+` is a plus here:
//! clients percent-encode blanks, and offsets of timestamps hold plus signs.

use percent_encoding::percent_decode_str;

use crate::error::Error;

/// A request's query string.
#[derive(Debug, Clone, Default)]
pub struct QueryString(Vec<(String, String)>);

impl QueryString {
    /// Reads what follows the question mark.
    ///
    /// # Errors
    /// [`Error::MalformedRequest`] when a percent sequence is not UTF-8.
    pub fn parse(text: Option<&str>) -> Result<Self, Error> {
        let decode = |text: &str| {
            percent_decode_str(text).decode_utf8().map(|text| text.into_owned()).map_err(|_| {
                Error::MalformedRequest("The query string holds a percent sequence that is not UTF-8.".into())
            })
        };
        text.unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                Ok((decode(key)?, decode(value)?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// A parameter's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoded_once_and_plus_is_plus() {
        let query = QueryString::parse(Some("a=1%2B1&b=x+y&c&a=2&%64=%2520")).unwrap();
        assert_eq!(query.get("a"), Some("1+1"));
        assert_eq!(query.get("b"), Some("x+y"));
        assert_eq!(query.get("c"), Some(""));
        assert_eq!(query.get("d"), Some("%20"));
        assert_eq!(query.get("e"), None);
        assert!(QueryString::parse(Some("a=%ff")).is_err());
    }
}
