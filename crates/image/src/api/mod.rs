//! The HTTP face: one file per resource, routes and shapes only.

mod file;
mod images;
mod info;
mod members;
mod schemas;
mod tags;
mod versions;

use api::{Service, Style};
use axum::Router;

use crate::Image;

/// Every route of the image API.
pub(crate) fn router(image: Image) -> Router {
    let routes = Router::new()
        .merge(versions::routes())
        .merge(images::routes())
        .merge(file::routes())
        .merge(members::routes())
        .merge(tags::routes())
        .merge(schemas::routes())
        .merge(info::routes());
    Service { kind: "image", prefix: "/image", style: Style::Image, negotiation: None }.wrap(routes.with_state(image))
}
