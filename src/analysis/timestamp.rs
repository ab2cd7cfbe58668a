//! Times as servers and agents write them.

/// Reads `2026-11-23T20:00:58+0000` (SonarQube) and `2026-11-23 20:00:58+00:00` (`System.PipelineStartTime`), with
/// or without fractions of a second, `Z` for the offset; the result is in seconds since 1970.
pub fn seconds_since_1970(text: &str) -> Option<u64> {
    let text = text.trim();
    if !text.is_ascii() || text.len() < 20 {
        return None;
    }
    let (time, rest) = text.split_at(19);
    let number = |from: usize, to: usize| {
        let digits = &time[from..to];
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    };
    let separators = [(4, "-"), (7, "-"), (10, "T "), (13, ":"), (16, ":")];
    if !separators.iter().all(|(at, allowed)| allowed.contains(&time[*at..=*at])) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) {
        return None;
    }
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    // Days of the proleptic Gregorian calendar; a year begins in March, so that leap days come last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day
        - 1
        - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute - offset_in_minutes(offset.trim_start())?) * 60 + second;
    u64::try_from(seconds).ok()
}

/// `Z`, `+0230`, `-03:30`.
fn offset_in_minutes(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits = text[1..].replacen(':', "", 1);
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(sign * (digits[..2].parse::<i64>().ok()? * 60 + digits[2..].parse::<i64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_servers_and_agents_are_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00+0000", Some(0)),
            ("2026-11-23T20:00:58+0000", Some(1_795_464_058)),
            ("2026-11-23T22:30:58+0230", Some(1_795_464_058)),
            ("2026-11-23T16:30:58-0330", Some(1_795_464_058)),
            ("2026-11-23 20:00:58+00:00", Some(1_795_464_058)),
            ("2026-11-23 16:30:58-03:30", Some(1_795_464_058)),
            ("2026-11-23T20:00:58.1234567Z", Some(1_795_464_058)),
            ("2026-11-23T20:00:58Z", Some(1_795_464_058)),
            ("2024-02-29T12:00:00+0000", Some(1_709_208_000)),
            ("2024-13-29T12:00:00+0000", None),
            ("2026-11-23T20:00:58", None),
            ("2026-11-23T20:00:58+0", None),
            ("2026-11-23T20:00:58 UTC", None),
            ("23/11/2026 20:00:58 +00:00", None),
            ("2026-11-23T+1:00:58+0000", None),
            ("", None),
        ] {
            assert_eq!(seconds_since_1970(text), expected, "{text}");
        }
    }
}
