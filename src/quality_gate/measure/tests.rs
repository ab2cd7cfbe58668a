use super::*;
use crate::quality_gate::GateStatus;
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
fn requirements() {
    use Comparator::{Equal, GreaterThan, LessThan, NotEqual};
    let bugs = "new_bugs_severity";
    let security = "security_issue_severity";
    for (key, kind, comparator, threshold, expected) in [
        ("m", "PERCENT", LessThan, "80", "≥ 80%"),
        ("m", "PERCENT", LessThan, "80.0", "≥ 80%"),
        ("m", "PERCENT", GreaterThan, "0.001", "≤ 0.001%"),
        ("m", "PERCENT", GreaterThan, "33.333333", "≤ 33.333333%"),
        ("m", "INT", GreaterThan, "1000", "≤ 1,000"),
        ("m", "INT", Equal, "7", "≠ 7"),
        ("m", "INT", NotEqual, "7", "= 7"),
        ("m", "WORK_DUR", GreaterThan, "500", "≤ 1d 20min"),
        ("m", "RATING", GreaterThan, "1", "A"),
        ("m", "RATING", GreaterThan, "2.0", "B or better"),
        ("m", "RATING", LessThan, "3", "C or worse"),
        ("m", "RATING", GreaterThan, "9", "≤ 9"),
        (bugs, "INT", GreaterThan, "4", "no issues"),
        (bugs, "INT", GreaterThan, "14", "below MAJOR"),
        (bugs, "INT", GreaterThan, "19", "below CRITICAL"),
        (bugs, "INT", GreaterThan, "15", "below CRITICAL"),
        (security, "INT", GreaterThan, "14", "below MEDIUM"),
        (security, "INT", GreaterThan, "24", "below BLOCKER"),
        (security, "INT", GreaterThan, "25", "≤ BLOCKER"),
        (security, "INT", LessThan, "15", "MEDIUM or above"),
        (security, "INT", NotEqual, "0", "no issues"),
        (security, "INT", GreaterThan, "-1", "≤ -1"),
        ("m", "STRING", GreaterThan, "x", "≤ x"),
    ] {
        let condition = Condition {
            status: GateStatus::Error,
            metric: key.into(),
            comparator,
            threshold: Some(threshold.into()),
            actual: None,
        };
        let metric = metric(key, kind);
        assert_eq!(condition.required_text(&metric), expected, "{key} {kind} {threshold}");
        assert_eq!(condition.actual_text(&metric), "no value");
    }
}

fn percent(actual: &str, comparator: Comparator, threshold: &str) -> (String, String) {
    let metric = metric("m", "PERCENT");
    let condition = Condition {
        status: GateStatus::Error,
        metric: "m".into(),
        comparator,
        threshold: Some(threshold.into()),
        actual: Some(actual.into()),
    };
    (condition.actual_text(&metric), condition.required_text(&metric))
}

#[test]
fn what_fails_does_not_look_equal() {
    for (actual, comparator, threshold, expected) in [
        ("33.333333", Comparator::LessThan, "33.34", ("33.3%", "≥ 33.34%")),
        ("33.333333", Comparator::GreaterThan, "33.3", ("33.33%", "≤ 33.3%")),
        ("33.333333", Comparator::LessThan, "33.33334", ("33.3%", "≥ 33.33334%")),
        ("79.96", Comparator::LessThan, "80", ("79.96%", "≥ 80%")),
        ("79.5", Comparator::LessThan, "80", ("79.5%", "≥ 80%")),
        ("0.0014", Comparator::GreaterThan, "0.001", ("0.0014%", "≤ 0.001%")),
        ("-0.04", Comparator::LessThan, "0", ("-0.04%", "≥ 0%")),
    ] {
        let (shown, required) = percent(actual, comparator, threshold);
        assert_eq!((shown.as_str(), required.as_str()), expected);
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
    fn rounding_never_changes_the_side_of_the_threshold(
        actual in "-?[0-9]{1,3}(\\.[0-9]{1,9})?",
        threshold in "-?[0-9]{1,3}(\\.[0-9]{1,9})?",
    ) {
        let (shown, required) = percent(&actual, Comparator::GreaterThan, &threshold);
        let number = |text: &str| text.trim_start_matches("≤ ").trim_end_matches('%').parse::<f64>().unwrap();
        let (a, t) = (actual.parse::<f64>().unwrap(), threshold.parse::<f64>().unwrap());
        prop_assert_eq!(
            number(&shown).partial_cmp(&number(&required)),
            a.partial_cmp(&t),
            "{} {}", shown, required
        );
    }

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
