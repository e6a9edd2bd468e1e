//! What a function takes from its environment on the way of every answer.

use shared::env::Env;
use shared::error::Error;
use shared::handlers::{Lines, Made, Page, PublicHandler, Reply, Visit};
use shared::model::capability::ResponseFormat;
use shared::model::version::Version;
use shared::model::weight::AtLeast;

use super::{Lambda, event};

/// Tells that its answer is of 7 MB, to whoever asks.
struct Large;

#[async_trait::async_trait]
impl PublicHandler for Large {
    async fn handle(&self, _: Visit) -> Result<Reply, Error> {
        Ok(Reply::Lines(Lines {
            version: Version::new(3),
            format: ResponseFormat::Parquet,
            id_hash: None,
            end_of_stream: false,
            head: b"{\"protocol\":{}}\n".to_vec(),
            at_least: Some(AtLeast { files: 3, plain: 7_000_000, packed: 7_000_000 }),
            rest: Some(Box::new(|_| Ok(Made::All))),
        }))
    }

    fn refusal(&self, error: &Error) -> Page {
        Page { html: error.public().into_bytes(), style: "" }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn function() {
    // The process that the other test starts.
    if !super::super::is_alone() {
        return;
    }
    let env = Env::read().await.unwrap();
    // Ends with an error when the stand-in is gone.
    let _ = shared::lambda::serve("query-table", env.public_pipeline(Large)).await;
}

/// Everything that a function must be given, with no AWS behind it.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("TABLE_NAME", "catalogue"),
    ("KEYRING_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:keyring"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_MAX_ATTEMPTS", "1"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_says_how_large_an_answer_may_be() {
    for (megabytes, status) in [(None, 200), (Some("8"), 200), (Some("6"), 400)] {
        let bound = megabytes.map(|megabytes| ("ANSWER_MB_MAX", megabytes));
        let environment: Vec<_> = ENVIRONMENT.into_iter().chain(bound).collect();
        let mut lambda = Lambda::running("functions::wire::environment::function", &environment).await;
        for coding in ["identity", "gzip"] {
            let posted = lambda.answer(event("", coding)).await;
            let (prelude, body) = posted.streamed();
            assert_eq!(prelude["statusCode"], status, "{megabytes:?}");
            if status == 400 {
                let text = String::from_utf8(body.to_vec()).unwrap();
                assert!(text.contains("7.0 MB") && text.contains("sends 6.0 MB at once"), "{text}");
            }
        }
    }
}
