//! What projects used in a time, server by server, and the audit of it.

use std::collections::BTreeMap;

use ::api::{Error, Result};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::Compute;
use crate::config::AuditPeriod;
use crate::nodes::AGENT;
use crate::store::usage as store;
use crate::store::usage::{Period, Used};

/// What one server used in a period.
pub(crate) struct ServerUsage {
    pub(crate) server: Used,
    pub(crate) hours: f64,
    /// Seconds that it is there, or was.
    pub(crate) uptime: i64,
}

/// The audit of a period: which servers each node had.
pub(crate) struct Audit {
    pub(crate) period: Period,
    /// Every node that there is, and those that had servers then.
    pub(crate) hosts: BTreeMap<String, i64>,
}

impl Compute {
    /// What the servers of a project, or of all, used in a period; a page after the server `marker`.
    pub(crate) async fn usage(
        &self,
        period: Period,
        project_id: Option<&str>,
        marker: Option<&str>,
        limit: i64,
    ) -> Result<Vec<ServerUsage>> {
        if let Some(marker) = marker
            && !store::server_known(self.db(), marker).await?
        {
            return Err(Error::bad_request(format!("marker [{marker}] not found")));
        }
        let now = self.runtime().clock.now();
        let used = store::servers_used(self.db(), period, project_id, marker, limit).await?;
        Ok(used.into_iter().map(|server| usage_of(server, period, now)).collect())
    }

    /// The audit of the last whole period before a moment. Usage is kept in the database, so that no node has to report
    /// for it and every audit is complete.
    pub(crate) async fn usage_audit(&self, before: Timestamp) -> Result<Audit> {
        let period = period_before(before, self.options().config.instance_usage_audit_period);
        let agents = self.services_list(None, Some(AGENT)).await?;
        let mut hosts: BTreeMap<String, i64> = agents.into_iter().map(|agent| (agent.host, 0)).collect();
        for row in store::hosts_used(self.db(), period).await? {
            hosts.insert(row.host, row.servers);
        }
        Ok(Audit { period, hosts })
    }
}

fn usage_of(server: Used, period: Period, now: Timestamp) -> ServerUsage {
    let begin = server.launched_at.max(period.begin);
    let end = server.deleted_at.map_or(period.end, |gone| gone.min(period.end));
    let hours = (end.duration_since(begin).as_secs_f64() / 3600.0).max(0.0);
    let uptime = server.deleted_at.unwrap_or(now).duration_since(server.launched_at).as_secs();
    ServerUsage { hours, uptime, server }
}

/// The calendar period (of UTC) that ended last before a moment.
fn period_before(moment: Timestamp, length: AuditPeriod) -> Period {
    let now = moment.to_zoned(TimeZone::UTC).datetime();
    let (end, span) = match length {
        AuditPeriod::Hour => (now.date().at(now.hour(), 0, 0, 0), 1.hour()),
        AuditPeriod::Day => (now.date().into(), 1.day()),
        AuditPeriod::Month => (now.date().first_of_month().into(), 1.month()),
        AuditPeriod::Year => (now.date().first_of_year().into(), 1.year()),
    };
    let begin = end.checked_sub(span).unwrap_or(end);
    let at = |time: DateTime| time.to_zoned(TimeZone::UTC).map_or(moment, |zoned| zoned.timestamp());
    Period { begin: at(begin), end: at(end) }
}

#[cfg(test)]
mod tests {
    use super::{AuditPeriod, period_before};

    #[test]
    fn the_last_period_is_whole() {
        for (length, moment, begin, end) in [
            (AuditPeriod::Month, "2026-03-15T12:30:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            (AuditPeriod::Month, "2026-01-01T00:00:00Z", "2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            (AuditPeriod::Hour, "2026-03-15T00:30:00Z", "2026-03-14T23:00:00Z", "2026-03-15T00:00:00Z"),
            (AuditPeriod::Day, "2026-03-01T12:30:00Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
            (AuditPeriod::Year, "2026-03-15T12:30:00Z", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ] {
            let period = period_before(moment.parse().unwrap(), length);
            assert_eq!(
                (period.begin.to_string().as_str(), period.end.to_string().as_str()),
                (begin, end),
                "{length:?}"
            );
        }
    }
}
