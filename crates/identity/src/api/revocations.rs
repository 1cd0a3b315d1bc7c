//! `/v3/OS-REVOKE/events`: which tokens were ended one by one, for services that ask.

use api::{Error, Json, Query, Result};
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};

use super::call::Call;
use crate::Identity;

pub(super) fn routes() -> Router<Identity> {
    Router::new().route("/v3/OS-REVOKE/events", get(event_list))
}

async fn event_list(call: Call, query: Query) -> Result<Json<Value>> {
    call.allow_plain("identity:list_revoke_events")?;
    let wrong = || Error::bad_request("since must be a time such as 2027-01-31T12:00:00.000000Z.");
    let since = query.get("since").map(|text| api::time::parse(text).ok_or_else(wrong)).transpose()?;
    let events: Vec<Value> = call.identity.revocation_list(since).await?.iter().map(shown).collect();
    let here = call.links.to("/v3/OS-REVOKE/events");
    Ok(Json(json!({"events": events, "links": {"self": here, "next": null, "previous": null}})))
}

fn shown(event: &crate::store::revision::Revocation) -> Value {
    let name = if event.chain { "audit_chain_id" } else { "audit_id" };
    json!({name: event.audit_id, "issued_before": api::time::micros(event.revoked_at)})
}
