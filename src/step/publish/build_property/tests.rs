//! Jobs of one build in any order of their requests, on a server whose answers may lag behind.

use super::*;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// The properties of a build, and every state they were in.
#[derive(Default)]
struct Build {
    properties: RefCell<BuildProperties>,
    /// Whether a record that blocks_pass a pass has been written, by the newest attempt of its job.
    wrong: RefCell<Vec<String>>,
    /// What is read: of a build whose answers lag behind, an earlier state, and with each answer the next.
    lagging: Option<RefCell<Vec<BuildProperties>>>,
}

impl Build {
    fn write(&self, changes: &[(String, String)]) {
        let mut properties = self.properties.borrow_mut();
        properties.extend(changes.iter().cloned());
        if let Some(states) = &self.lagging {
            states.borrow_mut().push(properties.clone());
        }
        let records = properties.iter().filter(|(name, _)| name.starts_with("sonar-azdo."));
        let spoilt = records.clone().any(|(_, text)| {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            !matches!(value["verdict"].as_str().unwrap(), "passed" | "skipped")
        });
        if spoilt && properties.get(AGGREGATE).is_some_and(|text| text == "ok") {
            self.wrong.borrow_mut().push(format!("{properties:?}"));
        }
    }
}

impl Build {
    fn read(&self) -> BuildProperties {
        let Some(states) = &self.lagging else { return self.properties.borrow().clone() };
        let mut states = states.borrow_mut();
        if states.len() > 1 { states.remove(0) } else { states[0].clone() }
    }
}

/// Hands the turn to whoever is next: before and after each request.
async fn others() {
    let mut waited = false;
    std::future::poll_fn(
        move |_| {
            if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
        },
    )
    .await;
}

async fn patiently() -> bool {
    others().await;
    true
}

/// Runs the jobs in an order that `seed` decides, one request at a time.
fn run(jobs: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>, seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut jobs: Vec<_> = jobs.into_iter().map(Some).collect();
    let mut steps = 0;
    while jobs.iter().any(Option::is_some) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let index = usize::try_from(state % u64::try_from(jobs.len()).unwrap()).unwrap();
        if let Some(job) = &mut jobs[index]
            && job.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        {
            jobs[index] = None;
        }
        steps += 1;
        assert!(steps < 100_000, "the jobs never end");
    }
}

fn entry(verdict: Verdict) -> VerdictRecord {
    VerdictRecord {
        project: "p".into(),
        branch: None,
        pull_request: None,
        verdict,
        analysis: None,
        when: String::new(),
        link: None,
    }
}

async fn job(build: &Build, name: &str, attempt: u64, verdicts: &[Verdict]) {
    let entries: Vec<_> = verdicts.iter().map(|verdict| entry(*verdict)).collect();
    let read = async || {
        others().await;
        let properties = build.read();
        others().await;
        Ok::<_, Infallible>(properties)
    };
    let write = async |changes: &[(String, String)]| {
        others().await;
        build.write(changes);
        others().await;
        Ok(())
    };
    let Ok(_) =
        record_verdicts(&BuildJob::new(&["s", name], (1, attempt)), &entries, read, write, patiently).await;
}

#[test]
fn ok_is_never_read_beside_a_record_that_contradicts_it() {
    in_any_order(|| None);
}

#[test]
fn nor_where_answers_lag_behind() {
    in_any_order(|| Some(RefCell::new(vec![BuildProperties::new()])));
}

fn in_any_order(lagging: fn() -> Option<RefCell<Vec<BuildProperties>>>) {
    use Verdict::{Failed, None, Passed, Skipped, Timeout};
    let kinds: [&[Verdict]; 6] =
        [&[Passed], &[Failed], &[Passed, Skipped], &[Skipped], &[Passed, Timeout], &[None]];
    let names = ["a", "b", "c", "d", "e"];
    for jobs in [2, 5] {
        for seed in 1..=200_u64 {
            let build = Build { lagging: lagging(), ..Build::default() };
            let chosen: Vec<_> = (0..jobs)
                .map(|index| {
                    // Passes are the more frequent, so that `ok` is often within reach.
                    let kind = (seed.wrapping_mul(31) ^ (index as u64 * 17)) % 11;
                    kinds[usize::try_from(kind).unwrap().saturating_sub(5)]
                })
                .collect();
            let futures =
                chosen.iter().zip(names).map(|(verdicts, name)| -> Pin<Box<dyn Future<Output = ()>>> {
                    Box::pin(job(&build, name, 1, verdicts))
                });
            run(futures.collect(), seed);
            assert_eq!(build.wrong.take(), Vec::<String>::new(), "{jobs} jobs, seed {seed}");
            let properties = build.properties.take();
            let expected = Verdict::worst(chosen.iter().copied().flatten().copied());
            assert_eq!(properties[AGGREGATE], expected.build_property(), "{jobs} jobs, seed {seed}");
            let records = properties.keys().filter(|name| name.starts_with("sonar-azdo.")).count();
            assert_eq!(records, chosen.iter().map(|verdicts| verdicts.len()).sum::<usize>());
            assert!(properties.iter().all(|(name, text)| !name.contains("turn") || text == "idle"));
        }
    }
}

#[test]
fn a_second_attempt_beside_another_job() {
    for seed in 1..=200 {
        let build = Build::default();
        run(vec![Box::pin(job(&build, "a", 1, &[Verdict::Failed]))], seed);
        assert_eq!(build.properties.borrow()[AGGREGATE], "failed");
        run(
            vec![
                Box::pin(job(&build, "a", 2, &[Verdict::Passed])),
                Box::pin(job(&build, "b", 1, &[Verdict::Passed])),
            ],
            seed,
        );
        assert_eq!(build.properties.borrow()[AGGREGATE], "ok", "{seed}");
        run(vec![Box::pin(job(&build, "a", 2, &[Verdict::Timeout]))], seed);
        assert_eq!(build.properties.borrow()[AGGREGATE], "timeout");
        run(vec![Box::pin(job(&build, "a", 2, &[Verdict::Passed]))], seed);
        assert_eq!(build.properties.borrow()[AGGREGATE], "timeout", "the same attempt mends nothing");
        assert_eq!(build.wrong.take(), Vec::<String>::new());
    }
}

#[test]
fn a_job_that_died_before_its_record_leaves_no_ok() {
    let build = Build::default();
    let dead = BuildJob::new(&["s", "dead"], (1, 1));
    build.write(&[(dead.announcement_property(), dead.announcement(Verdict::Failed))]);
    run(vec![Box::pin(job(&build, "a", 1, &[Verdict::Passed]))], 1);
    assert_eq!(build.properties.borrow()[AGGREGATE], "failed");
    // One that died before its `ok` is waited for with patience, not for ever.
    let build = Build::default();
    build.write(&[(dead.announcement_property(), dead.announcement(Verdict::Passed))]);
    run(vec![Box::pin(job(&build, "a", 1, &[Verdict::Failed]))], 1);
    assert_eq!(build.properties.borrow()[AGGREGATE], "failed");
}

#[test]
fn who_has_no_time_does_not_wait_for_others() {
    let build = Build::default();
    let dead = BuildJob::new(&["s", "dead"], (1, 1));
    build.write(&[
        (dead.announcement_property(), dead.announcement(Verdict::Passed)),
        (AGGREGATE.into(), "ok".into()),
    ]);
    let pauses = Cell::new(0);
    let read = async || Ok::<_, Infallible>(build.properties.borrow().clone());
    let write = async |changes: &[(String, String)]| {
        build.write(changes);
        Ok(())
    };
    let hurry = async || {
        pauses.set(pauses.get() + 1);
        false
    };
    let (build_job, entries) = (BuildJob::new(&["s", "a"], (1, 1)), [entry(Verdict::Cancelled)]);
    run(
        vec![Box::pin(async {
            let settled = record_verdicts(&build_job, &entries, read, write, hurry).await;
            assert_eq!(settled, Ok(Some(Verdict::Cancelled)));
        })],
        1,
    );
    assert_eq!((pauses.get(), build.properties.borrow()[AGGREGATE].as_str()), (1, "cancelled"));
}

#[test]
fn records_and_aggregate_that_never_agree_are_no_verdict() {
    let build = Build::default();
    let read = async || {
        let mut properties = build.properties.borrow().clone();
        properties.insert(AGGREGATE.into(), "ok".into());
        Ok::<_, Infallible>(properties)
    };
    let write = async |changes: &[(String, String)]| {
        build.write(changes);
        Ok(())
    };
    let (build_job, entries) = (BuildJob::new(&["s", "a"], (1, 1)), [entry(Verdict::Failed)]);
    run(
        vec![Box::pin(async {
            assert_eq!(record_verdicts(&build_job, &entries, read, write, patiently).await, Ok(None));
        })],
        1,
    );
}

#[test]
fn an_answer_that_never_has_the_own_announcement_in_it_is_no_ground_for_ok() {
    for (verdict, expected) in [(Verdict::Failed, Some("failed")), (Verdict::Passed, None)] {
        let build = Build { lagging: Some(RefCell::default()), ..Build::default() };
        let read = async || Ok::<_, Infallible>(BuildProperties::new());
        let write = async |changes: &[(String, String)]| {
            build.write(changes);
            Ok(())
        };
        let (build_job, entries) = (BuildJob::new(&["s", "a"], (1, 1)), [entry(verdict)]);
        run(
            vec![Box::pin(async {
                assert_eq!(record_verdicts(&build_job, &entries, read, write, patiently).await, Ok(None));
            })],
            1,
        );
        assert_eq!(build.properties.borrow().get(AGGREGATE).map(String::as_str), expected);
        assert_eq!(build.properties.borrow()[&build_job.announcement_property()], "idle");
        let states = build.lagging.iter().flat_map(RefCell::take);
        assert!(states.flatten().all(|(_, text)| text != "ok"));
    }
}

#[test]
fn nor_is_one_without_a_later_announcement() {
    let build = Build::default();
    let (build_job, entries) = (BuildJob::new(&["s", "a"], (1, 1)), [entry(Verdict::Passed)]);
    let reads = Cell::new(0);
    let read = async || {
        let mut properties = build.properties.borrow().clone();
        if reads.replace(reads.get() + 1) > 0 {
            properties.insert(AGGREGATE.into(), "none".into());
            properties.remove(&build_job.announcement_property());
        }
        Ok::<_, Infallible>(properties)
    };
    let passes = Cell::new(0);
    let write = async |changes: &[(String, String)]| {
        build.write(changes);
        let is_pass = changes.iter().any(|(_, text)| text == "ok");
        passes.set(passes.get() + u32::from(is_pass));
        Ok(())
    };
    run(
        vec![Box::pin(async {
            assert_eq!(record_verdicts(&build_job, &entries, read, write, patiently).await, Ok(None));
        })],
        1,
    );
    assert_eq!(
        (passes.get(), build.properties.borrow()[&build_job.announcement_property()].as_str()),
        (1, "idle")
    );
}

#[test]
fn names_come_back_in_the_spelling_they_were_met_in_first() {
    for verdict in [Verdict::Failed, Verdict::Passed] {
        let build = Build::default();
        let pauses = Cell::new(0);
        let read = async || {
            let properties = build.properties.borrow();
            let spelt = properties.iter().map(|(name, text)| (name.to_uppercase(), text.clone()));
            Ok::<_, Infallible>(spelt.collect())
        };
        let write = async |changes: &[(String, String)]| {
            build.write(changes);
            Ok(())
        };
        let pause = async || {
            pauses.set(pauses.get() + 1);
            true
        };
        let (build_job, entries) = (BuildJob::new(&["Build", "a"], (1, 1)), [entry(verdict)]);
        run(
            vec![Box::pin(async {
                assert_eq!(
                    record_verdicts(&build_job, &entries, read, write, pause).await,
                    Ok(Some(verdict))
                );
            })],
            1,
        );
        assert_eq!(pauses.get(), 0);
    }
}

#[test]
fn a_failure_is_written_even_if_nothing_can_be_read() {
    for (verdict, expected) in [(Verdict::Failed, Some("failed")), (Verdict::Passed, None)] {
        let build = Build::default();
        let reads = Cell::new(0);
        let read = async || {
            reads.set(reads.get() + 1);
            Err("403")
        };
        let write = async |changes: &[(String, String)]| {
            build.write(changes);
            Ok(())
        };
        let build_job = BuildJob::new(&["s", "a"], (1, 1));
        let entries = [entry(verdict)];
        run(
            vec![Box::pin(async {
                assert_eq!(record_verdicts(&build_job, &entries, read, write, patiently).await, Err("403"));
            })],
            1,
        );
        assert_eq!(reads.get(), 1);
        assert_eq!(build.properties.borrow().get(AGGREGATE).map(String::as_str), expected);
    }
}
