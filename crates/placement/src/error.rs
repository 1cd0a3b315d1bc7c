//! Refusals that several use cases share, with placement's names for them.

use ::api::Error;

pub(crate) fn provider_missing(id: &str) -> Error {
    Error::not_found(format!("No resource provider with uuid {id} found.")).with_code("placement.undefined_code")
}

pub(crate) fn concurrent(what: &str) -> Error {
    Error::conflict(format!("{what} was changed by somebody else; read its generation again and repeat the request."))
        .with_code("placement.concurrent_update")
}

pub(crate) fn class_missing(name: &str) -> Error {
    Error::bad_request(format!("There is no resource class {name}; make it first: PUT /resource_classes/{name}."))
}

pub(crate) fn trait_missing(name: &str) -> Error {
    Error::bad_request(format!("There is no trait {name}; make it first: PUT /traits/{name}."))
}
