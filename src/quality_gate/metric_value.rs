//! How the value of a metric is shown to people, with its unit.

use super::{Condition, Metric, MetricKind};

/// From 2^53 on an `f64` does not hold every whole number: such a value is shown as the server spells it.
const EXACT: u64 = 1 << 53;
/// No power of ten beyond this one is an `f64`.
const MOST_PLACES: i32 = 22;

impl Metric {
    /// `value` with its unit, as a person reads it. A value that does not fit the metric's type is shown as it is.
    ///
    /// Percentages and other fractions are rounded to one place, and to more where one would make them look
    /// like a whole number they are not: 99.96 reads `99.96%`, never `100%`.
    pub fn show(&self, value: &str) -> String {
        self.format(value, |number| round_until(number, |rounded| rounded.fract() != 0.0))
    }

    /// `value` with its unit and all its digits.
    pub(crate) fn show_exactly(&self, value: &str) -> String {
        self.format(value, |number| number)
    }

    /// `value` with its unit and with enough digits to stay on its own side of `threshold`: a value that failed a condition
    /// never looks equal to the threshold it missed.
    pub(crate) fn show_beside(&self, value: &str, threshold: &str) -> String {
        let threshold = number(threshold);
        self.format(value, |number| {
            round_until(number, |rounded| {
                rounded.fract() != 0.0
                    && threshold.is_none_or(|threshold| {
                        rounded.partial_cmp(&threshold) == number.partial_cmp(&threshold)
                    })
            })
        })
    }

    /// Shows `value`. `round` decides how many of a fraction's digits are seen.
    fn format(&self, value: &str, round: impl FnOnce(f64) -> f64) -> String {
        let value = value.trim();
        let as_it_is = || value.to_owned();
        if self.kind == MetricKind::Bool {
            return match value {
                "true" | "1" => "Yes".into(),
                "false" | "0" => "No".into(),
                _ => as_it_is(),
            };
        }
        let Some(number) = number(value) else { return as_it_is() };
        if let Some(scale) = self.severity_scale() {
            return whole(number)
                .and_then(|number| scale.level(u32::try_from(number).ok()?))
                .map_or_else(as_it_is, str::to_owned);
        }
        match self.kind {
            MetricKind::Int | MetricKind::Float => with_thousands(round(number)),
            MetricKind::Percent => format!("{}%", with_thousands(round(number))),
            MetricKind::Rating => {
                let letters = ["A", "B", "C", "D", "E"];
                let index = whole(number).and_then(|rating| usize::try_from(rating).ok()?.checked_sub(1));
                index.and_then(|index| letters.get(index)).map_or_else(as_it_is, |&letter| letter.to_owned())
            }
            MetricKind::WorkDuration => {
                duration(number, &[(8 * 60, "d"), (60, "h"), (1, "min")]).unwrap_or_else(as_it_is)
            }
            // The one date among the metrics is of this type too: milliseconds since 1970.
            MetricKind::Milliseconds if self.key != "last_commit_date" => {
                duration(number, &[(3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")])
                    .unwrap_or_else(as_it_is)
            }
            MetricKind::Milliseconds | MetricKind::Bool | MetricKind::Text | MetricKind::Level => as_it_is(),
        }
    }
}

impl Condition {
    /// How far the value lies from the threshold, in thousandths of the threshold where that is above 1; 0
    /// where there is nothing to compare. It only orders failed conditions by how bad they are.
    pub fn miss(&self) -> u64 {
        let read = |text: &Option<String>| number(text.as_deref()?);
        match (read(&self.actual), read(&self.threshold)) {
            (Some(actual), Some(threshold)) => {
                ((actual - threshold).abs() * 1_000.0 / threshold.abs().max(1.0)).round() as u64
            }
            _ => 0,
        }
    }
}

/// Reads `80`, `80.0`, `-1.5` and Java's `1.0E-4`; `None` for anything else, and for numbers out of range.
///
/// The digits that an `f64` holds exactly are divided by a power of ten that it holds exactly, too, so that the result is
/// the nearest `f64`. The standard library's parser does no better here, and its tables are 11 kB of the packed program.
pub(crate) fn number(text: &str) -> Option<f64> {
    let (sign, digits) = text.trim().strip_prefix('-').map_or((1.0, text.trim()), |digits| (-1.0, digits));
    let (digits, exponent) = match digits.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let mut mantissa = whole.parse::<u64>().ok().filter(|whole| *whole < EXACT)?;
    let mut places = 0;
    for digit in fraction.bytes().map(|byte| u64::from(byte - b'0')) {
        let longer = mantissa * 10 + digit;
        if longer >= EXACT {
            break;
        }
        mantissa = longer;
        places += 1;
    }
    let scale = exponent.checked_sub(places).filter(|scale| scale.abs() <= MOST_PLACES)?;
    let power = 10_f64.powi(scale.abs());
    let number = if scale < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
    // -0 is 0.
    (number < EXACT as f64).then_some(if mantissa == 0 { 0.0 } else { sign * number })
}

/// A whole number that is not negative.
pub(crate) fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && number >= 0.0).then_some(number as u64)
}

/// `number` rounded to as few places as satisfy `enough`, at least one; unrounded when none does.
fn round_until(number: f64, enough: impl Fn(f64) -> bool) -> f64 {
    if number.fract() == 0.0 {
        return number;
    }
    let rounded = |places: i32| {
        let scale = 10_f64.powi(places);
        (number * scale).round() / scale
    };
    (1..=MOST_PLACES).map(rounded).find(|rounded| enough(*rounded)).unwrap_or(number)
}

/// A whole number of the smallest unit, split into `units` (largest first): `1d 2h 20min`.
fn duration(number: f64, units: &[(u64, &str)]) -> Option<String> {
    let mut left = whole(number.abs())?;
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
    let sign = if number < 0.0 { "-" } else { "" };
    Some(format!("{sign}{}", parts.join(" ")))
}

/// `1234567.5` as `1,234,567.5`, the way SonarQube's own pages write it: the fewest digits that are read back as the same number.
fn with_thousands(number: f64) -> String {
    let digits = number.abs().to_string();
    let (whole, fraction) =
        digits.split_once('.').map_or((digits.as_str(), None), |(whole, fraction)| (whole, Some(fraction)));
    let sign = if number < 0.0 { "-" } else { "" };
    let whole = group_thousands(whole);
    fraction.map_or_else(|| format!("{sign}{whole}"), |fraction| format!("{sign}{whole}.{fraction}"))
}

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
