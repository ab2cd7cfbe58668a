//! Several things at once, within bounds.

use crate::error::Result;
use futures_util::stream::{StreamExt as _, iter};
use std::pin::{Pin, pin};

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

/// Both results, where that of `first` is looked at first: its error ends both, and an error of `second` is told only after
/// it. They run at the same time if `is_at_once`, else one after the other.
///
/// # Errors
/// That of `first`, else that of `second`.
pub(super) async fn in_order<A, B>(
    is_at_once: bool,
    first: impl Future<Output = Result<A>>,
    second: impl Future<Output = Result<B>>,
) -> Result<(A, B)> {
    if !is_at_once {
        return Ok((first.await?, second.await?));
    }
    let (mut first, mut second) = (pin!(first), pin!(second));
    let mut early = None;
    let a = loop {
        tokio::select! {
            biased;
            a = &mut first => break a?,
            b = &mut second, if early.is_none() => early = Some(b),
        }
    };
    let b = match early {
        Some(b) => b?,
        None => second.await?,
    };
    Ok((a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
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

    #[tokio::test]
    async fn the_first_error_is_told_whichever_comes_first() {
        let late = async |result: Result<u8>| {
            yield_now().await;
            result
        };
        let error = |text: &str| Err::<u8, _>(Error::new(text));
        for is_at_once in [true, false] {
            let both = in_order(is_at_once, late(Ok(1)), async { Ok(2) }).await;
            assert_eq!(both.unwrap(), (1, 2));
            let told = in_order(is_at_once, late(error("a")), async { error("b") }).await;
            assert_eq!(told.unwrap_err().to_string(), "a");
            let told = in_order(is_at_once, async { Ok(1) }, late(error("b"))).await;
            assert_eq!(told.unwrap_err().to_string(), "b");
            // The second one is not waited for.
            let never = std::future::pending::<Result<u8>>();
            assert_eq!(in_order(is_at_once, late(error("a")), never).await.unwrap_err().to_string(), "a");
        }
    }
}
