//! A streamed body as the Lambda runtime takes it. It has no error items: the runtime would write one into the body as
//! text and then end the body as if it were whole.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;

use crate::http::body::{BROKEN_OFF, Body};

/// The pieces of a body.
#[derive(Debug)]
pub struct Pieces(Body);

impl Pieces {
    /// The pieces of this body.
    pub fn of(body: Body) -> Self {
        Self(body)
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = ready!(http_body::Body::poll_frame(Pin::new(&mut self.0), context));
        Poll::Ready(match frame {
            // Bodies of this server have no trailers; an empty piece stands for what is no data.
            Some(Ok(frame)) => Some(Ok(frame.into_data().unwrap_or_default())),
            // Said already by whoever broke off, if it could; said twice it is no better to read.
            Some(Err(_)) => Some(Ok(Bytes::from_static(BROKEN_OFF))),
            None => None,
        })
    }
}
