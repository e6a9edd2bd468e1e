//! A page of a list: how many a caller wants, and where the page before ended.

use crate::error::Error;
use crate::limits::LIST_RESULTS_MAX;

/// `maxResults` of the list routes: 0 to 500, or as much as fits when absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageSize {
    /// The caller did not say; the answer's byte budget decides.
    Unbounded,
    /// At most this many.
    AtMost(u32),
}

impl PageSize {
    /// Reads the query parameter.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when it is no number or outside 0 to 500.
    pub fn parse(text: Option<&str>) -> Result<Self, Error> {
        let Some(text) = text else { return Ok(Self::Unbounded) };
        let number: i64 = text.trim().parse().map_err(|_| {
            Error::InvalidParameter(format!(
                "maxResults: expected a number but the string didn't have the appropriate format: '{}'",
                crate::model::shorten(text)
            ))
        })?;
        match u32::try_from(number) {
            Ok(number) if number <= LIST_RESULTS_MAX => Ok(Self::AtMost(number)),
            _ => Err(Error::InvalidParameter(format!(
                "Acceptable values of 'maxResults' are 0 to {LIST_RESULTS_MAX} inclusive. Leave it out to get as much as fits."
            ))),
        }
    }
}

/// The folded names of the last item of a page, outermost first: where the next page goes on.
pub type Position = Vec<String>;

/// Some items of a list, in the list's own order.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether the list goes on after the last item.
    pub more: bool,
}
