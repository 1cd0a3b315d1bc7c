use std::collections::BTreeMap;

use ::api::{Error, Json, Result};
use axum::extract::State;
use http::StatusCode;
use identity::Caller;
use policy::Target;
use serde::Deserialize;

use super::allocations::AllocationsBody;
use super::inventories::InventoriesBody;
use super::{Since, uuid_check};
use crate::Placement;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    inventories: BTreeMap<String, InventoriesBody>,
    allocations: BTreeMap<String, AllocationsBody>,
}

pub(super) async fn reshape(
    State(placement): State<Placement>,
    caller: Caller,
    Since(version): Since<30>,
    Json(body): Json<Body>,
) -> Result<StatusCode> {
    caller.allow("placement:reshaper:reshape", &Target::new())?;
    if body.inventories.is_empty() {
        return Err(Error::bad_request(
            "inventories must name at least one provider; else there is nothing to reshape.",
        ));
    }
    let mut shapes = Vec::new();
    for (id, inventories) in body.inventories {
        uuid_check(&id)?;
        shapes.push(inventories.shape(id, version)?);
    }
    let claims: Result<Vec<_>> = body.allocations.into_iter().map(|(id, body)| body.claim(&id, version)).collect();
    placement.reshape(&shapes, &claims?).await?;
    Ok(StatusCode::NO_CONTENT)
}
