//! A model of a server, with a scripted clock: whatever befalls it, the verdict is a pass only where the
//! model says so, and the deadline is kept.

use super::*;
use crate::agent::{Console, Log};
use crate::http;
use crate::http::SHORTEST_PAUSE;
use crate::quality_gate::{GateStatus, Measure, SourceFile};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Barrier;
use tokio::time::sleep;
use tracing_subscriber::layer::SubscriberExt as _;

/// What befalls requests.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Unreachable,
    Dropped,
    Tls,
    Redirect,
    Html,
    TruncatedJson,
    Status(u16),
    Busy(Option<u64>),
    Starting(Option<u64>),
    Unauthorized,
    Forbidden,
    Vanished,
    /// What a server says whose API is not loaded yet.
    UnknownUrl,
    /// The answer comes after so many milliseconds.
    Slow(u64),
    Hangs,
}

use Trouble::{
    Busy, Dropped, Forbidden, Hangs, Html, Redirect, Slow, Starting, Status, Tls, TruncatedJson,
    Unauthorized, UnknownUrl, Unreachable, Vanished,
};

impl Trouble {
    async fn befall(self) -> Result<(), Error> {
        let network =
            |kind| Fault::Network(http::Error { kind, url: "http://sonar".into(), cause: String::new() });
        let seconds = |pause: Option<u64>| pause.map(Duration::from_secs);
        let fault = match self {
            Slow(milliseconds) => {
                sleep(Duration::from_millis(milliseconds)).await;
                return Ok(());
            }
            Hangs => return std::future::pending().await,
            Unreachable => network(http::ErrorKind::Unreachable),
            Dropped => network(http::ErrorKind::Interrupted),
            Tls => network(http::ErrorKind::Tls),
            Redirect => network(http::ErrorKind::Redirect),
            Html => Fault::NotTheApi("text/html".into()),
            TruncatedJson => Fault::NotTheApi("JSON that can't be read".into()),
            Status(code) => Fault::Status(code, String::new()),
            Busy(pause) => Fault::TooManyRequests(seconds(pause)),
            Starting(pause) => Fault::Unavailable(seconds(pause)),
            Unauthorized => Fault::Unauthorized,
            Forbidden => Fault::Forbidden("Insufficient privileges".into()),
            Vanished => Fault::NotFound("No activity found for task 'T'".into()),
            UnknownUrl => Fault::NotFound("Unknown url : /api/ce/task".into()),
        };
        Err(Error { url: "http://sonar".into(), fault })
    }
}

/// How the task ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// With the gate in this state.
    Gate(&'static str),
    Failed(Option<&'static str>),
    Canceled,
    /// With a state that this version doesn't know.
    Odd,
    WithoutAnalysis,
}

use End::{Canceled, Failed, Gate, Odd, WithoutAnalysis};

#[derive(Debug, Clone)]
struct Model {
    started: Instant,
    /// From this second to that, requests for tasks meet this trouble.
    troubles: &'static [(u64, u64, Trouble)],
    /// Likewise, requests for the gate.
    gate_troubles: &'static [(u64, u64, Trouble)],
    /// Milliseconds after which the task has ended.
    ends_after: u64,
    end: End,
    task: CeTask,
    public_url: Option<&'static str>,
    /// The list of branches is never answered.
    hides_branches: bool,
    /// None: the server does not say.
    has_pull_requests: Option<bool>,
    /// Questions about a processed report are answered once so many of them are waiting.
    all_at_once: Option<Rc<Barrier>>,
    /// None: the token may not read them.
    measures: Option<&'static [(&'static str, &'static str)]>,
    /// Likewise, requests for measures and files.
    measure_troubles: &'static [(u64, u64, Trouble)],
    /// Path and language. None: the token may not read them.
    files: Option<&'static [(&'static str, &'static str)]>,
    extent: Extent,
    polls: Rc<RefCell<Vec<Duration>>>,
}

impl Model {
    async fn wait_for_all(&self) {
        if let Some(all) = &self.all_at_once {
            all.wait().await;
        }
    }

    async fn meet(&self, troubles: &[(u64, u64, Trouble)]) -> Result<(), Error> {
        let second = self.started.elapsed().as_secs();
        match troubles.iter().find(|(from, to, _)| (*from..*to).contains(&second)) {
            Some((_, _, trouble)) => trouble.befall().await,
            None => Ok(()),
        }
    }
}

impl GateServer for Model {
    async fn ce_task(&self, id: &str) -> Result<CeTask, Error> {
        self.polls.borrow_mut().push(self.started.elapsed());
        self.meet(self.troubles).await?;
        if id != "T" {
            return Vanished.befall().await.map(|()| self.task.clone());
        }
        let mut task = self.task.clone();
        if self.started.elapsed() < Duration::from_millis(self.ends_after) {
            return Ok(task);
        }
        task.status = match self.end {
            Gate(_) | WithoutAnalysis => CeTaskStatus::Success,
            Failed(_) => CeTaskStatus::Failed,
            Canceled => CeTaskStatus::Canceled,
            Odd => CeTaskStatus::Unknown("ARCHIVED".into()),
        };
        task.analysis_id = matches!(self.end, Gate(_)).then(|| "A".to_owned());
        if let Failed(message) = self.end {
            task.error_message = message.map(str::to_owned);
        }
        Ok(task)
    }

    async fn quality_gate(&self, analysis_id: &str) -> Result<QualityGate, Error> {
        assert_eq!(analysis_id, "A");
        self.wait_for_all().await;
        self.meet(self.gate_troubles).await?;
        let Gate(status) = self.end else { panic!("no gate") };
        Ok(QualityGate {
            status: GateStatus::parse(status),
            conditions: Vec::new(),
            ignored_conditions: false,
        })
    }

    async fn has_pull_requests(&self) -> Result<Look<bool>, Error> {
        match self.has_pull_requests {
            Some(answer) => Ok(Look::Done(answer)),
            None => Forbidden.befall().await.map(|()| Look::Done(false)),
        }
    }

    async fn main_branch(&self, _: &str) -> Result<Option<String>, Error> {
        self.wait_for_all().await;
        if self.hides_branches {
            Hangs.befall().await?;
        }
        Ok(Some("main".into()))
    }

    async fn public_url(&self) -> Result<Option<String>, Error> {
        self.wait_for_all().await;
        Ok(self.public_url.map(str::to_owned))
    }

    async fn measures(&self, _: Analysed<'_>) -> Result<Option<MeasureSet>, Error> {
        self.wait_for_all().await;
        self.meet(self.measure_troubles).await?;
        let measure =
            |(metric, value): &(&str, &str)| Measure { metric: (*metric).into(), value: (*value).into() };
        Ok(self.measures.map(|values| MeasureSet(values.iter().map(measure).collect())))
    }

    async fn source_files(&self, _: Analysed<'_>) -> Result<Option<Vec<SourceFile>>, Error> {
        self.meet(self.measure_troubles).await?;
        let file = |(path, language): &(&str, &str)| SourceFile {
            path: (*path).into(),
            language: Some((*language).to_owned()),
        };
        Ok(self.files.map(|files| files.iter().map(file).collect()))
    }
}

fn model() -> Model {
    Model {
        started: Instant::now(),
        troubles: &[],
        gate_troubles: &[],
        ends_after: 3_000,
        end: Gate("OK"),
        task: CeTask {
            status: CeTaskStatus::Pending,
            analysis_id: None,
            project_key: Some("shop".into()),
            project_name: None,
            target: Target::MAIN_BRANCH,
            submitted: Some(1_000),
            answered: Some(1_010),
            error_message: None,
            warnings: Vec::new(),
            report_file: None,
        },
        public_url: None,
        hides_branches: false,
        has_pull_requests: Some(true),
        all_at_once: None,
        measures: Some(&[("files", "3"), ("ncloc", "30")]),
        measure_troubles: &[],
        files: Some(&[]),
        extent: Extent::default(),
        polls: Rc::default(),
    }
}

fn report() -> AnalysisReport {
    AnalysisReport {
        ce_task_id: "T".into(),
        project_key: "shop".into(),
        server_url: "http://sonar.example/base/".into(),
        dashboard_url: None,
    }
}

static UNKNOWN: std::sync::LazyLock<Extent> = std::sync::LazyLock::new(Extent::default);

const EXPECTED: Expected<'_> =
    Expected { project: Some("shop"), target: &Target::MAIN_BRANCH, created: Some(1_000), id: Some("1d") };

fn start_at(seconds: u64) -> PipelineStart {
    PipelineStart::of(Some(seconds), None).unwrap()
}

async fn judge_report(
    model: &Model,
    claim: &Claim<'_>,
    wait: &mut Wait,
    last: &mut Option<Instant>,
) -> ReportJudgement {
    match processed(model, claim, wait, last).await {
        Ok(task) => judge_processed(model, claim, task, wait).await,
        Err(judgement) => judgement.into(),
    }
}

async fn judgement_of(model: &Model, report: &AnalysisReport, limit: u64) -> Judgement {
    report_judgement(model, report, limit).await.judgement
}

async fn report_judgement(model: &Model, report: &AnalysisReport, limit: u64) -> ReportJudgement {
    let server_url = Url::parse("http://sonar.example/base").unwrap();
    let claim = Claim {
        report,
        server_url: &server_url,
        expected: EXPECTED,
        start: None,
        build_targets: None,
        extent: &model.extent,
    };
    judge_report(model, &claim, &mut Wait::new(Duration::from_secs(limit)), &mut None).await
}

/// Name, troubles of the task, troubles of the gate, milliseconds the task takes, its end, deadline in seconds,
/// verdict.
type Schedule =
    (&'static str, &'static [(u64, u64, Trouble)], &'static [(u64, u64, Trouble)], u64, End, u64, Verdict);

const FOREVER: u64 = u64::MAX;

/// Fault schedules; those of reports that are not this analysis' are in tests of their own.
const SCHEDULES: &[Schedule] = &[
    ("at once", &[], &[], 0, Gate("OK"), 300, Verdict::Passed),
    ("after a while", &[], &[], 40_000, Gate("OK"), 300, Verdict::Passed),
    ("after long", &[], &[], 3_000_000, Gate("OK"), 3_600, Verdict::Passed),
    ("fails", &[], &[], 5_000, Gate("ERROR"), 300, Verdict::Failed),
    ("warns", &[], &[], 5_000, Gate("WARN"), 300, Verdict::Failed),
    ("no gate", &[], &[], 5_000, Gate("NONE"), 300, Verdict::None),
    ("a gate of the future", &[], &[], 5_000, Gate("MAYBE"), 300, Verdict::Unknown),
    ("no time, done", &[], &[], 0, Gate("OK"), 0, Verdict::Passed),
    ("no time, not done", &[], &[], 1, Gate("OK"), 0, Verdict::Timeout),
    ("no time, slow", &[(0, 9, Slow(1_000))], &[], 0, Gate("OK"), 0, Verdict::Passed),
    ("no time, hangs", &[(0, FOREVER, Hangs)], &[], 0, Gate("OK"), 0, Verdict::Timeout),
    ("just in time", &[], &[], 10_000, Gate("OK"), 10, Verdict::Passed),
    ("just too late", &[], &[], 12_001, Gate("OK"), 10, Verdict::Timeout),
    ("never done", &[], &[], FOREVER, Gate("OK"), 300, Verdict::Timeout),
    ("restart", &[(1, 60, Unreachable)], &[], 2_000, Gate("OK"), 300, Verdict::Passed),
    (
        "restart and boot",
        &[(1, 9, Unreachable), (9, 30, Starting(None)), (30, 35, UnknownUrl)],
        &[],
        2_000,
        Gate("OK"),
        300,
        Verdict::Passed,
    ),
    ("restart, then a failed gate", &[(1, 60, Dropped)], &[], 2_000, Gate("ERROR"), 300, Verdict::Failed),
    ("down for good", &[(0, FOREVER, Unreachable)], &[], 0, Gate("OK"), 20, Verdict::Timeout),
    ("behind a proxy that says 502", &[(0, 20, Status(502))], &[], 2_000, Gate("OK"), 300, Verdict::Passed),
    (
        "behind a proxy that says 504",
        &[(0, 20, Status(504))],
        &[],
        2_000,
        Gate("ERROR"),
        300,
        Verdict::Failed,
    ),
    ("500", &[(0, 5, Status(500))], &[], 2_000, Gate("OK"), 300, Verdict::Passed),
    ("400", &[(0, 5, Status(400))], &[], 2_000, Gate("OK"), 300, Verdict::Unknown),
    ("busy", &[(0, 5, Busy(None))], &[], 2_000, Gate("OK"), 300, Verdict::Passed),
    ("busy for 30 s", &[(0, 1, Busy(Some(30)))], &[], 2_000, Gate("OK"), 300, Verdict::Passed),
    (
        "busy beyond the deadline",
        &[(0, FOREVER, Busy(Some(3_600)))],
        &[],
        2_000,
        Gate("OK"),
        30,
        Verdict::Timeout,
    ),
    ("a maintenance page", &[(0, 20, Html)], &[], 2_000, Gate("OK"), 300, Verdict::Passed),
    ("a sign-in page", &[(0, FOREVER, Html)], &[], 2_000, Gate("OK"), 30, Verdict::Unknown),
    ("a truncated answer", &[(0, 2, TruncatedJson)], &[], 1_000, Gate("OK"), 300, Verdict::Passed),
    ("truncated answers", &[(0, FOREVER, TruncatedJson)], &[], 1_000, Gate("OK"), 30, Verdict::Unknown),
    ("redirects", &[(2, FOREVER, Redirect)], &[], 9_000, Gate("OK"), 300, Verdict::Unknown),
    ("another certificate", &[(2, FOREVER, Tls)], &[], 9_000, Gate("OK"), 300, Verdict::Unknown),
    ("the token is revoked", &[(2, FOREVER, Unauthorized)], &[], 9_000, Gate("OK"), 300, Verdict::Unknown),
    ("the right is taken", &[(2, FOREVER, Forbidden)], &[], 9_000, Gate("OK"), 300, Verdict::Unknown),
    ("the task vanishes", &[(2, FOREVER, Vanished)], &[], 9_000, Gate("OK"), 300, Verdict::NoReport),
    ("slow", &[(0, FOREVER, Slow(4_000))], &[], 9_000, Gate("OK"), 300, Verdict::Passed),
    ("hangs, then goes on", &[(2, 3, Hangs)], &[], 9_000, Gate("OK"), 300, Verdict::Passed),
    ("hangs at the deadline", &[(25, FOREVER, Hangs)], &[], FOREVER, Gate("OK"), 30, Verdict::Timeout),
    ("a failing task", &[], &[], 5_000, Failed(Some("Unable to read message")), 300, Verdict::AnalysisFailed),
    ("a failing task without a word", &[], &[], 5_000, Failed(None), 300, Verdict::AnalysisFailed),
    ("a cancelled task", &[], &[], 5_000, Canceled, 300, Verdict::AnalysisFailed),
    ("a state of the future", &[], &[], 5_000, Odd, 20, Verdict::Timeout),
    ("no analysis", &[], &[], 5_000, WithoutAnalysis, 300, Verdict::Unknown),
    ("the gate is slow", &[], &[(0, FOREVER, Slow(8_000))], 5_000, Gate("OK"), 300, Verdict::Passed),
    ("the gate hangs", &[], &[(0, FOREVER, Hangs)], 5_000, Gate("OK"), 30, Verdict::Timeout),
    ("restart before the gate", &[], &[(0, 40, Dropped)], 5_000, Gate("OK"), 300, Verdict::Passed),
    ("the gate is refused", &[], &[(0, FOREVER, Forbidden)], 5_000, Gate("OK"), 300, Verdict::Unknown),
    ("the gate vanishes", &[], &[(0, FOREVER, Vanished)], 5_000, Gate("OK"), 300, Verdict::Unknown),
    ("a page instead of the gate", &[], &[(0, FOREVER, Html)], 5_000, Gate("OK"), 20, Verdict::Unknown),
];

#[tokio::test(start_paused = true)]
async fn fault_schedules() {
    assert!(SCHEDULES.len() >= 40);
    for &(name, troubles, gate_troubles, ends_after, end, limit, expected) in SCHEDULES {
        let model = Model { started: Instant::now(), troubles, gate_troubles, ends_after, end, ..model() };
        let judgement = judgement_of(&model, &report(), limit).await;
        let elapsed = model.started.elapsed();
        assert_eq!(judgement.verdict, expected, "{name}: {judgement:?}");
        assert!(expected != Verdict::Passed || matches!(end, Gate("OK")), "{name}");
        let has_reason = judgement.reason.as_ref().is_some_and(|reason| !reason.is_empty());
        assert_eq!(
            has_reason,
            !matches!(expected, Verdict::Passed | Verdict::Failed),
            "{name}: {judgement:?}"
        );
        assert!(elapsed <= Duration::from_secs(limit + 2), "{name}: {elapsed:?}");
        let asks_for_a_pause = troubles.iter().any(|(_, _, trouble)| matches!(trouble, Busy(Some(_))));
        for pair in model.polls.borrow().windows(2) {
            let pause = pair[1] - pair[0];
            assert!(pause >= SHORTEST_PAUSE, "{name}: {pair:?}");
            assert!(pause <= Duration::from_millis(10_001) || asks_for_a_pause, "{name}: {pair:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn how_long_was_waited_is_told() {
    for (limit, words) in [(1, "within 1 second ("), (2, "within 2 seconds (")] {
        let reason = judgement_of(&Model { ends_after: FOREVER, ..model() }, &report(), limit).await.reason;
        assert!(reason.as_ref().is_some_and(|reason| reason.contains(words)), "{reason:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_the_server_asks_for_is_kept() {
    let model = Model { troubles: &[(0, 1, Busy(Some(30)))], ..model() };
    assert_eq!(judgement_of(&model, &report(), 300).await.verdict, Verdict::Passed);
    let polls = model.polls.borrow();
    assert_eq!(polls.len(), 2);
    assert!(polls[1] >= Duration::from_secs(30), "{polls:?}");
}

#[tokio::test(start_paused = true)]
async fn several_reports_on_a_server_share_its_polls() {
    share_polls(300).await;
}

#[tokio::test(start_paused = true)]
async fn not_to_wait_is_no_reason_not_to_look() {
    share_polls(0).await;
}

async fn share_polls(limit: u64) {
    let started = Instant::now();
    let (server_url, report) = (Url::parse("http://sonar.example/base").unwrap(), report());
    let (mut wait, mut last) = (Wait::new(Duration::from_secs(limit)), None);
    let mut polls = Vec::new();
    for _ in 0..10 {
        let claim = Claim {
            report: &report,
            server_url: &server_url,
            expected: EXPECTED,
            start: None,
            build_targets: None,
            extent: &UNKNOWN,
        };
        let model = Model { started, ends_after: 0, ..model() };
        assert_eq!(
            judge_report(&model, &claim, &mut wait, &mut last).await.judgement.verdict,
            Verdict::Passed
        );
        polls.extend(model.polls.take());
    }
    assert_eq!(polls.len(), 10);
    assert!(polls.windows(2).all(|pair| pair[1] - pair[0] >= SHORTEST_PAUSE), "{polls:?}");
}

#[tokio::test(start_paused = true)]
async fn an_end_within_half_a_minute_is_seen_soon() {
    let mut late = Vec::new();
    for ends_after in (50..30_000).step_by(130) {
        let model = Model { started: Instant::now(), ends_after, ..model() };
        judgement_of(&model, &report(), 300).await;
        late.push(model.started.elapsed() - Duration::from_millis(ends_after));
    }
    late.sort();
    assert!(late[late.len() / 2] <= Duration::from_millis(400), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn state_age_and_progress_are_told_every_15_seconds() {
    let (console, written) = Console::buffer();
    let log = tracing_subscriber::registry().with(Log::new(console, false));
    let subscribed = tracing::subscriber::set_default(log);
    let model = Model { ends_after: 50_000, troubles: &[(44, 46, Starting(None))], ..model() };
    assert_eq!(judgement_of(&model, &report(), 300).await.verdict, Verdict::Passed);
    drop(subscribed);
    insta::assert_snapshot!(written(), @"
    Waiting for SonarQube to process the report of shop: PENDING, submitted 10 seconds ago (waited 15 of at most 300 seconds)
    ##vso[task.setprogress value=5;]
    Waiting for SonarQube to process the report of shop: PENDING, submitted 10 seconds ago (waited 30 of at most 300 seconds)
    ##vso[task.setprogress value=10;]
    Waiting for SonarQube to process the report of shop: http://sonar answered 503 Service Unavailable, submitted 11 seconds ago (waited 45 of at most 300 seconds)
    ##vso[task.setprogress value=15;]
    ");
}

#[tokio::test(start_paused = true)]
async fn what_ends_the_wait_at_once_names_cause_and_right() {
    for (troubles, words) in [
        (&[(0, FOREVER, Unauthorized)][..], ["401", "Generate a new one"]),
        (&[(0, FOREVER, Forbidden)], ["403 Forbidden: Insufficient privileges", "Execute Analysis"]),
        (&[(0, FOREVER, Vanished)], ["404", "does not know the compute engine task T"]),
    ] {
        let model = Model { troubles, ..model() };
        let reason = judgement_of(&model, &report(), 300).await.reason.unwrap();
        assert_eq!(model.polls.borrow().len(), 1);
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
    }
}

#[test]
fn clocks_that_differ_too_much_are_named() {
    let now = seconds_now();
    for (behind, handed_in, [is_old, names_clocks]) in [
        (0, now - 60, [false, false]),
        (0, now - 200, [true, false]),
        (250, now - 310, [false, false]),
        (900, now - 800, [true, true]),
        (900, now - 300, [false, false]),
    ] {
        let task = CeTask { submitted: Some(handed_in), answered: Some(now - behind), ..model().task };
        let reason = start_at(now - 100).report_too_old(task.submitted, task.answered, now);
        assert_eq!(reason.is_some(), is_old, "{reason:?}");
        let found = reason.is_some_and(|reason| reason.contains("SonarQube differ by 90"));
        assert_eq!(found, names_clocks, "{behind} {handed_in}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_counts_only_if_it_is_this_analysis() {
    let change = |change: fn(&mut Model, &mut AnalysisReport)| {
        let (mut model, mut report) = (model(), report());
        change(&mut model, &mut report);
        async move { report_judgement(&model, &report, 300).await }
    };
    // Its own, in every form in which a server may tell it.
    for ours in [
        (|_, _| {}) as fn(&mut Model, &mut AnalysisReport),
        |model, _| model.task.target = Target::branch("main"),
        |model, _| {
            model.task.report_file = Some("/temp/1d/report-task.txt".into());
            model.task.submitted = Some(1);
        },
        |_, report| report.server_url = "HTTP://Sonar.Example:80/base".into(),
        |model, report| {
            report.server_url = "https://sonar.corp.example".into();
            model.public_url = Some("https://sonar.corp.example/");
        },
    ] {
        let ReportJudgement { judgement, .. } = change(ours).await;
        assert_eq!(judgement.verdict, Verdict::Passed, "{judgement:?}");
    }
    let late = change(|model, _| {
        model.task.target = Target::branch("main");
        model.hides_branches = true;
    });
    let late = late.await.judgement;
    assert_eq!(late.verdict, Verdict::Timeout, "{late:?}");
    for (forged, word) in [
        (
            (|model, _| model.task.project_key = Some("other".into())) as fn(&mut Model, &mut AnalysisReport),
            "of the project other, not of shop",
        ),
        (
            |model, report| {
                model.task.project_key = Some("other".into());
                report.project_key = "other".into();
            },
            "not of shop",
        ),
        (|_, report| report.project_key = "other".into(), "not of other"),
        (|model, _| model.task.target = Target::branch("easy"), "the branch easy"),
        (|model, _| model.task.target = Target::pull_request("7"), "pull request 7"),
        (|model, _| model.task.submitted = Some(999), "too old"),
        (|model, _| model.task.submitted = None, "when"),
        (|model, _| model.task.report_file = Some("/temp/2e/report-task.txt".into()), "another analysis"),
        (|_, report| report.ce_task_id = "of another server".into(), "does not know the compute engine task"),
        (|_, report| report.server_url = "http://evil.example".into(), "of the server http://evil.example"),
        (
            |_, report| report.server_url = "http://sonar.example/other".into(),
            "of the server http://sonar.example/other",
        ),
        (|_, report| report.server_url = "no url".into(), "of the server no url"),
        (
            |model, report| {
                report.server_url = "http://evil.example".into();
                model.public_url = Some("http://sonar.corp");
            },
            "evil",
        ),
    ] {
        let ReportJudgement { judgement, task, .. } = change(forged).await;
        let reason = judgement.reason.unwrap_or_default();
        assert_eq!(judgement.verdict, Verdict::NoReport, "{word}: {reason}");
        assert!(reason.contains(word) && judgement.gate.is_none() && task.is_none(), "{reason}");
    }
}

/// A report of pull request 7, whose record knows `extent`.
async fn judgement_of_pull_request(model: Model) -> Judgement {
    let (server_url, report) = (Url::parse("http://sonar.example/base").unwrap(), report());
    let model = Model { task: CeTask { target: Target::pull_request("7"), ..model.task.clone() }, ..model };
    let claim = Claim {
        report: &report,
        server_url: &server_url,
        expected: Expected { target: &Target::pull_request("7"), ..EXPECTED },
        start: None,
        build_targets: None,
        extent: &model.extent,
    };
    judge_report(&model, &claim, &mut Wait::new(Duration::from_secs(300)), &mut None).await.judgement
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_passed_over_nothing_is_no_pass() {
    let change = |change: fn(&mut Model)| {
        let mut model = model();
        change(&mut model);
        async move { judgement_of(&model, &report(), 300).await }
    };
    for (case, expected) in [
        ((|_| {}) as fn(&mut Model), Verdict::Passed),
        (|model| model.measures = Some(&[("violations", "0")]), Verdict::NoReport),
        // The token may not read measures.
        (|model| model.measures = None, Verdict::Passed),
        (
            |model| {
                model.measures = None;
                model.extent.indexed_files = Some(0);
            },
            Verdict::NoReport,
        ),
        (
            |model| {
                model.measures = None;
                model.extent.indexed_files = Some(3);
            },
            Verdict::Passed,
        ),
        (
            |model| {
                model.measures = Some(&[("files", "2")]);
                model.files = Some(&[("a.cs", "cs"), ("b.json", "json")]);
            },
            Verdict::NoReport,
        ),
        (
            |model| {
                model.measures = Some(&[("files", "2")]);
                model.files = Some(&[("a.yaml", "yaml"), ("b.json", "json")]);
            },
            Verdict::Passed,
        ),
        (
            |model| {
                model.measures = Some(&[("files", "2")]);
                model.files = None;
                model.extent.languages = vec!["cs".into()];
            },
            Verdict::NoReport,
        ),
        // What a failed gate says stays.
        (
            |model| {
                model.end = Gate("ERROR");
                model.measures = Some(&[]);
            },
            Verdict::Failed,
        ),
        (|model| model.measure_troubles = &[(0, 40, Dropped)], Verdict::Passed),
        (|model| model.measure_troubles = &[(0, FOREVER, Hangs)], Verdict::Timeout),
        (|model| model.measure_troubles = &[(0, FOREVER, Status(400))], Verdict::Unknown),
    ] {
        let judgement = change(case).await;
        assert_eq!(judgement.verdict, expected, "{judgement:?}");
        assert_eq!(judgement.nothing_analysed, expected == Verdict::NoReport, "{judgement:?}");
        let has_reason = !matches!(expected, Verdict::Passed | Verdict::Failed);
        assert_eq!(judgement.reason.is_some(), has_reason, "{judgement:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pull_request_without_new_code_is_no_pass_where_git_counts_added_lines() {
    let change = |change: fn(&mut Model)| {
        let mut model = Model { measures: Some(&[("new_lines", "0")]), ..model() };
        change(&mut model);
        judgement_of_pull_request(model)
    };
    for (case, expected) in [
        // Only documents were changed.
        ((|_| {}) as fn(&mut Model), Verdict::Passed),
        (
            |model| model.task.warnings = vec!["Could not find ref 'x' in refs/heads".into()],
            Verdict::NoReport,
        ),
        (
            |model| {
                model.task.warnings = vec!["Could not find ref 'x' in refs/heads".into()];
                model.measures = None;
            },
            Verdict::NoReport,
        ),
        (
            |model| {
                model.extent.files_with_added_lines = vec!["src/a.py".into()];
                model.files = Some(&[("src/a.py", "py")]);
            },
            Verdict::NoReport,
        ),
        (
            |model| {
                model.extent.files_with_added_lines = vec!["README.md".into()];
                model.files = Some(&[("src/a.py", "py")]);
            },
            Verdict::Passed,
        ),
        (
            |model| {
                model.extent.files_with_added_lines = vec!["src/a.py".into()];
                model.files = Some(&[("src/a.py", "py")]);
                model.measures = Some(&[("new_lines", "2")]);
            },
            Verdict::Passed,
        ),
        (|model| model.extent.indexed_files = Some(0), Verdict::NoReport),
    ] {
        let judgement = change(case).await;
        assert_eq!(judgement.verdict, expected, "{judgement:?}");
    }
    // The main branch has no target.
    let mut branch = model();
    branch.task.warnings = vec!["Could not find ref 'x' in refs/heads".into()];
    assert_eq!(judgement_of(&branch, &report(), 300).await.verdict, Verdict::Passed);
}

#[tokio::test(start_paused = true)]
async fn without_any_clock_only_a_proven_report_counts() {
    let (server_url, report) = (Url::parse("http://sonar.example/base").unwrap(), report());
    let judgement = async |file: Option<&str>, start: Option<PipelineStart>| {
        let mut model = model();
        model.task.report_file = file.map(str::to_owned);
        let claim = Claim {
            report: &report,
            server_url: &server_url,
            expected: Expected { created: None, ..EXPECTED },
            start,
            build_targets: None,
            extent: &UNKNOWN,
        };
        judge_report(&model, &claim, &mut Wait::new(Duration::from_secs(300)), &mut None).await.judgement
    };
    let refused = judgement(None, None).await;
    assert_eq!(refused.verdict, Verdict::NoReport, "{refused:?}");
    assert!(refused.reason.unwrap().contains("no Date header"));
    assert_eq!(judgement(Some("/temp/1d/report-task.txt"), None).await.verdict, Verdict::Passed);
    let old = judgement(None, Some(start_at(u64::MAX / 2))).await;
    assert!(old.reason.unwrap().contains("too old"));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_wait_for_an_answer_is_asked_at_once() {
    // A server that has a name for the main branch, and another address.
    let mut model = Model {
        // Its gate, its measures, its branches and its address: it answers none before all were asked.
        all_at_once: Some(Rc::new(Barrier::new(4))),
        public_url: Some("http://sonar.corp"),
        ends_after: 0,
        ..model()
    };
    model.task.target = Target::branch("main");
    let report = AnalysisReport { server_url: "http://sonar.corp".into(), ..report() };
    let judgement = judgement_of(&model, &report, 30).await;
    assert_eq!(judgement.verdict, Verdict::Passed, "{judgement:?}");
    assert_eq!(model.polls.borrow().len(), 1);
    assert_eq!(model.started.elapsed(), Duration::ZERO);
    // The measures of a gate that failed are on their way to be shown.
    let failed = Model { end: Gate("ERROR"), ..model };
    let judgement = judgement_of(&failed, &report, 30).await;
    assert!(matches!(judgement.measures, Measures::InFlight(_)), "{judgement:?}");
    assert_eq!(judgement.verdict, Verdict::Failed);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_early_does_not_count_early() {
    // The gate passes at once. The list of branches, which says whose report it is, never comes.
    let mut model = Model { hides_branches: true, ends_after: 0, ..model() };
    model.task.target = Target::branch("main");
    let judgement = judgement_of(&model, &report(), 30).await;
    assert_eq!(judgement.verdict, Verdict::Timeout, "{judgement:?}");
    assert!(judgement.gate.is_none());
}

#[tokio::test(start_paused = true)]
async fn in_the_build_of_a_pull_request_the_main_branch_is_no_pass() {
    let targets = |pull_request: Option<&str>| BuildTargets {
        detectable: pull_request.into_iter().map(Target::pull_request).collect(),
        pull_request: pull_request.map(Target::pull_request),
    };
    let pull_request = Target::pull_request("7");
    for (build, target, has_pull_requests, expected) in [
        (Some("7"), &Target::MAIN_BRANCH, Some(true), Verdict::NoReport),
        (Some("7"), &Target::branch("main"), Some(true), Verdict::NoReport),
        // Community Build has nothing else.
        (Some("7"), &Target::MAIN_BRANCH, Some(false), Verdict::Passed),
        (Some("7"), &Target::MAIN_BRANCH, None, Verdict::Unknown),
        (Some("7"), &pull_request, Some(true), Verdict::Passed),
        (None, &Target::MAIN_BRANCH, Some(true), Verdict::Passed),
    ] {
        let mut model = Model { has_pull_requests, ends_after: 0, ..model() };
        model.task.target = target.clone();
        let (server_url, report, targets) =
            (Url::parse("http://sonar.example/base").unwrap(), report(), targets(build));
        let claim = Claim {
            report: &report,
            server_url: &server_url,
            expected: Expected { created: None, id: None, ..EXPECTED },
            start: Some(start_at(0)),
            build_targets: Some(&targets),
            extent: &UNKNOWN,
        };
        let mut wait = Wait::new(Duration::from_secs(30));
        let ReportJudgement { judgement, .. } = judge_report(&model, &claim, &mut wait, &mut None).await;
        assert_eq!(judgement.verdict, expected, "{build:?} {target:?} {has_pull_requests:?}: {judgement:?}");
    }
}
