use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Processors by number, written as `0-3,6` and read also as `0-7,^2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CpuSet(pub BTreeSet<u32>);

impl FromStr for CpuSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut with, mut without) = (BTreeSet::new(), BTreeSet::new());
        let bad = || format!("{text:?} is not a list of processors such as 0-3,6");
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (range, set) = match part.strip_prefix('^') {
                Some(range) => (range, &mut without),
                None => (part, &mut with),
            };
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let (from, to): (u32, u32) =
                (from.trim().parse().map_err(|_| bad())?, to.trim().parse().map_err(|_| bad())?);
            // More than any machine has would only fill memory.
            if from > to || to > 65_535 {
                return Err(bad());
            }
            set.extend(from..=to);
        }
        Ok(Self(with.difference(&without).copied().collect()))
    }
}

impl TryFrom<String> for CpuSet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<CpuSet> for String {
    fn from(set: CpuSet) -> Self {
        set.to_string()
    }
}

impl CpuSet {
    /// Those of the first `count` processors that `text` names. A text that begins with taking away takes away from all.
    pub fn among(text: &str, count: u32) -> Result<Self, String> {
        match count.checked_sub(1).filter(|_| text.trim_start().starts_with('^')) {
            Some(last) => format!("0-{last},{text}").parse(),
            None => text.parse(),
        }
    }
}

impl FromIterator<u32> for CpuSet {
    fn from_iter<T: IntoIterator<Item = u32>>(cpus: T) -> Self {
        Self(cpus.into_iter().collect())
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for &cpu in &self.0 {
            match ranges.last_mut() {
                Some((_, to)) if *to + 1 == cpu => *to = cpu,
                _ => ranges.push((cpu, cpu)),
            }
        }
        for (position, (from, to)) in ranges.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            if from == to { write!(f, "{comma}{from}")? } else { write!(f, "{comma}{from}-{to}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_and_written() {
        for (text, written) in [("0-3,6", "0-3,6"), ("3, 1,2", "1-3"), ("0-5,^2", "0-1,3-5"), ("", ""), ("^1", "")] {
            assert_eq!(text.parse::<CpuSet>().map(|set| set.to_string()), Ok(written.to_owned()));
        }
        assert_eq!(CpuSet::among("^0", 4).map(|set| set.to_string()), Ok("1-3".to_owned()));
        assert_eq!(CpuSet::among("0,1", 4).map(|set| set.to_string()), Ok("0-1".to_owned()));
        for text in ["a", "1-", "3-1", "0-99999999"] {
            assert!(text.parse::<CpuSet>().is_err(), "{text}");
        }
    }
}
