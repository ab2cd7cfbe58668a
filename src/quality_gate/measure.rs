//! Measures and how their values are shown.

use std::cmp::Ordering;

use super::{Comparator, Condition, Metric, MetricKind};
use crate::quality_gate::metric::SeverityScale;

/// One measured value, as the server spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Key of the metric.
    pub metric: String,
    /// The value; for metrics of new code that of the new code period.
    pub value: String,
}

/// The measures shown beside a gate. Empty when the token may not read them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeasureSet(pub Vec<Measure>);

impl MeasureSet {
    /// The value of this metric, if it was measured.
    pub fn value(&self, metric: &str) -> Option<&str> {
        self.0.iter().find(|measure| measure.metric == metric).map(|measure| measure.value.as_str())
    }
}

impl Metric {
    /// `value` with its unit, as a person reads it; a value that does not fit the metric's type as it is.
    ///
    /// Percentages and other fractions are rounded to one place, and to more where one would make them look
    /// like a whole number they are not: 99.96 reads `99.96%`, never `100%`.
    pub fn show(&self, value: &str) -> String {
        self.format(value, |number| number.round_until(|rounded| !rounded.is_whole()))
    }

    /// `value` with its unit and all its digits.
    fn show_exactly(&self, value: &str) -> String {
        self.format(value, Decimal::clone)
    }

    /// `value` with its unit and with digits enough to stay on its own side of `threshold`.
    fn show_beside(&self, value: &str, threshold: &str) -> String {
        let threshold = Decimal::parse(threshold);
        self.format(value, |number| {
            number.round_until(|rounded| {
                !rounded.is_whole()
                    && threshold
                        .as_ref()
                        .is_none_or(|threshold| rounded.cmp(threshold) == number.cmp(threshold))
            })
        })
    }

    /// Shows `value`, with `round` deciding how many of a fraction's digits are seen.
    fn format(&self, value: &str, round: impl FnOnce(&Decimal) -> Decimal) -> String {
        let value = value.trim();
        let as_it_is = || value.to_owned();
        if self.kind == MetricKind::Bool {
            return match value {
                "true" | "1" => "Yes".into(),
                "false" | "0" => "No".into(),
                _ => as_it_is(),
            };
        }
        let Some(number) = Decimal::parse(value) else { return as_it_is() };
        if let Some(scale) = self.severity_scale() {
            return number
                .to_u32()
                .and_then(|number| scale.level(number))
                .map_or_else(as_it_is, str::to_owned);
        }
        match self.kind {
            MetricKind::Int | MetricKind::Float => round(&number).to_string(),
            MetricKind::Percent => format!("{}%", round(&number)),
            MetricKind::Rating => {
                let letters = ["A", "B", "C", "D", "E"];
                let index = number.to_u32().and_then(|rating| usize::try_from(rating).ok()?.checked_sub(1));
                index.and_then(|index| letters.get(index)).map_or_else(as_it_is, |&letter| letter.to_owned())
            }
            MetricKind::WorkDuration => {
                duration(&number, &[(8 * 60, "d"), (60, "h"), (1, "min")]).unwrap_or_else(as_it_is)
            }
            // The one date among the metrics is of this type too: milliseconds since 1970.
            MetricKind::Milliseconds if self.key != "last_commit_date" => {
                duration(&number, &[(3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")])
                    .unwrap_or_else(as_it_is)
            }
            MetricKind::Milliseconds | MetricKind::Bool | MetricKind::Text | MetricKind::Level => as_it_is(),
        }
    }
}

impl Condition {
    /// The measured value with its unit, with digits enough to tell it from the threshold it missed;
    /// `no value` when nothing was measured.
    pub fn actual_text(&self, metric: &Metric) -> String {
        match (self.actual.as_deref().map(str::trim), &self.threshold) {
            (None | Some(""), _) => "no value".into(),
            (Some(actual), Some(threshold)) => metric.show_beside(actual, threshold),
            (Some(actual), None) => metric.show(actual),
        }
    }

    /// How far the value lies from the threshold, in thousandths of the threshold where that is above 1; 0
    /// where there is nothing to compare. Tells the worse of two misses, no more.
    pub fn miss(&self) -> u64 {
        let number = |text: &Option<String>| Decimal::parse(text.as_deref()?)?.to_thousandths();
        match (number(&self.actual), number(&self.threshold)) {
            (Some(actual), Some(threshold)) => {
                actual.abs_diff(threshold).saturating_mul(1_000) / threshold.unsigned_abs().max(1_000)
            }
            _ => 0,
        }
    }

    /// What is required: the opposite of the comparison that fails, such as `≥ 80%`, `B or better` or `below MAJOR`.
    pub fn required_text(&self, metric: &Metric) -> String {
        use Comparator::{Equal, GreaterThan, LessThan, NotEqual};
        let Some(threshold) = self.threshold.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
            return "no threshold".into();
        };
        if let Some(text) =
            metric.severity_scale().and_then(|scale| severity_required(scale, self.comparator, threshold))
        {
            return text;
        }
        let shown = metric.show_exactly(threshold);
        // A rating's best is its smallest, so "at most" is "or better".
        if metric.kind == MetricKind::Rating && shown != threshold {
            return match self.comparator {
                GreaterThan if shown == "A" => shown,
                GreaterThan => format!("{shown} or better"),
                LessThan => format!("{shown} or worse"),
                Equal => format!("not {shown}"),
                NotEqual => shown,
            };
        }
        match self.comparator {
            GreaterThan => format!("≤ {shown}"),
            LessThan => format!("≥ {shown}"),
            Equal => format!("≠ {shown}"),
            NotEqual => format!("= {shown}"),
        }
    }
}

/// What a condition on a severity requires; `None` for a threshold beyond the scale.
fn severity_required(scale: SeverityScale, comparator: Comparator, threshold: &str) -> Option<String> {
    let threshold = Decimal::parse(threshold)?.to_u32()?;
    Some(match comparator {
        Comparator::GreaterThan => match scale.levels().find(|(number, _)| *number > threshold)? {
            (5, _) => SeverityScale::NO_ISSUES.into(),
            (_, failing) => format!("below {failing}"),
        },
        Comparator::LessThan => {
            let (_, least) = scale.levels().find(|(number, _)| *number >= threshold)?;
            format!("{least} or above")
        }
        Comparator::Equal => format!("not {}", scale.level(threshold)?),
        Comparator::NotEqual => scale.level(threshold)?.into(),
    })
}

/// A whole number of the smallest unit, split into `units` (largest first): `1d 2h 20min`.
fn duration(number: &Decimal, units: &[(u64, &str)]) -> Option<String> {
    let mut left: u64 = number.is_whole().then(|| number.whole.parse().ok())??;
    let mut parts = Vec::new();
    for &(size, unit) in units {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{}{unit}", group_thousands(&count.to_string())));
        }
    }
    if parts.is_empty() {
        parts.push(format!("0{}", units.last()?.1));
    }
    let sign = if number.negative { "-" } else { "" };
    Some(format!("{sign}{}", parts.join(" ")))
}

/// A decimal number by its digits, so that no binary fraction changes what the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// Without leading zeros, but never empty.
    whole: String,
    /// Without trailing zeros; empty for a whole number.
    fraction: String,
}

impl Decimal {
    /// Thousandths of it, cut off; `None` beyond their range.
    fn to_thousandths(&self) -> Option<i64> {
        let digits: String = self.fraction.chars().chain("000".chars()).take(3).collect();
        let number: i64 = format!("{}{digits}", self.whole).parse().ok()?;
        Some(if self.negative { -number } else { number })
    }

    /// Reads `80`, `80.0`, `-1.5` and Java's `1.0E-4`; `None` for anything else.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        // Far beyond any measure, and a bound to the zeros written below.
        if text.len() > 64 || exponent.abs() > 64 {
            return None;
        }
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let zeros = "0".repeat(usize::try_from(exponent.unsigned_abs()).ok()?);
        let (whole, fraction) = if exponent < 0 {
            let whole = format!("{zeros}{whole}");
            let (whole, moved) = whole.split_at(whole.len() - zeros.len());
            (whole.to_owned(), format!("{moved}{fraction}"))
        } else {
            let fraction = format!("{fraction}{zeros}");
            let (moved, fraction) = fraction.split_at(zeros.len());
            (format!("{whole}{moved}"), fraction.to_owned())
        };
        Some(Self::new(negative, &whole, &fraction))
    }

    fn new(negative: bool, whole: &str, fraction: &str) -> Self {
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let zero = whole.is_empty() && fraction.is_empty();
        Self {
            negative: negative && !zero,
            whole: if whole.is_empty() { "0" } else { whole }.to_owned(),
            fraction: fraction.to_owned(),
        }
    }

    fn is_whole(&self) -> bool {
        self.fraction.is_empty()
    }

    fn to_u32(&self) -> Option<u32> {
        if self.is_whole() && !self.negative { self.whole.parse().ok() } else { None }
    }

    /// Rounded to as few places as satisfy `enough`, at least one; unrounded when none does.
    fn round_until(&self, enough: impl Fn(&Self) -> bool) -> Self {
        (1..self.fraction.len()).map(|places| self.round(places)).find(enough).unwrap_or_else(|| self.clone())
    }

    /// Rounded half up, away from zero.
    fn round(&self, places: usize) -> Self {
        let Some(&next) = self.fraction.as_bytes().get(places) else { return self.clone() };
        let mut digits: Vec<u8> = self.whole.bytes().chain(self.fraction.bytes().take(places)).collect();
        if next >= b'5' {
            let nines = digits.iter().rev().take_while(|&&digit| digit == b'9').count();
            let kept = digits.len() - nines;
            digits.iter_mut().skip(kept).for_each(|digit| *digit = b'0');
            match kept.checked_sub(1).and_then(|last| digits.get_mut(last)) {
                Some(digit) => *digit += 1,
                None => digits.insert(0, b'1'),
            }
        }
        let digits: String = digits.into_iter().map(char::from).collect();
        let (whole, fraction) = digits.split_at(digits.len() - places);
        Self::new(self.negative, whole, fraction)
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = |a: &Self, b: &Self| {
            a.whole
                .len()
                .cmp(&b.whole.len())
                .then_with(|| a.whole.cmp(&b.whole))
                .then_with(|| a.fraction.cmp(&b.fraction))
        };
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => magnitude(self, other),
            (true, true) => magnitude(other, self),
        }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        f.write_str(&group_thousands(&self.whole))?;
        if self.fraction.is_empty() { Ok(()) } else { write!(f, ".{}", self.fraction) }
    }
}

/// `1234567` as `1,234,567`, the way SonarQube's own pages write it.
fn group_thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
