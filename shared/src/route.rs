//! The API as data: every route with its method and path. The gateway, the functions, the README and the tests are
//! compared with this table; nothing else decides which path goes where.

use ::http::Method;
use percent_encoding::percent_decode_str;

use crate::error::Error;
use crate::handlers::PathParams;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever has a good bearer token.
    Bearer,
    /// Everybody; the answer holds no data of a table.
    Public,
}

/// How API Gateway carries a route's answers; its `responseTransferMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transfer {
    /// Whole, as text in an envelope that Lambda bounds; the gateway compresses it.
    Buffered,
    /// Piece by piece, as they are made; a connection of our own does the same.
    #[default]
    Streamed,
}

/// One route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The handler's name: folder, package and binary of the function that answers it.
    pub id: &'static str,
    /// The method; a route answers to no other.
    pub method: &'static str,
    /// The path below the endpoint; `{name}` stands for one segment.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// How its answers travel.
    pub transfer: Transfer,
}

const fn whole(id: &'static str, method: &'static str, path: &'static str) -> Route {
    Route { id, method, path, access: Access::Bearer, transfer: Transfer::Buffered }
}

const fn streamed(id: &'static str, method: &'static str, path: &'static str) -> Route {
    Route { id, method, path, access: Access::Bearer, transfer: Transfer::Streamed }
}

const fn public(id: &'static str, method: &'static str, path: &'static str) -> Route {
    Route { id, method, path, access: Access::Public, transfer: Transfer::Buffered }
}

/// Every route, in the order of the protocol.
pub const ROUTES: [Route; 13] = [
    whole("list-shares", "GET", "/shares"),
    whole("get-share", "GET", "/shares/{share}"),
    whole("list-schemas", "GET", "/shares/{share}/schemas"),
    whole("list-tables", "GET", "/shares/{share}/schemas/{schema}/tables"),
    whole("list-all-tables", "GET", "/shares/{share}/all-tables"),
    whole("table-version", "GET", "/shares/{share}/schemas/{schema}/tables/{table}/version"),
    whole("table-version", "HEAD", "/shares/{share}/schemas/{schema}/tables/{table}"),
    whole("table-metadata", "GET", "/shares/{share}/schemas/{schema}/tables/{table}/metadata"),
    streamed("query-table", "POST", "/shares/{share}/schemas/{schema}/tables/{table}/query"),
    streamed("query-table-changes", "GET", "/shares/{share}/schemas/{schema}/tables/{table}/changes"),
    public("activation", "GET", "/activate/{code}"),
    public("activation", "POST", "/activate/{code}"),
    public("health", "GET", "/health"),
];

/// Finds the route of a request. `path` is raw, below the endpoint: percent-encoded, as the client sent it. Repeated
/// slashes count as one and a last one does not count: clients join URLs carelessly. Each segment is decoded exactly
/// once; a `+` is a plus.
///
/// # Errors
/// [`Error::NoSuchRoute`], or [`Error::MethodNotAllowed`] with the methods that the path answers to.
pub fn find(method: &Method, path: &str) -> Result<(&'static Route, PathParams), Error> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut allowed = Vec::new();
    for route in &ROUTES {
        let Some(params) = captured(route.path, &segments) else { continue };
        if route.method == method.as_str() {
            return Ok((route, PathParams::new(params)));
        }
        if !allowed.contains(&route.method) {
            allowed.push(route.method);
        }
    }
    if allowed.is_empty() {
        Err(Error::NoSuchRoute)
    } else {
        Err(Error::MethodNotAllowed { allow: allowed.join(", ") })
    }
}

fn captured(template: &'static str, segments: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let mut wanted = template.split('/').filter(|part| !part.is_empty());
    let mut params = Vec::new();
    for segment in segments {
        let part = wanted.next()?;
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let decoded = percent_decode_str(segment).decode_utf8().ok()?;
        match name {
            Some(name) => params.push((name, decoded.into_owned())),
            None if part == decoded => {}
            None => return None,
        }
    }
    wanted.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> (&'static str, Vec<String>) {
        let (route, params) = find(&method, path).unwrap();
        (route.id, ["share", "schema", "table"].map(|name| params.get(name).to_owned()).to_vec())
    }

    #[test]
    fn segments_are_decoded_once() {
        let (id, params) = found(Method::GET, "/shares/a%2Bb+c/schemas/d%2520e/tables/%C3%A4%2Fx/version");
        assert_eq!((id, params), ("table-version", vec!["a+b+c".into(), "d%20e".into(), "ä/x".into()]));
    }

    #[test]
    fn slashes_fold() {
        assert_eq!(found(Method::POST, "//shares/s/schemas//c/tables/t/query/").0, "query-table");
        assert_eq!(found(Method::GET, "/shares/").0, "list-shares");
    }

    #[test]
    fn other_methods_are_told_what_is_allowed() {
        for (method, path, allow) in [
            (Method::POST, "/shares", "GET"),
            (Method::GET, "/shares/s/schemas/c/tables/t", "HEAD"),
            (Method::GET, "/shares/s/schemas/c/tables/t/query", "POST"),
        ] {
            match find(&method, path) {
                Err(Error::MethodNotAllowed { allow: found }) => assert_eq!(found, allow),
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn unknown_paths_are_no_routes() {
        for path in ["/", "/share", "/shares/s/x", "/shares/s/schemas/c/tables/t/query/more", "/shares/%ff"] {
            assert!(matches!(find(&Method::GET, path), Err(Error::NoSuchRoute)), "{path}");
        }
    }
}
