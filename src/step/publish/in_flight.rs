//! A question that was sent before its answer is needed.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An answer that is on its way.
pub(super) struct InFlight<T> {
    asking: Pin<Box<dyn Future<Output = T>>>,
    answer: Option<T>,
}

impl<T> InFlight<T> {
    pub(super) fn new(asking: impl Future<Output = T> + 'static) -> Self {
        Self { asking: Box::pin(asking), answer: None }
    }

    /// Waits for the answer.
    pub(super) async fn answer(mut self) -> T {
        poll_fn(|context| {
            self.get_on(context);
            self.answer.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// A question that gets on while something else is waited for.
pub(super) trait GetOn {
    fn get_on(&mut self, context: &mut Context<'_>);
}

impl<T> GetOn for InFlight<T> {
    fn get_on(&mut self, context: &mut Context<'_>) {
        if self.answer.is_none()
            && let Poll::Ready(answer) = self.asking.as_mut().poll(context)
        {
            self.answer = Some(answer);
        }
    }
}

impl<T: GetOn> GetOn for Option<T> {
    fn get_on(&mut self, context: &mut Context<'_>) {
        if let Some(question) = self {
            question.get_on(context);
        }
    }
}

/// Waits for `wanted`, and lets the questions get on meanwhile.
pub(super) async fn meanwhile<O>(questions: &mut [&mut dyn GetOn], wanted: impl Future<Output = O>) -> O {
    // On the heap: futures within futures would fill the stack.
    let mut wanted = Box::pin(wanted);
    poll_fn(|context| {
        for question in questions.iter_mut() {
            question.get_on(context);
        }
        wanted.as_mut().poll(context)
    })
    .await
}

impl<T> std::fmt::Debug for InFlight<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InFlight").field("is_answered", &self.answer.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use tokio::sync::Barrier;

    #[tokio::test]
    async fn questions_are_on_their_way_at_once() {
        // None of the four is answered before all were asked.
        let all = Rc::new(Barrier::new(4));
        let ask = |name: &'static str| {
            let all = all.clone();
            async move {
                all.wait().await;
                name
            }
        };
        let (mut gate, mut measures, mut names) =
            (InFlight::new(ask("gate")), InFlight::new(ask("measures")), InFlight::new(ask("names")));
        let address = meanwhile(&mut [&mut gate, &mut measures, &mut names], ask("address")).await;
        let gate = meanwhile(&mut [&mut measures, &mut names], gate.answer()).await;
        assert_eq!(
            (address, gate, measures.answer().await, names.answer().await),
            ("address", "gate", "measures", "names")
        );
    }
}
