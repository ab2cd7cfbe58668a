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
mod tests;
