//! Several things at once, within bounds.

use futures_util::stream::{StreamExt as _, iter};
use std::pin::Pin;

/// Runs all futures, at most `limit` (and at least one) at a time. Results are in the order of the futures, which
/// are begun in their order.
pub(super) async fn all<'a, T>(
    limit: usize,
    futures: impl IntoIterator<Item = Pin<Box<dyn Future<Output = T> + 'a>>>,
) -> Vec<T> {
    let numbered = futures.into_iter().enumerate().map(async |(index, future)| (index, future.await));
    // `buffered` would not begin the next while a long one holds back the results behind it.
    let mut done: Vec<_> = iter(numbered).buffer_unordered(limit.max(1)).collect().await;
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
