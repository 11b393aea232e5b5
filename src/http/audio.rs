//! The body of an answer that begins with bytes in memory: the rest is taken when the socket wants it, from memory if
//! it is there by then, else read from the vault.
//!
//! Invariant: what cannot be read ends the body with an error, which cuts the connection; it never ends short.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actors::Published;
use actors::domain::{ByteRange, CallKey};
use actors::ports::{AudioStream, VaultError};
use axum::body::{Body, Bytes, HttpBody};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use http_body::{Frame, SizeHint};

use super::Service;
use super::play::damage_report;

pub(super) struct Audio {
    service: Service,
    call: CallKey,
    published: Arc<Published>,
    first: Option<Bytes>,
    rest: Option<ByteRange>,
    source: Source,
}

enum Source {
    Memory,
    Opening(BoxFuture<'static, Result<AudioStream, VaultError>>),
    Vault(AudioStream),
}

/// The bytes of a range, of which `first` is the beginning.
pub(super) fn body(
    service: &Service,
    call: &CallKey,
    published: &Arc<Published>,
    range: ByteRange,
    first: Bytes,
) -> Body {
    match range.after(first.len() as u64) {
        None => first.into(),
        rest => Body::new(Audio {
            service: service.clone(),
            call: call.clone(),
            published: Arc::clone(published),
            first: Some(first),
            rest,
            source: Source::Memory,
        }),
    }
}

impl Audio {
    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, VaultError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(rest) = self.rest else { return Poll::Ready(None) };
        loop {
            match &mut self.source {
                Source::Memory => {
                    let playable = &self.published.playable;
                    if let Some(bytes) = self.service.vault.at_hand(playable, rest) {
                        self.rest = rest.after(bytes.len() as u64);
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    let (service, published) = (self.service.clone(), Arc::clone(&self.published));
                    let open = async move { service.vault.read(&published.playable, rest).await };
                    self.source = Source::Opening(open.boxed());
                }
                Source::Opening(open) => {
                    self.source = Source::Vault(ready!(open.as_mut().poll(context))?)
                }
                Source::Vault(stream) => {
                    let bytes = ready!(stream.poll_next_unpin(context));
                    if let Some(Ok(bytes)) = &bytes {
                        self.rest = rest.after(bytes.len() as u64);
                    }
                    return Poll::Ready(bytes);
                }
            }
        }
    }
}

impl HttpBody for Audio {
    type Data = Bytes;
    type Error = VaultError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, VaultError>>> {
        let polled = ready!(self.poll_bytes(context));
        if let Some(Err(error)) = &polled {
            damage_report(&self.service, &self.call, &self.published.playable)(error);
            self.rest = None;
        }
        Poll::Ready(polled.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, Bytes::len) as u64;
        SizeHint::with_exact(first + self.rest.map_or(0, ByteRange::length))
    }
}
