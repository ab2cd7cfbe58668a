use super::*;
use crate::analysis::Target;
use crate::quality_gate::{
    Comparator, Condition, GateStatus, Measure, MeasureSet, Metric, MetricKind, Metrics, QualityGate,
};
use crate::summary::{LastKnown, WorstOfCondition, issue_line, outcome_line};
use insta::assert_snapshot;
use proptest::prelude::*;

fn metrics() -> Metrics {
    [
        ("new_violations", "New Issues", "INT"),
        ("new_coverage", "Coverage on New Code", "PERCENT"),
        ("new_duplicated_lines_density", "Duplicated Lines (%) on New Code", "PERCENT"),
        ("new_security_hotspots_reviewed", "Security Hotspots Reviewed on New Code", "PERCENT"),
        ("new_reliability_rating", "Reliability Rating on New Code", "RATING"),
        ("new_bugs_severity", "Bugs Severity on New Code", "INT"),
        ("new_technical_debt", "Added Technical Debt", "WORK_DUR"),
    ]
    .map(|(key, name, kind)| Metric { key: key.into(), name: name.into(), kind: MetricKind::parse(kind) })
    .into_iter()
    .collect()
}

fn condition(status: &str, metric: &str, comparator: &str, threshold: &str, actual: &str) -> Condition {
    Condition {
        status: GateStatus::parse(status),
        metric: metric.into(),
        comparator: Comparator::parse(comparator).unwrap(),
        threshold: Some(threshold.into()),
        actual: Some(actual).filter(|actual| !actual.is_empty()).map(str::to_owned),
    }
}

fn gate(conditions: Vec<Condition>) -> QualityGate {
    let failed = conditions.iter().any(|condition| condition.status.is_failure());
    let status = if failed { GateStatus::Error } else { GateStatus::Ok };
    QualityGate { status, conditions, ignored_conditions: false }
}

fn measures(values: &[(&str, &str)]) -> MeasureSet {
    let measure =
        |(metric, value): &(&str, &str)| Measure { metric: (*metric).to_owned(), value: (*value).to_owned() };
    MeasureSet(values.iter().map(measure).collect())
}

fn result(verdict: Verdict) -> AnalysisResult {
    AnalysisResult {
        project_key: "shop".into(),
        project_name: "Shop".into(),
        target: Target::MainBranch { name: Some("main".into()) },
        is_other_branch: false,
        verdict,
        nothing_analysed: false,
        reason: None,
        gate: None,
        last_known: None,
        worst: vec![],
        measures: MeasureSet::default(),
        metrics: metrics(),
        dashboard_url: Some("https://sonar.example/dashboard?id=shop".into()),
        server_name: "SonarQube Server".into(),
        server_version: Some("26.9.0.129388".into()),
        warnings: vec![],
        narrowed: vec![],
        notes: vec![],
    }
}

fn passed() -> AnalysisResult {
    AnalysisResult {
        gate: Some(gate(vec![
            condition("OK", "new_violations", "GT", "0", "0"),
            condition("OK", "new_coverage", "LT", "80", "91.66666666666667"),
        ])),
        measures: measures(&[
            ("new_violations", "0"),
            ("pull_request_fixed_issues", "0"),
            ("new_accepted_issues", "1"),
            ("new_security_hotspots", "0"),
            ("new_coverage", "91.66666666666667"),
            ("new_duplicated_lines_density", "0.0"),
            ("violations", "1234"),
        ]),
        ..result(Verdict::Passed)
    }
}

fn failed() -> AnalysisResult {
    AnalysisResult {
        target: Target::PullRequest {
            key: "12".into(),
            branch: Some("feature/cart_total".into()),
            base: Some("main".into()),
        },
        gate: Some(gate(vec![
            condition("ERROR", "new_violations", "GT", "0", "1234"),
            condition("ERROR", "new_coverage", "LT", "80", "79.96"),
            condition("OK", "new_duplicated_lines_density", "GT", "3", "0.0"),
            condition("ERROR", "new_reliability_rating", "GT", "1", "3"),
            condition("ERROR", "new_bugs_severity", "GT", "14", "20"),
            condition("ERROR", "new_technical_debt", "GT", "5", "620"),
            condition("ERROR", "new_unknown_metric", "LT", "7", ""),
        ])),
        measures: measures(&[
            ("new_violations", "1234"),
            ("pull_request_fixed_issues", "3"),
            ("new_coverage", "79.96"),
        ]),
        warnings: vec![
            "Missing blame information. See <a href=\"/docs/scm\">the <b>docs</b></a>.".into(),
            "The last warning<script>alert(1)</script>".into(),
        ],
        ..result(Verdict::Failed)
    }
}

fn markdown(results: &[AnalysisResult]) -> String {
    build_summary(results).markdown
}

#[test]
fn passed_gate() {
    assert_snapshot!(markdown(&[passed()]), @"
    ### ✅ Quality gate passed

    **Shop** · branch main

    | New code | Value |
    | :--- | ---: |
    | New issues | 0 |
    | Accepted issues | 1 |
    | Security hotspots | 0 |
    | Coverage | 91.7% |
    | Duplications | 0% |

    [Open in SonarQube Server](https://sonar.example/dashboard?id=shop) · version 26.9.0.129388
    ");
}

#[test]
fn failed_gate() {
    assert_snapshot!(markdown(&[failed()]), @"
    ### ❌ Quality gate failed – 6 of 7 conditions

    **Shop** · pull request 12 (feature/cart_total → main)

    | Failed condition | Actual | Required |
    | :--- | ---: | :--- |
    | New Issues | 1,234 | ≤ 0 |
    | Coverage on New Code | 79.96% | ≥ 80% |
    | Reliability Rating on New Code | C | A |
    | Bugs Severity on New Code | CRITICAL | below MAJOR |
    | Added Technical Debt | 1d 2h 20min | ≤ 5min |
    | new_unknown_metric | no value | ≥ 7 |

    | New code | Value |
    | :--- | ---: |
    | New issues | 1,234 |
    | Fixed issues | 3 |
    | Coverage | 79.96% |

    **Warnings from SonarQube**

    - Missing blame information. See [the docs](https://sonar.example/docs/scm).
    - The last warning

    [Open in SonarQube Server](https://sonar.example/dashboard?id=shop) · version 26.9.0.129388
    ");
}

#[test]
fn first_analysis() {
    let first = AnalysisResult {
        gate: Some(gate(vec![])),
        measures: measures(&[
            ("violations", "1234"),
            ("accepted_issues", "0"),
            ("security_hotspots", "2"),
            ("coverage", "66.6"),
            ("duplicated_lines_density", "1.0"),
            ("ncloc", "123456"),
        ]),
        server_name: "SonarQube Community Build".into(),
        ..result(Verdict::Passed)
    };
    assert_snapshot!(markdown(&[first]), @"
    ### ✅ Quality gate passed

    **Shop** · branch main

    No condition was checked. That is usual for a first analysis: no code counts as new yet.

    | Overall code | Value |
    | :--- | ---: |
    | Issues | 1,234 |
    | Accepted issues | 0 |
    | Security hotspots | 2 |
    | Coverage | 66.6% |
    | Duplications | 1% |
    | Lines of code | 123,456 |

    [Open in SonarQube Community Build](https://sonar.example/dashboard?id=shop) · version 26.9.0.129388
    ");
}

#[test]
fn gate_with_ignored_conditions() {
    let mut few_lines = passed();
    few_lines.measures = MeasureSet::default();
    if let Some(gate) = &mut few_lines.gate {
        gate.ignored_conditions = true;
    }
    assert_snapshot!(markdown(&[few_lines]), @"
    ### ✅ Quality gate passed

    **Shop** · branch main

    SonarQube skipped the conditions on coverage and duplications because little code is new.

    [Open in SonarQube Server](https://sonar.example/dashboard?id=shop) · version 26.9.0.129388
    ");
}

#[test]
fn timeout() {
    let timeout = AnalysisResult {
        reason: Some("SonarQube did not process the analysis within 300 s (task AZx1, IN_PROGRESS).".into()),
        // Of an earlier analysis: not to be shown.
        measures: measures(&[("new_violations", "0")]),
        ..result(Verdict::Timeout)
    };
    assert_snapshot!(markdown(&[timeout]), @"
    ### ⚠️ No quality gate result – SonarQube did not finish in time

    **Shop** · branch main

    SonarQube did not process the analysis within 300 s (task AZx1, IN_PROGRESS).

    [Open in SonarQube Server](https://sonar.example/dashboard?id=shop) · version 26.9.0.129388
    ");
}

#[test]
fn results_that_are_no_pass() {
    let pages: Vec<String> = [
        Verdict::None,
        Verdict::NoReport,
        Verdict::AnalysisFailed,
        Verdict::Skipped,
        Verdict::Cancelled,
        Verdict::Unknown,
        Verdict::Failed,
    ]
    .map(|verdict| {
        let mut result = result(verdict);
        result.target = Target::branch("release/1.0");
        result.reason = Some("- What the server said:\n<b>no</b>".into());
        result.dashboard_url = None;
        markdown(&[result])
    })
    .into();
    assert_snapshot!(pages.join("\n"), @r"
    ### ⚠️ No quality gate result – SonarQube computed none for this analysis

    **Shop** · branch release/1.0

    \- What the server said: &lt;b&gt;no&lt;/b&gt;

    ### ⚠️ No quality gate result – no analysis report was found

    **Shop** · branch release/1.0

    \- What the server said: &lt;b&gt;no&lt;/b&gt;

    ### ⚠️ No quality gate result – the analysis failed

    **Shop** · branch release/1.0

    \- What the server said: &lt;b&gt;no&lt;/b&gt;

    ### ⏭️ Not analysed – the analysis was skipped

    **Shop** · branch release/1.0

    \- What the server said: &lt;b&gt;no&lt;/b&gt;

    ### ⚠️ No quality gate result – the run was cancelled

    **Shop** · branch release/1.0

    \- What the server said: &lt;b&gt;no&lt;/b&gt;

    ### ⚠️ No quality gate result – the quality gate could not be read

    **Shop** · branch release/1.0

    \- What the server said: &lt;b&gt;no&lt;/b&gt;

    ### ❌ Quality gate failed

    **Shop** · branch release/1.0

    \- What the server said: &lt;b&gt;no&lt;/b&gt;
    ");
    assert_snapshot!(markdown(&[]), @"### ⚠️ No quality gate result – no analysis report was found");
}

#[test]
fn several_projects() {
    let timeout = AnalysisResult {
        project_name: "Gateway".into(),
        reason: Some("SonarQube did not process the analysis within 300 s.".into()),
        target: Target::MAIN_BRANCH,
        ..result(Verdict::Timeout)
    };
    let backend = AnalysisResult { project_name: "Backend".into(), ..failed() };
    assert_snapshot!(markdown(&[passed(), timeout, backend]), @"
    ### ❌ Quality gate failed – 1 of 3 projects, 1 without a result

    | Project | Analysed | Quality gate | New issues | Coverage |
    | :--- | :--- | :--- | ---: | ---: |
    | [Backend](https://sonar.example/dashboard?id=shop) | pull request 12 | ❌ failed – 6 of 7 conditions | 1,234 | 79.96% |
    | [Gateway](https://sonar.example/dashboard?id=shop) | main branch | ⚠️ timed out | – | – |
    | [Shop](https://sonar.example/dashboard?id=shop) | branch main | ✅ passed | 0 | 91.7% |

    #### ❌ Backend · pull request 12 (feature/cart_total → main)

    | Failed condition | Actual | Required |
    | :--- | ---: | :--- |
    | New Issues | 1,234 | ≤ 0 |
    | Coverage on New Code | 79.96% | ≥ 80% |
    | Reliability Rating on New Code | C | A |
    | Bugs Severity on New Code | CRITICAL | below MAJOR |
    | Added Technical Debt | 1d 2h 20min | ≤ 5min |
    | new_unknown_metric | no value | ≥ 7 |

    **Warnings from SonarQube**

    - Missing blame information. See [the docs](https://sonar.example/docs/scm).
    - The last warning

    [Open in SonarQube Server](https://sonar.example/dashboard?id=shop)

    #### ⚠️ Gateway · main branch

    SonarQube did not process the analysis within 300 s.

    [Open in SonarQube Server](https://sonar.example/dashboard?id=shop)
    ");
}

#[test]
fn headlines_of_several_projects() {
    let headlines: Vec<String> = [
        [Verdict::Passed, Verdict::Passed, Verdict::Passed],
        [Verdict::Passed, Verdict::Failed, Verdict::Failed],
        [Verdict::Passed, Verdict::Failed, Verdict::Timeout],
        [Verdict::Passed, Verdict::Timeout, Verdict::Skipped],
        [Verdict::Passed, Verdict::Skipped, Verdict::Passed],
        [Verdict::Skipped, Verdict::Skipped, Verdict::Skipped],
    ]
    .map(|verdicts| {
        let summary = build_summary(&verdicts.map(result));
        format!("{} | {}", summary.markdown.lines().next().unwrap(), summary.title)
    })
    .into();
    assert_snapshot!(headlines.join("\n"), @"
    ### ✅ Quality gate passed – all 3 projects | SonarQube – 3 projects – passed
    ### ❌ Quality gate failed – 2 of 3 projects | SonarQube – 3 projects – failed
    ### ❌ Quality gate failed – 1 of 3 projects, 1 without a result | SonarQube – 3 projects – failed
    ### ⚠️ No quality gate result – 1 of 3 projects, 1 skipped | SonarQube – 3 projects – timed out
    ### ✅ Quality gate passed – 2 of 3 projects, 1 skipped | SonarQube – 3 projects – passed
    ### ⏭️ Not analysed – 3 of 3 projects | SonarQube – 3 projects – skipped
    ");
}

#[test]
fn lines_for_the_log() {
    let failed = failed();
    let gate = failed.gate.clone().unwrap();
    let mut lines: Vec<String> = gate.failed_conditions().map(|c| issue_line(&failed, c)).collect();
    lines.push(outcome_line(&failed));
    lines.push(outcome_line(&passed()));
    lines.push(outcome_line(&AnalysisResult {
        reason: Some("it said:\r\n##vso[task.complete]".into()),
        ..result(Verdict::AnalysisFailed)
    }));
    assert_snapshot!(lines.join("\n"), @"
    New Issues: 1,234 (required: ≤ 0) – Shop, pull request 12 – https://sonar.example/dashboard?id=shop
    Coverage on New Code: 79.96% (required: ≥ 80%) – Shop, pull request 12 – https://sonar.example/dashboard?id=shop
    Reliability Rating on New Code: C (required: A) – Shop, pull request 12 – https://sonar.example/dashboard?id=shop
    Bugs Severity on New Code: CRITICAL (required: below MAJOR) – Shop, pull request 12 – https://sonar.example/dashboard?id=shop
    Added Technical Debt: 1d 2h 20min (required: ≤ 5min) – Shop, pull request 12 – https://sonar.example/dashboard?id=shop
    new_unknown_metric: no value (required: ≥ 7) – Shop, pull request 12 – https://sonar.example/dashboard?id=shop
    Quality gate failed – 6 of 7 conditions – Shop, pull request 12 – https://sonar.example/dashboard?id=shop
    Quality gate passed – Shop, branch main – https://sonar.example/dashboard?id=shop
    No quality gate result – the analysis failed – Shop, branch main – it said: ##vso[task.complete] – https://sonar.example/dashboard?id=shop
    ");
}

#[test]
fn text_from_outside_renders_literally() {
    let hostile = AnalysisResult {
        project_name: "<b>fail</b> | [x](http://y) **#1** @all\n# ##vso[task.complete]\u{202E}".into(),
        target: Target::branch("a`b`|c<script>"),
        gate: Some(gate(vec![condition("ERROR", "no|<metric>", "GT", "a|b", "*1*\n2")])),
        dashboard_url: Some("https://s/dashboard?id=a)b c|d<e>".into()),
        server_name: "Sonar<i>Qube</i>".into(),
        ..result(Verdict::Failed)
    };
    assert_snapshot!(markdown(std::slice::from_ref(&hostile)), @r"
    ### ❌ Quality gate failed – 1 of 1 condition

    **&lt;b&gt;fail&lt;/b&gt; \| \[x\](http:\//y) \*\*\#1\*\* \@all \# \#\#vso\[task.complete\]�** · branch a\`b\`\|c&lt;script&gt;

    | Failed condition | Actual | Required |
    | :--- | ---: | :--- |
    | no\|&lt;metric&gt; | \*1\* 2 | ≤ a\|b |

    [Open in Sonar&lt;i&gt;Qube&lt;/i&gt;](https://s/dashboard?id=a%29b%20c%7Cd%3Ce%3E) · version 26.9.0.129388
    ");
    assert_snapshot!(build_summary(&[hostile]).title, @"SonarQube – -b-fail--b- - -x-(http---y) ---1-- @all - --vso-task.complete-� – failed");
}

#[test]
fn titles() {
    for (name, expected) in [
        ("Shop", "SonarQube – Shop – passed"),
        ("a/b\\c:d*e?f\"g<h>i|j;k]l[m\n%n", "SonarQube – a-b-c-d-e-f-g-h-i-j-k-l-m -n – passed"),
        (" ... ", "SonarQube – passed"),
        ("", "SonarQube – shop – passed"),
    ] {
        let summary = build_summary(&[AnalysisResult { project_name: name.into(), ..passed() }]);
        assert_eq!(summary.title, expected);
    }
    assert_eq!(build_summary(&[]).title, "SonarQube – no report");
}

#[test]
fn very_much_to_say() {
    let many = AnalysisResult {
        gate: Some(gate(vec![condition("ERROR", "new_coverage", "LT", "80", "1"); 60])),
        warnings: vec!["w".into(); 30],
        ..failed()
    };
    let page = markdown(std::slice::from_ref(&many));
    assert_eq!(page.matches("| Coverage on New Code |").count(), 50);
    assert!(page.contains("\n\n… and 10 more failed conditions\n"), "{page}");
    assert!(page.contains("\n\n… and 20 more warnings\n"), "{page}");

    let page = markdown(&vec![many; 120]);
    assert_eq!(page.matches("| [Shop](").count(), 120);
    let sections: Vec<_> = page.split("\n#### ❌ Shop").skip(1).collect();
    let five = |section: &&str| section.matches("| Coverage on New Code |").count() == 5;
    assert!(sections.len() > 20 && sections[..20].iter().all(five), "{page}");
    let left_out = 120 - sections.len();
    assert!(
        page.contains(&format!("\n\n… and {left_out} more projects are not shown in detail\n")),
        "{page}"
    );
}

#[test]
fn projects_that_the_change_does_not_touch() {
    let untouched = |name: &str, status| AnalysisResult {
        project_name: name.into(),
        reason: Some(format!("nothing in services/{name} changed")),
        target: Target::pull_request("12"),
        last_known: Some(LastKnown { target: Target::branch("main"), status }),
        dashboard_url: None,
        ..result(Verdict::Skipped)
    };
    let (web, api) = (untouched("web", GateStatus::Error), untouched("API", GateStatus::Ok));
    assert_snapshot!(markdown(&[web.clone(), passed(), api.clone()]), @"
    ### ✅ Quality gate passed – 1 of 3 projects, 2 skipped

    | Project | Analysed | Quality gate | New issues | Coverage |
    | :--- | :--- | :--- | ---: | ---: |
    | [Shop](https://sonar.example/dashboard?id=shop) | branch main | ✅ passed | 0 | 91.7% |
    | API | pull request 12 | ⏭️ skipped (last known: branch main, passed) | – | – |
    | web | pull request 12 | ⏭️ skipped (last known: branch main, failed) | – | – |

    #### ⏭️ Not analysed

    - API: nothing in services/API changed
    - web: nothing in services/web changed
    ");
    assert_snapshot!(markdown(std::slice::from_ref(&api)), @"
    ### ⏭️ Not analysed – the analysis was skipped

    **API** · pull request 12

    nothing in services/API changed

    Last known quality gate: branch main, passed. It does not count for this run.
    ");
    assert_eq!(build_summary(&[api, web]).title, "SonarQube – 2 projects – skipped");
}

#[test]
fn two_hundred_projects_have_a_line_each() {
    let verdict = |index: usize| match index % 20 {
        0 => Verdict::Failed,
        1 => Verdict::Timeout,
        2..12 => Verdict::Skipped,
        _ => Verdict::Passed,
    };
    let conditions = vec![condition("ERROR", "new_coverage", "LT", "80", "1"); 60];
    for (name, branch) in [("com.contoso.shop:service", "main"), ("<b>|*[x](http://y)_`", "a|b<c>")] {
        // The second time names that are as long as names get.
        let (name, branch) = match branch {
            "main" => (name.to_owned(), branch.to_owned()),
            _ => (name.repeat(15), branch.repeat(50)),
        };
        let results: Vec<_> = (0..200)
            .map(|index| AnalysisResult {
                project_name: format!("{index:03} {name}"),
                target: Target::branch(branch.clone()),
                reason: (verdict(index) == Verdict::Skipped).then(|| "nothing in it changed".into()),
                last_known: Some(LastKnown { target: Target::MAIN_BRANCH, status: GateStatus::Ok }),
                gate: Some(gate(conditions.clone())),
                dashboard_url: Some(format!(
                    "https://sonarqube.contoso.example/dashboard?id=com.contoso.shop%3Aservice-{index}&branch=main"
                )),
                ..result(verdict(index))
            })
            .collect();
        let page = markdown(&results);
        assert!(page.len() < 64_000, "{} bytes", page.len());
        tables_are_whole(&page).unwrap();
        let lines: Vec<_> = page.lines().skip(4).take(200).collect();
        assert!(lines.iter().all(|line| line.starts_with("| ")), "{lines:#?}");
        let of = |line: &str| line.split(['[', ' ']).find_map(|word| word.parse::<usize>().ok()).unwrap();
        let order: Vec<_> = lines.iter().map(|line| of(line)).collect();
        assert_eq!(order[..11], [0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 1], "the worst on top");
        assert!(order[100..].is_sorted() && order[..10].is_sorted(), "then by name: {order:?}");
        assert!(page.contains("\n#### ❌ 000"), "there is room for what failed");
        let mut shuffled = results.clone();
        shuffled.rotate_left(77);
        assert_eq!(markdown(&shuffled), page, "the order of the analyses is none of the page");
    }
}

/// Cells of a line of a table, split at the pipes that are not escaped.
fn cells(line: &str) -> usize {
    let mut escaped = false;
    let pipes = line.chars().filter(|&character| {
        let pipe = character == '|' && !escaped;
        escaped = character == '\\' && !escaped;
        pipe
    });
    pipes.count() - 1
}

/// Whether every line that follows the start of a table belongs to it until a blank line ends it.
fn tables_are_whole(page: &str) -> Result<(), String> {
    let lines: Vec<&str> = page.lines().collect();
    for block in lines.split(|line| line.is_empty()) {
        let in_table = block.iter().filter(|line| line.starts_with('|')).count();
        if in_table > 0 && in_table != block.len() {
            return Err(format!("text in a table: {block:#?}"));
        }
        if let Some(header) = block.first().filter(|_| in_table > 0)
            && (in_table < 3
                || block.iter().any(|line| cells(line) != cells(header) || !line.ends_with(" |")))
        {
            return Err(format!("uneven table: {block:#?}"));
        }
    }
    Ok(())
}

const VERDICTS: [Verdict; 9] = [
    Verdict::Passed,
    Verdict::Skipped,
    Verdict::None,
    Verdict::Cancelled,
    Verdict::Timeout,
    Verdict::NoReport,
    Verdict::Unknown,
    Verdict::AnalysisFailed,
    Verdict::Failed,
];

#[test]
fn only_a_pass_looks_like_one() {
    let single = VERDICTS.map(|verdict| vec![verdict]).into_iter();
    let pairs = VERDICTS.into_iter().flat_map(|one| VERDICTS.map(|other| vec![one, other]));
    for verdicts in single.chain(pairs) {
        let results: Vec<_> = verdicts.iter().copied().map(result).collect();
        let passed = is_pass(&verdicts);
        let BuildSummary { title, markdown } = build_summary(&results);
        let headline = markdown.lines().next().unwrap();
        assert_eq!(headline.starts_with("### ✅ Quality gate passed"), passed, "{verdicts:?}: {headline}");
        assert_eq!(
            headline.contains('✅') || headline.contains("passed"),
            passed,
            "{verdicts:?}: {headline}"
        );
        assert_eq!(title.ends_with(" – passed"), passed, "{verdicts:?}: {title}");
        assert_eq!(outcome_line(&results[0]).contains("passed"), verdicts[0] == Verdict::Passed);
        let signs = verdicts.iter().filter(|verdict| **verdict == Verdict::Passed).count();
        let headline_sign = usize::from(passed && verdicts.len() > 1);
        assert_eq!(markdown.matches('✅').count(), signs + headline_sign, "{verdicts:?}: {markdown}");
    }
}

/// Text with much of what could be markup, and sometimes very long.
fn text() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "a", "1", " ", "\n", "\r\n", "|", "\\", "<", ">", "&", "&lt;", "`", "*", "_", "[", "](", ")", "#",
        "-", "<b>", "</b>", "<!--", "##vso[", "✅", "\u{202E}", "http://x", "\0", "\u{85}", "|\n|:--|", "é",
        "😀",
    ]);
    (proptest::collection::vec(pieces, 0..12), prop_oneof![9 => Just(1_usize), 1 => Just(400)])
        .prop_map(|(pieces, times)| pieces.concat().repeat(times))
}

/// Whether one passed and all others did or were skipped.
fn is_pass(verdicts: &[Verdict]) -> bool {
    verdicts.contains(&Verdict::Passed)
        && verdicts.iter().all(|verdict| matches!(verdict, Verdict::Passed | Verdict::Skipped))
}

prop_compose! {
    fn any_condition()(metric in text(), threshold in text(), actual in proptest::option::of(text())) -> Condition {
        Condition {
            status: GateStatus::Error,
            metric,
            comparator: Comparator::LessThan,
            threshold: Some(threshold),
            actual,
        }
    }
}

prop_compose! {
    fn any_result()(
        verdict in proptest::sample::select(VERDICTS.to_vec()),
        names in (text(), text(), text(), text()),
        reason in proptest::option::of(text()),
        url in proptest::option::of(text().prop_map(|text| format!("https://s/{text}"))),
        conditions in proptest::collection::vec(any_condition(), 0..8),
        repeat in prop_oneof![9 => Just(1_usize), 1 => Just(80)],
        warnings in proptest::collection::vec(text(), 0..14),
        value in text(),
    ) -> AnalysisResult {
        let (project_name, branch, base, server_name) = names;
        AnalysisResult {
            project_name,
            target: Target::PullRequest { key: value.clone(), branch: Some(branch), base: Some(base) },
            reason,
            gate: Some(gate(vec![conditions; repeat].concat())),
            measures: measures(&[("new_coverage", &value), ("new_violations", "3")]),
            dashboard_url: url,
            server_version: Some(server_name.clone()),
            server_name,
            warnings,
            ..result(verdict)
        }
    }
}

proptest! {
    // Large inputs: the least number of cases that still meets every limit.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_comes_the_page_holds(
        results in proptest::collection::vec(any_result(), 0..4),
        repeat in prop_oneof![4 => Just(1_usize), 1 => Just(70)],
    ) {
        let results = vec![results; repeat].concat();
        let BuildSummary { title, markdown } = build_summary(&results);
        prop_assert!(markdown.len() < 64_000, "{} bytes", markdown.len());
        prop_assert!(!markdown.contains('<'), "{}", markdown);
        prop_assert!(!markdown.contains(|c: char| c.is_control() && c != '\n'), "{}", markdown);
        if let Err(fault) = tables_are_whole(&markdown) {
            prop_assert!(false, "{}", fault);
        }
        // A single project's headline and those of several stand in the first line.
        let all_passed = is_pass(&results.iter().map(|result| result.verdict).collect::<Vec<_>>());
        let headline = markdown.lines().next().unwrap_or_default();
        prop_assert_eq!(headline.starts_with("### ✅ "), all_passed, "{}", headline);
        prop_assert_eq!(headline.contains('✅'), all_passed, "{}", headline);
        prop_assert!(!title.is_empty() && title.chars().count() <= 130, "{}", title);
        let forbidden = |c: char| c.is_control() || "\"<>|:*?\\/;]".contains(c);
        prop_assert!(!title.contains(forbidden), "{}", title);
    }

    #[test]
    fn lines_for_the_log_are_one_line(result in any_result()) {
        let one = |line: &str| !line.contains(char::is_control) && line.chars().count() < 6_000;
        prop_assert!(one(&outcome_line(&result)), "{}", outcome_line(&result));
        for condition in result.gate.iter().flat_map(|gate| &gate.conditions) {
            prop_assert!(one(&issue_line(&result, condition)), "{}", issue_line(&result, condition));
        }
        prop_assert_eq!(outcome_line(&result).starts_with("Quality gate passed"), result.verdict == Verdict::Passed);
    }
}

#[test]
fn the_worst_files_and_issues_take_at_most_ten_lines() {
    use crate::quality_gate::{Worst, WorstFile};
    let of_metric = |metric: &str| WorstOfCondition {
        metric: metric.into(),
        worst: Worst::Files {
            metric: metric.into(),
            files: (0..7).map(|n| WorstFile { path: format!("src/{n}.rs"), value: "9".into() }).collect(),
        },
    };
    let result = AnalysisResult { worst: vec![of_metric("a"), of_metric("b")], ..failed() };
    for results in [vec![result.clone()], vec![result.clone(), result]] {
        let page = build_summary(&results).markdown;
        let lines: Vec<_> = page.lines().filter(|line| line.contains("– src/")).collect();
        assert_eq!(lines.len(), 10, "{page}");
        assert_eq!((lines[0], lines[9]), ("- a – src/0.rs: 9 (a)", "- b – src/2.rs: 9 (b)"));
    }
    assert!(!build_summary(&[failed()]).markdown.contains("Where it fails"));
}
