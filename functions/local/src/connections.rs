//! Connections: how many there are at once, how long one may be silent before it says which protocol it speaks, and how long
//! it may take none of the bytes that it is sent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use futures::FutureExt;
use futures::future::BoxFuture;
use shared::limits::CONNECTION_STALL_MAX;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// How a connection of HTTP/2 begins (RFC 9113, 3.4). As long as one may still become that, no protocol's own limits hold.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Accepts so many connections; further ones are closed at once.
#[derive(Debug, Clone)]
pub struct Bounded<A> {
    inner: A,
    places: Arc<Semaphore>,
    /// How long a connection may be silent at first.
    silent: Duration,
    /// How long it may take nothing.
    stalled: Duration,
}

impl<A> Bounded<A> {
    /// Bounds what is accepted so.
    pub fn new(inner: A, connections: usize, silent: Duration) -> Self {
        Self { inner, places: Arc::new(Semaphore::new(connections)), silent, stalled: CONNECTION_STALL_MAX }
    }
}

impl<I, S, A> Accept<I, S> for Bounded<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Stream: Send,
    A::Service: Send,
{
    type Stream = Connection<A::Stream>;
    type Service = A::Service;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let (silent, stalled) = (self.silent, self.stalled);
        let accepted = place.map(|place| (place, self.inner.accept(stream, service)));
        Box::pin(async move {
            let (place, accepting) = accepted.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            let (stream, service) = accepting.await?;
            let silence = Some(Box::pin(sleep(silent)));
            Ok((Connection { stream, silence, begun: 0, stalled, stall: None, _place: place }, service))
        })
    }
}

/// A connection, which ends in an error when the other side does nothing for too long.
#[derive(Debug)]
pub struct Connection<T> {
    stream: T,
    /// Runs until it is known what is spoken.
    silence: Option<Pin<Box<Sleep>>>,
    /// How much of [`PREFACE`] came.
    begun: usize,
    stalled: Duration,
    /// Runs while the other side takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl<T> Connection<T> {
    /// Looks at what came.
    fn came(&mut self, bytes: &[u8]) {
        let rest = PREFACE.get(self.begun..).unwrap_or_default();
        self.begun += bytes.len();
        if !rest.starts_with(bytes) || rest.len() == bytes.len() {
            self.silence = None;
        }
    }

    /// What became of something to be sent, unless it has been waiting for too long.
    fn taken<R>(&mut self, sent: Poll<io::Result<R>>, context: &mut Context<'_>) -> Poll<io::Result<R>> {
        if sent.is_ready() {
            self.stall = None;
            return sent;
        }
        let stalled = self.stalled;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(stalled)));
        ready!(stall.poll_unpin(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            if self.silence.is_some() {
                self.came(buffer.filled().get(before..).unwrap_or_default());
            }
            return read;
        }
        match &mut self.silence {
            Some(silence) => {
                ready!(silence.poll_unpin(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            None => Poll::Pending,
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.taken(sent, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.taken(sent, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_flush(context);
        self.taken(sent, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_shutdown(context);
        self.taken(sent, context)
    }
}

#[cfg(test)]
mod tests {
    use axum_server::accept::DefaultAcceptor;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn bounded(connections: usize) -> Bounded<DefaultAcceptor> {
        let places = Arc::new(Semaphore::new(connections));
        Bounded { inner: DefaultAcceptor, places, silent: SOON, stalled: SOON }
    }

    async fn connected(stalled: Duration) -> (DuplexStream, Connection<DuplexStream>) {
        let (client, server) = duplex(16);
        let bounded = Bounded { stalled, ..bounded(1) };
        let (connection, ()) = bounded.accept(server, ()).await.unwrap();
        (client, connection)
    }

    fn timed_out<T>(ended: io::Result<T>) -> bool {
        ended.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
    }

    #[tokio::test]
    async fn there_are_so_many_at_most() {
        let bounded = bounded(1);
        let first = bounded.accept(duplex(1).0, ()).await.unwrap();
        assert!(bounded.accept(duplex(1).0, ()).await.is_err());
        drop(first);
        bounded.accept(duplex(1).0, ()).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_does_not_say_what_it_speaks_is_not_waited_for() {
        for said in ["", "P", "PRI * HTTP/2.0\r"] {
            let (mut client, mut connection) = connected(SOON).await;
            client.write_all(said.as_bytes()).await.unwrap();
            assert!(timed_out(connection.read_to_end(&mut Vec::new()).await), "{said}");
        }
    }

    #[tokio::test]
    async fn whoever_has_said_it_has_the_time_of_its_protocol() {
        for said in ["G", "PUT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            let (mut client, mut connection) = connected(SOON).await;
            let talk = async {
                client.write_all(said.as_bytes()).await.unwrap();
                tokio::time::sleep(10 * SOON).await;
                drop(client);
            };
            let mut came = String::new();
            let (read, ()) = tokio::join!(connection.read_to_string(&mut came), talk);
            read.unwrap();
            assert_eq!(came, said);
        }
    }

    #[tokio::test]
    async fn whoever_takes_nothing_is_not_waited_for_and_whoever_takes_a_little_is() {
        let (_client, mut connection) = connected(SOON).await;
        assert!(timed_out(connection.write_all(&[0; 17]).await));

        let (mut client, mut connection) = connected(100 * SOON).await;
        let sip = async {
            let mut come = [0; 8];
            for _ in 0..5 {
                tokio::time::sleep(25 * SOON).await;
                client.read_exact(&mut come).await.unwrap();
            }
        };
        let (sent, ()) = tokio::join!(connection.write_all(&[0; 48]), sip);
        sent.unwrap();
    }
}
