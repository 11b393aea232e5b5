//! A future that hardly ever has something to say, beside one that always has.
//!
//! Invariant: looked at by one task all its life; while nothing woke it, a look costs a load.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

pub(super) struct Seldom<'f, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'f>>,
    bell: Arc<Bell>,
    waker: Waker,
}

struct Bell {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl<'f, T> Seldom<'f, T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'f) -> Self {
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), task: AtomicWaker::new() });
        let waker = Waker::from(Arc::clone(&bell));
        Self { future: Box::pin(future), bell, waker }
    }
}

impl<T> Future for Seldom<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if !self.bell.rung.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // Before it is silenced: who rings from now on finds the task.
        self.bell.task.register(context.waker());
        self.bell.rung.store(false, Ordering::SeqCst);
        let Self { future, waker, .. } = &mut *self;
        future.as_mut().poll(&mut Context::from_waker(waker))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::Notify;
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_waits_for_it_is_woken_however_often_it_was_looked_at() {
        for round in 0..500 {
            let notify = Arc::new(Notify::new());
            let heard = Seldom::new({
                let notify = Arc::clone(&notify);
                async move { notify.notified().await }
            });
            let ringing = tokio::spawn({
                let notify = Arc::clone(&notify);
                async move {
                    for _ in 0..round % 7 {
                        tokio::task::yield_now().await;
                    }
                    notify.notify_one();
                }
            });
            let busy = async {
                loop {
                    tokio::task::yield_now().await;
                }
            };
            let waiting = async {
                tokio::select! {
                    () = heard => {}
                    () = busy, if round % 2 == 0 => {}
                }
            };
            timeout(Duration::from_secs(20), waiting).await.expect("it is heard");
            ringing.await.expect("no panic");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_passes_for_it_too() {
        let late = Seldom::new(sleep(Duration::from_secs(5)));
        timeout(Duration::from_secs(6), late).await.expect("in time");
    }
}
