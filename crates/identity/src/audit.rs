//! The audit trail: who changed what, written in the transaction of the change, as CADF events.

use std::net::IpAddr;
use std::sync::Arc;

use api::Result;
use db::Tx;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::store::audit::{self as store, Record};
use crate::{Caller, Identity};

/// Who makes changes through a handle on identity.
#[derive(Clone, Debug, Default)]
pub(crate) struct By {
    user_id: Option<String>,
    project_id: Option<String>,
    domain_id: Option<String>,
    request_id: String,
    address: Option<IpAddr>,
}

/// What is done to a thing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Created,
    Updated,
    Deleted,
    /// An account, by too many wrong passwords.
    Locked,
}

/// A change that is about to be committed: the kind and id of the thing, and what else identifies it.
pub(crate) struct Change<'a> {
    pub action: Action,
    pub kind: &'a str,
    pub id: &'a str,
    /// Names and values of further ids: the two sides of a membership, of an assignment.
    pub details: &'a [(&'a str, &'a str)],
}

impl<'a> Change<'a> {
    pub fn new(action: Action, kind: &'a str, id: &'a str) -> Self {
        Self { action, kind, id, details: &[] }
    }
}

impl Identity {
    /// The same service, its changes being the caller's.
    pub(crate) fn by(&self, caller: &Caller, address: Option<IpAddr>) -> Self {
        let token = &caller.token;
        let by = By {
            user_id: Some(token.user_id.clone()),
            project_id: token.project_id.clone(),
            domain_id: token.domain_id.clone(),
            request_id: caller.request_id.clone(),
            address,
        };
        Self(Arc::clone(&self.0), Some(Arc::new(by)))
    }

    /// The same service for somebody who has no token yet.
    pub(crate) fn by_nobody(&self, request_id: String, address: Option<IpAddr>) -> Self {
        Self(Arc::clone(&self.0), Some(Arc::new(By { request_id, address, ..By::default() })))
    }

    /// The same service, its changes being the user's, who has proven to be that without a token.
    pub(crate) fn by_user(&self, user_id: &str) -> Self {
        let by = self.1.as_deref().cloned().unwrap_or_default();
        Self(Arc::clone(&self.0), Some(Arc::new(By { user_id: Some(user_id.to_owned()), ..by })))
    }

    /// Where the request comes from.
    pub(crate) fn source(&self) -> Option<IpAddr> {
        self.1.as_deref().and_then(|by| by.address)
    }

    /// Commits a change together with its record.
    pub(crate) async fn commit(&self, tx: Tx, action: Action, kind: &str, id: &str) -> Result<()> {
        self.commit_change(tx, &Change::new(action, kind, id)).await
    }

    /// The same, with more ids.
    pub(crate) async fn commit_change(&self, mut tx: Tx, change: &Change<'_>) -> Result<()> {
        self.record(&mut tx, change).await?;
        Ok(tx.commit().await?)
    }

    /// Writes the record of a change into its transaction.
    pub(crate) async fn record(&self, tx: &mut Tx, change: &Change<'_>) -> Result<()> {
        let now = self.0.runtime.clock.now();
        let by = self.1.as_deref();
        let action = match change.action {
            Action::Created => "created",
            Action::Updated => "updated",
            Action::Deleted => "deleted",
            Action::Locked => "locked",
        };
        let details = change.details.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        let record = Record {
            id: self.0.runtime.ids.uuid(),
            at: now,
            action: format!("{action}.{}", change.kind),
            target_type: change.kind.to_owned(),
            target_id: change.id.to_owned(),
            initiator_id: by.and_then(|by| by.user_id.clone()),
            initiator_project_id: by.and_then(|by| by.project_id.clone()),
            initiator_domain_id: by.and_then(|by| by.domain_id.clone()),
            initiator_address: by.and_then(|by| by.address).map(|address| address.to_string()),
            request_id: by.map(|by| by.request_id.clone()),
            details: db::Json(details.collect::<Map<String, Value>>()),
        };
        store::insert(tx, &record).await?;
        if let Ok(oldest) = now.checked_sub(self.0.config.audit_retention()) {
            store::forget(tx, oldest).await?;
        }
        Ok(())
    }

    /// The newest events of the trail as CADF has them, about a target or by an initiator if one is named.
    pub async fn audit_list(
        &self,
        target_id: Option<&str>,
        initiator_id: Option<&str>,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<Value>> {
        let records = store::list(&self.0.db, target_id, initiator_id, since, limit).await?;
        Ok(records.iter().map(event).collect())
    }
}

fn event(record: &Record) -> Value {
    let mut target = json!({"id": record.target_id, "typeURI": type_uri(&record.target_type)});
    for (name, value) in &record.details.0 {
        target[name] = value.clone();
    }
    json!({
        "typeURI": "http://schemas.dmtf.org/cloud/audit/1.0/event",
        "id": record.id,
        "eventTime": api::time::micros(record.at),
        "eventType": "activity",
        "action": record.action,
        "outcome": "success",
        "initiator": {
            "typeURI": "service/security/account/user",
            "id": record.initiator_id,
            "user_id": record.initiator_id,
            "project_id": record.initiator_project_id,
            "domain_id": record.initiator_domain_id,
            "host": {"address": record.initiator_address},
            "request_id": record.request_id,
        },
        "target": target,
        "observer": {"typeURI": "service/security", "id": "identity"},
    })
}

fn type_uri(kind: &str) -> String {
    match kind {
        "user" => "data/security/account/user".to_owned(),
        other => format!("data/security/{other}"),
    }
}
