//! Guessing passwords is slow: failures are counted by source address and by account, and whoever has used up its
//! allowance waits. The counts are this process's, in memory; a right password is never counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use api::{Error, Kind, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// How many failures are free, and how soon another one is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// Failures in a row before anybody waits; 0 switches the count off.
    pub burst: u32,
    /// After how many seconds one more is free.
    pub seconds: u32,
}

/// The most sources and accounts that are remembered.
const MOST: usize = 100_000;

/// Counts of failed logins.
pub(crate) struct Throttle {
    source: Allowance,
    account: Allowance,
    spent: Mutex<HashMap<Key, Spent>>,
}

/// Whose failures are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Source(IpAddr),
    Account(String),
}

/// What is spent of an allowance as of a moment, in seconds until all is free again.
#[derive(Clone, Copy)]
struct Spent {
    seconds: f64,
    at: Timestamp,
}

impl Spent {
    fn now(self, now: Timestamp) -> f64 {
        (self.seconds - now.duration_since(self.at).as_secs_f64().max(0.0)).max(0.0)
    }
}

impl Throttle {
    pub fn new(source: Allowance, account: Allowance) -> Self {
        Self { source, account, spent: Mutex::default() }
    }

    /// The keys of a login that count. A source on this machine does not: it may be a proxy for everybody.
    fn keys(&self, source: Option<IpAddr>, account: &str) -> Vec<(Key, Allowance)> {
        let source = source.filter(|address| !address.is_loopback());
        let mut keys: Vec<(Key, Allowance)> = source.map(|at| (Key::Source(at), self.source)).into_iter().collect();
        keys.push((Key::Account(account.to_owned()), self.account));
        keys.retain(|(_, allowance)| allowance.burst > 0);
        keys
    }

    /// 429 if the source or the account has to wait.
    pub fn check(&self, source: Option<IpAddr>, account: &str, now: Timestamp) -> Result<()> {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = |(key, allowance): &(Key, Allowance)| {
            let free = f64::from(allowance.burst - 1) * f64::from(allowance.seconds);
            spent.get(key).map_or(0.0, |spent| spent.now(now) - free)
        };
        let wait = self.keys(source, account).iter().map(wait).fold(0.0, f64::max);
        if wait <= 0.0 {
            return Ok(());
        }
        Err(Error::new(Kind::TooManyRequests, "Too many failed logins; wait before the next one.")
            .with_retry_after(wait))
    }

    /// Counts a failure.
    pub fn failed(&self, source: Option<IpAddr>, account: &str, now: Timestamp) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= MOST {
            spent.retain(|_, spent| spent.now(now) > 0.0);
        }
        for (key, allowance) in self.keys(source, account) {
            let before = spent.get(&key).map_or(0.0, |spent| spent.now(now));
            if spent.len() < MOST || spent.contains_key(&key) {
                spent.insert(key, Spent { seconds: before + f64::from(allowance.seconds), at: now });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn an_account_waits_when_its_allowance_is_spent_and_only_then() {
        let allowance = Allowance { burst: 3, seconds: 10 };
        let throttle = Throttle::new(Allowance { burst: 100, seconds: 1 }, allowance);
        for _ in 0..3 {
            throttle.check(None, "mia", at(0)).unwrap();
            throttle.failed(None, "mia", at(0));
        }
        let refused = throttle.check(None, "mia", at(0)).unwrap_err();
        assert_eq!((refused.kind, refused.retry_after), (Kind::TooManyRequests, Some(10)));
        throttle.check(None, "sam", at(0)).unwrap();
        assert!(throttle.check(None, "mia", at(9)).is_err());
        throttle.check(None, "mia", at(10)).unwrap();
        throttle.failed(None, "mia", at(10));
        assert!(throttle.check(None, "mia", at(10)).is_err());
        throttle.check(None, "mia", at(1000)).unwrap();
    }

    #[test]
    fn a_source_waits_for_all_accounts_but_not_this_machine() {
        let throttle = Throttle::new(Allowance { burst: 2, seconds: 10 }, Allowance { burst: 0, seconds: 1 });
        let (far, near) = ("192.0.2.1".parse().unwrap(), "127.0.0.1".parse().unwrap());
        for name in ["a", "b", "c"] {
            throttle.failed(Some(far), name, at(0));
            throttle.failed(Some(near), name, at(0));
        }
        assert!(throttle.check(Some(far), "d", at(0)).is_err());
        throttle.check(Some(near), "d", at(0)).unwrap();
        throttle.check(Some("192.0.2.2".parse().unwrap()), "d", at(0)).unwrap();
    }
}
