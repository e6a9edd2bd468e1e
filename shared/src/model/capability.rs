//! The `delta-sharing-capabilities` header: which response formats and reader features the caller can take
//! (protocol, "Delta Sharing Capabilities Header"), and the choice made from them.

use std::collections::BTreeSet;
use std::fmt;

use crate::error::Error;

/// The dialect of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResponseFormat {
    /// Flat lines that every client reads.
    Parquet,
    /// Lines that wrap Delta actions.
    Delta,
}

impl fmt::Display for ResponseFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "parquet",
            Self::Delta => "delta",
        })
    }
}

/// A table feature that a reader of a table's files must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The feature as the Delta protocol spells it.
    pub feature: &'static str,
    /// Who makes sure that the caller's reader knows it.
    pub assured_by: Assurance,
}

/// Who makes sure that a reader knows a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assurance {
    /// The server: the caller must have named the feature in `readerfeatures`.
    Header,
    /// The caller's reader: the answer's protocol names the feature, and a Delta reader refuses what it does not know.
    /// For features that widespread clients read well and never name.
    Protocol,
}

/// What a caller can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    formats: BTreeSet<ResponseFormat>,
    reader_features: BTreeSet<String>,
    end_of_stream: bool,
}

impl Capabilities {
    /// Reads the header's value; absent or empty means parquet. Keys and values are compared without case, blanks
    /// around them are dropped, unknown keys are ignored.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when formats are named and none of them exists.
    pub fn parse(header: Option<&str>) -> Result<Self, Error> {
        let mut formats = None;
        let mut reader_features = BTreeSet::new();
        let mut end_of_stream = false;
        for piece in header.unwrap_or_default().to_lowercase().split(';') {
            let Some((key, values)) = piece.split_once('=') else { continue };
            let mut values = values.split(',').map(str::trim).filter(|value| !value.is_empty());
            match key.trim() {
                "responseformat" => {
                    formats = Some(values.map(str::to_owned).collect::<Vec<_>>());
                }
                "readerfeatures" => reader_features.extend(values.map(str::to_owned)),
                "includeendstreamaction" => end_of_stream = values.next() == Some("true"),
                _ => {}
            }
        }
        let Some(named) = formats.filter(|named| !named.is_empty()) else {
            let formats = BTreeSet::from([ResponseFormat::Parquet]);
            return Ok(Self { formats, reader_features, end_of_stream });
        };
        let formats: BTreeSet<_> = named
            .iter()
            .filter_map(|name| match name.as_str() {
                "parquet" => Some(ResponseFormat::Parquet),
                "delta" => Some(ResponseFormat::Delta),
                _ => None,
            })
            .collect();
        if formats.is_empty() {
            return Err(Error::InvalidParameter(format!(
                "Unsupported responseformat '{}' in delta-sharing-capabilities. Supported: parquet, delta.",
                super::shorten(&named.join(","))
            )));
        }
        Ok(Self { formats, reader_features, end_of_stream })
    }

    /// What an answer may be, in one spelling: two callers with the same text get the same format of the same table.
    pub fn canonical(&self) -> String {
        let formats: Vec<_> = self.formats.iter().map(ToString::to_string).collect();
        let features: Vec<_> = self.reader_features.iter().map(String::as_str).collect();
        format!("{};{}", formats.join(","), features.join(","))
    }

    /// Whether the caller reads an `endStreamAction`.
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    /// Chooses the format for a table whose readers need `needs`.
    ///
    /// Parquet when nothing is needed and the caller takes it; delta when the caller takes it and knows every feature.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming what the caller lacks.
    pub fn choose(&self, needs: &[Need]) -> Result<ResponseFormat, Error> {
        if needs.is_empty() && self.formats.contains(&ResponseFormat::Parquet) {
            return Ok(ResponseFormat::Parquet);
        }
        if !self.formats.contains(&ResponseFormat::Delta) {
            return Err(Error::Unsupported(format!(
                "Unsupported Delta Table Properties: the table needs {}, which the parquet response format cannot express. \
                 Use a client that asks for responseformat=delta.",
                joined(needs.iter())
            )));
        }
        let missing = |need: &&Need| {
            need.assured_by == Assurance::Header && !self.reader_features.contains(&need.feature.to_lowercase())
        };
        if !needs.iter().any(|need| missing(&need)) {
            return Ok(ResponseFormat::Delta);
        }
        Err(Error::Unsupported(format!(
            "Unsupported Delta Table Properties: the table needs {}, which the client did not name in readerfeatures. \
             Use a newer client.",
            joined(needs.iter().filter(missing))
        )))
    }
}

fn joined<'a>(needs: impl Iterator<Item = &'a Need>) -> String {
    needs.map(|need| need.feature).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(header: &str, features: &[&'static str]) -> Option<ResponseFormat> {
        let needs: Vec<_> = features.iter().map(|&feature| Need { feature, assured_by: Assurance::Header }).collect();
        Capabilities::parse(Some(header)).unwrap().choose(&needs).ok()
    }

    #[test]
    fn silence_means_parquet() {
        for header in [None, Some(""), Some("asyncquery=true"), Some("responseformat=")] {
            assert_eq!(Capabilities::parse(header).unwrap().choose(&[]).unwrap(), ResponseFormat::Parquet);
        }
    }

    #[test]
    fn the_end_of_a_stream_is_named_only_to_whoever_asks() {
        let asked = |header| Capabilities::parse(Some(header)).unwrap().end_of_stream();
        for header in ["includeendstreamaction=true", "responseformat=delta; IncludeEndStreamAction = TRUE "] {
            assert!(asked(header), "{header}");
        }
        for header in ["", "includeendstreamaction", "includeendstreamaction=false", "includeendstreamaction=1"] {
            assert!(!asked(header), "{header}");
        }
    }

    #[test]
    fn one_spelling_of_the_same_capabilities() {
        let canonical = |header| Capabilities::parse(Some(header)).unwrap().canonical();
        let one = canonical("responseformat=delta,parquet;readerfeatures=columnmapping,deletionvectors");
        assert_eq!(one, canonical("readerFeatures=deletionVectors, columnMapping; ResponseFormat=PARQUET,delta"));
        assert_ne!(one, canonical("responseformat=delta,parquet;readerfeatures=columnmapping"));
        assert_ne!(one, canonical("responseformat=delta;readerfeatures=columnmapping,deletionvectors"));
    }

    #[test]
    fn selection_follows_needs() {
        use ResponseFormat::{Delta, Parquet};
        assert_eq!(chosen("responseformat=delta,parquet", &[]), Some(Parquet));
        assert_eq!(chosen("responseformat=delta", &[]), Some(Delta));
        assert_eq!(chosen("ResponseFormat=Delta; readerFeatures=deletionVectors", &["deletionVectors"]), Some(Delta));
        assert_eq!(
            chosen("responseformat=parquet,delta;readerfeatures=columnmapping", &["columnMapping"]),
            Some(Delta)
        );
        assert_eq!(chosen("responseformat=delta", &["deletionVectors"]), None);
        assert_eq!(chosen("responseformat=parquet;readerfeatures=deletionvectors", &["deletionVectors"]), None);
        assert_eq!(chosen("responseformat=foo,delta", &[]), Some(Delta));
    }

    #[test]
    fn what_the_answers_protocol_says_need_not_be_named_but_is_nothing_for_parquet() {
        let needs = [Need { feature: "variantType", assured_by: Assurance::Protocol }];
        let choose = |header| Capabilities::parse(Some(header)).unwrap().choose(&needs);
        assert_eq!(choose("responseformat=delta,parquet").unwrap(), ResponseFormat::Delta);
        let error = choose("responseformat=parquet").unwrap_err().public();
        assert!(error.contains("Unsupported Delta Table Properties") && error.contains("variantType"), "{error}");
    }

    #[test]
    fn only_unknown_formats_are_an_error() {
        assert!(matches!(Capabilities::parse(Some("responseformat=foo")), Err(Error::InvalidParameter(_))));
    }
}
