use super::*;
use crate::quality_gate::GateStatus;
use proptest::prelude::*;

fn metric(key: &str, kind: &str) -> Metric {
    Metric { key: key.into(), name: key.into(), kind: MetricKind::parse(kind) }
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
}
