//! The events in `infra/events`: one for every function, of the payload that is deployed, each for its own route.

use std::fs;

use serde_json::Value;
use shared::route::{self, ROUTES};

use super::manifests::{function_ids, root};

fn event(id: &str) -> Value {
    let path = root().join(format!("infra/events/{id}.json"));
    serde_json::from_str(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .unwrap()
}

#[test]
fn every_function_has_an_event_and_every_event_a_function() {
    let mut found: Vec<String> = fs::read_dir(root().join("infra/events"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    found.sort_unstable();
    assert_eq!(found, function_ids());
}

#[test]
fn an_event_is_of_its_functions_route() {
    for id in function_ids() {
        let event = event(&id);
        let method = event["httpMethod"].as_str().unwrap().parse().unwrap();
        let (route, _) = route::find(&method, event["path"].as_str().unwrap()).unwrap();
        assert_eq!(route.id, id);
        assert_eq!(event["resource"], event["requestContext"]["resourcePath"], "{id}");
        assert!(ROUTES.iter().any(|route| route.id == id && route.path == event["resource"]), "{id}");
        assert!(event.get("version").is_none(), "{id}: payload version 1 has no version");
        assert!(serde_json::from_value::<shared::lambda::Event>(event).is_ok(), "{id}");
    }
}

#[test]
fn no_event_holds_a_real_token() {
    for id in function_ids() {
        let event = event(&id);
        if event["pathParameters"].get("code").is_some() {
            assert!(event["headers"].get("Authorization").is_none(), "{id}: who has a link has no token yet");
            continue;
        }
        let token = event["headers"]["Authorization"].as_str().unwrap();
        assert!(token.starts_with("Bearer REPLACE"), "{id}");
    }
}
