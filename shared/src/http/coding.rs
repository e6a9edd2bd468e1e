//! Which compression an answer travels in: of those that the request takes, the one it likes best, and the better one of
//! two that it likes alike (RFC 9110, 12.5.3).

use ::http::header::ACCEPT_ENCODING;
use ::http::{HeaderMap, HeaderValue};

/// A compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `gzip`, which everything reads.
    Gzip,
    /// `zstd`: less to send, for less work.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Coding {
    /// The compression of an answer to this request; none where it takes none of them.
    pub fn accepted(request: &HeaderMap) -> Option<Self> {
        let weights = Weights::of(request);
        let gzip = weights.gzip.or(weights.any).unwrap_or(0.0);
        #[cfg(feature = "zstd")]
        if let Some(zstd) = weights.zstd
            && zstd > 0.0
            && zstd >= gzip
        {
            // Only where it is named: who takes anything may not know of it.
            return Some(Self::Zstd);
        }
        (gzip > 0.0).then_some(Self::Gzip)
    }

    /// Whether gzip may be sent: named or covered by `*`, and not with a weight of zero.
    pub fn takes_gzip(request: &HeaderMap) -> bool {
        let weights = Weights::of(request);
        weights.gzip.or(weights.any).unwrap_or(0.0) > 0.0
    }

    /// What `Content-Encoding` says.
    pub fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip => "gzip",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        })
    }
}

/// How much a request likes each coding, where it says.
#[derive(Default)]
struct Weights {
    gzip: Option<f32>,
    #[cfg(feature = "zstd")]
    zstd: Option<f32>,
    any: Option<f32>,
}

impl Weights {
    fn of(request: &HeaderMap) -> Self {
        let mut weights = Self::default();
        for value in request.get_all(ACCEPT_ENCODING) {
            for piece in value.to_str().unwrap_or_default().split(',') {
                let mut parts = piece.split(';').map(str::trim);
                let coding = parts.next().unwrap_or_default();
                let weight = parts
                    .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                    .map_or(1.0, |text| text.trim().parse::<f32>().unwrap_or(0.0));
                match coding.to_ascii_lowercase().as_str() {
                    "gzip" | "x-gzip" => weights.gzip = Some(weight),
                    #[cfg(feature = "zstd")]
                    "zstd" => weights.zstd = Some(weight),
                    "*" => weights.any = Some(weight),
                    _ => {}
                }
            }
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))])
    }

    #[test]
    fn accept_encoding() {
        for (value, expected) in [
            ("gzip, deflate", true),
            ("deflate", false),
            ("*", true),
            ("gzip;q=0", false),
            ("*;q=1, gzip;q=0.0", false),
            ("br, GZIP;q=0.5", true),
            ("identity", false),
            ("", false),
        ] {
            let request = accepting(value);
            assert_eq!(Coding::accepted(&request), expected.then_some(Coding::Gzip), "{value}");
            assert_eq!(Coding::takes_gzip(&request), expected, "{value}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), None);
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn zstd_is_sent_to_whom_names_it_and_likes_it_no_less() {
        for (value, expected) in [
            ("zstd", Some(Coding::Zstd)),
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip;q=0.5, ZSTD;q=0.5", Some(Coding::Zstd)),
            ("gzip, zstd;q=0.9", Some(Coding::Gzip)),
            ("*, zstd;q=0", Some(Coding::Gzip)),
            ("*", Some(Coding::Gzip)),
            ("zstd;q=0", None),
            ("gzip;q=0, zstd", Some(Coding::Zstd)),
            ("zstd;q=0.1, *;q=0.5", Some(Coding::Gzip)),
        ] {
            assert_eq!(Coding::accepted(&accepting(value)), expected, "{value}");
        }
        assert!(!Coding::takes_gzip(&accepting("zstd")));
    }
}
