//! Several things at once, within bounds.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Runs all futures, at most `limit` (and at least one) at a time. Results are in the order of the futures, which
/// are begun in their order.
pub(super) async fn all<'a, T>(
    limit: usize,
    futures: impl IntoIterator<Item = Pin<Box<dyn Future<Output = T> + 'a>>>,
) -> Vec<T> {
    let mut waiting: VecDeque<_> = futures.into_iter().enumerate().collect();
    let mut running = Vec::new();
    let mut done = Vec::new();
    poll_fn(|context| {
        loop {
            while running.len() < limit.max(1)
                && let Some(next) = waiting.pop_front()
            {
                running.push(next);
            }
            let before = done.len();
            running.retain_mut(|(index, future)| match future.as_mut().poll(context) {
                Poll::Ready(value) => {
                    done.push((*index, value));
                    false
                }
                Poll::Pending => true,
            });
            if running.is_empty() && waiting.is_empty() {
                return Poll::Ready(());
            }
            // What takes a place that became free has not been polled yet.
            if done.len() == before || waiting.is_empty() {
                return Poll::Pending;
            }
        }
    })
    .await;
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, value)| value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::task::yield_now;

    #[tokio::test]
    async fn never_more_than_the_limit_and_all_in_order() {
        for (limit, most) in [(0, 1), (1, 1), (3, 3), (100, 7)] {
            let (running, peak) = (Cell::new(0_usize), Cell::new(0));
            let work = |number: usize| {
                let (running, peak) = (&running, &peak);
                let future = async move {
                    running.set(running.get() + 1);
                    peak.set(peak.get().max(running.get()));
                    for _ in 0..(7 - number) {
                        yield_now().await;
                    }
                    running.set(running.get() - 1);
                    number
                };
                Box::pin(future) as Pin<Box<dyn Future<Output = usize> + '_>>
            };
            assert_eq!(all(limit, (0..7).map(work)).await, [0, 1, 2, 3, 4, 5, 6], "{limit}");
            assert_eq!(peak.get(), most, "{limit}");
        }
        assert_eq!(all(3, std::iter::empty::<Pin<Box<dyn Future<Output = u8>>>>()).await, [0; 0]);
    }
}
