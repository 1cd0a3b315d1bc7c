//! `/os-aggregates`. Aggregates cannot be made yet, so the list is empty; the stock client reads it whenever it shows
//! a hypervisor.

use ::api::{Json, Result};
use axum::Router;
use axum::routing::get;
use identity::Caller;
use policy::Target;
use serde_json::{Value, json};

use crate::Compute;

pub(super) fn routes() -> Router<Compute> {
    Router::new().route("/v2.1/os-aggregates", get(aggregates_list))
}

async fn aggregates_list(caller: Caller) -> Result<Json<Value>> {
    caller.allow("os_compute_api:os-aggregates:index", &Target::new())?;
    Ok(Json(json!({"aggregates": []})))
}
