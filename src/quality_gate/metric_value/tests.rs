use super::*;
use crate::quality_gate::{Comparator, GateStatus};
use proptest::prelude::*;

fn metric(key: &str, kind: &str) -> Metric {
    Metric { key: key.into(), name: key.into(), kind: MetricKind::parse(kind) }
}

#[test]
fn values_with_their_units() {
    for (kind, value, expected) in [
        ("INT", "0", "0"),
        ("INT", "999", "999"),
        ("INT", "1234567", "1,234,567"),
        ("INT", "-1234", "-1,234"),
        ("INT", "12.0", "12"),
        ("INT", "many", "many"),
        ("FLOAT", "3.14159", "3.1"),
        ("FLOAT", "1000.5", "1,000.5"),
        ("PERCENT", "80", "80%"),
        ("PERCENT", "80.0", "80%"),
        ("PERCENT", "0.0", "0%"),
        ("PERCENT", "-0.0", "0%"),
        ("PERCENT", "0.001", "0.001%"),
        ("PERCENT", "1.0E-4", "0.0001%"),
        ("PERCENT", "1.25E2", "125%"),
        ("PERCENT", "33.333333", "33.3%"),
        ("PERCENT", "66.666666", "66.7%"),
        ("PERCENT", "99.96", "99.96%"),
        ("PERCENT", "99.996", "99.996%"),
        ("PERCENT", "9.95", "9.95%"),
        ("PERCENT", "79.99999999999999", "79.99999999999999%"),
        ("PERCENT", "50.0400", "50.04%"),
        ("PERCENT", "n/a", "n/a"),
        ("PERCENT", "1e999999999", "1e999999999"),
        ("PERCENT", "", ""),
        ("BOOL", "true", "Yes"),
        ("BOOL", "1", "Yes"),
        ("BOOL", "false", "No"),
        ("BOOL", "perhaps", "perhaps"),
        ("MILLISEC", "0", "0ms"),
        ("MILLISEC", "1250", "1s 250ms"),
        ("MILLISEC", "3725000", "1h 2min 5s"),
        ("WORK_DUR", "0", "0min"),
        ("WORK_DUR", "20", "20min"),
        ("WORK_DUR", "620", "1d 2h 20min"),
        ("WORK_DUR", "620.0", "1d 2h 20min"),
        ("WORK_DUR", "480", "1d"),
        ("WORK_DUR", "-65", "-1h 5min"),
        ("WORK_DUR", "1.5", "1.5"),
        ("WORK_DUR", "99999999999999999999", "99999999999999999999"),
        ("RATING", "1", "A"),
        ("RATING", "1.0", "A"),
        ("RATING", "5", "E"),
        ("RATING", "0", "0"),
        ("RATING", "6", "6"),
        ("RATING", "1.5", "1.5"),
        ("LEVEL", "ERROR", "ERROR"),
        ("STRING", "12345", "12345"),
        ("DATA", "a=1;b=2", "a=1;b=2"),
        ("DISTRIB", "1=2", "1=2"),
        ("NEW_TYPE", "12345", "12345"),
    ] {
        assert_eq!(metric("m", kind).show(value), expected, "{kind} {value}");
    }
    assert_eq!(metric("last_commit_date", "MILLISEC").show("1795000000000"), "1795000000000");
}

#[test]
fn severities_by_name() {
    for (key, names) in [
        ("new_bugs_severity", ["INFO", "MINOR", "MAJOR", "CRITICAL", "BLOCKER"]),
        ("new_code_smells_severity", ["INFO", "MINOR", "MAJOR", "CRITICAL", "BLOCKER"]),
        ("new_vulnerabilities_severity", ["INFO", "MINOR", "MAJOR", "CRITICAL", "BLOCKER"]),
        ("new_maintainability_issue_severity", ["INFO", "LOW", "MEDIUM", "HIGH", "BLOCKER"]),
        ("reliability_issue_severity", ["INFO", "LOW", "MEDIUM", "HIGH", "BLOCKER"]),
        ("security_issue_severity", ["INFO", "LOW", "MEDIUM", "HIGH", "BLOCKER"]),
        ("new_software_quality_security_severity", ["INFO", "LOW", "MEDIUM", "HIGH", "BLOCKER"]),
        ("new_sca_severity_any_issue", ["INFO", "LOW", "MEDIUM", "HIGH", "BLOCKER"]),
    ] {
        let metric = metric(key, "INT");
        let shown = ["5", "10", "15", "20", "25"].map(|value| metric.show(value));
        assert_eq!(shown, names, "{key}");
        assert_eq!(metric.show("0"), "no issues");
        assert_eq!(metric.show("17"), "17");
    }
}

#[test]
fn misses_are_compared_by_their_part_of_the_threshold() {
    let miss = |actual: Option<&str>, threshold: &str| {
        Condition {
            status: GateStatus::Error,
            metric: String::new(),
            comparator: Comparator::LessThan,
            threshold: Some(threshold.into()),
            actual: actual.map(str::to_owned),
        }
        .miss()
    };
    for (actual, threshold, expected) in [
        (Some("40"), "80", 500),
        (Some("79.999"), "80", 0),
        (Some("5"), "1", 4_000),
        (Some("300"), "0", 300_000),
        (Some("-1.5"), "0", 1_500),
        (Some("1.0E-4"), "1", 1_000),
        (Some("99999999999999999999"), "1", 0),
        (Some("OK"), "1", 0),
        (None, "1", 0),
    ] {
        assert_eq!(miss(actual, threshold), expected, "{actual:?} {threshold}");
    }
}

proptest! {
    #[test]
    fn any_value_of_any_type_is_shown(
        kind in "INT|FLOAT|PERCENT|BOOL|MILLISEC|WORK_DUR|RATING|LEVEL|DATA",
        value in "(-?[0-9.]{0,40}(E-?[0-9]{1,12})?)|\\PC{0,20}",
    ) {
        let shown = metric("m", &kind).show(&value);
        prop_assert_eq!(shown.is_empty(), value.trim().is_empty());
        prop_assert_eq!(metric("new_bugs_severity", "INT").show(&value).is_empty(), value.trim().is_empty());
    }
}
