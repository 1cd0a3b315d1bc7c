//! Who may see and change what, and what every new resource has.

use api::{Error, Kind, Result};
use identity::Caller;
use jiff::Timestamp;
use policy::Target;

use crate::Network;
use crate::model::{self, Standard};
use crate::store::list::Visible;

/// 404 unless the caller sees the thing, 403 unless they may do this to it.
pub(crate) fn guard(
    caller: &Caller,
    see: &str,
    action: &str,
    target: &Target<'_>,
    missing: impl FnOnce() -> Error,
) -> Result<()> {
    if caller.may(see, target) { caller.allow(action, target) } else { Err(missing()) }
}

/// 404 with the service's own name for it: `NetworkNotFound`, `Network`, id.
pub(crate) fn missing(code: &'static str, what: &str, id: &str) -> Error {
    Error::not_found(format!("{what} {id} could not be found.")).with_code(code)
}

/// 400 with the service's own name for it.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::bad_request(message).with_code("InvalidInput")
}

/// 409 with the service's own name for it.
pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(Kind::Conflict, message).with_code(code)
}

/// A target that belongs to a project.
pub(crate) fn of_project(project_id: &str) -> Target<'_> {
    Target::new().with("project_id", project_id)
}

/// A target that belongs to a project and lies in a network.
pub(crate) fn in_network<'a>(project_id: &'a str, network: &'a model::Network) -> Target<'a> {
    of_project(project_id)
        .with("network_project_id", &network.standard.project_id)
        .with("shared", network.shared)
        .with("external", network.external)
}

/// The network itself as a target.
pub(crate) fn network_target(network: &model::Network) -> Target<'_> {
    of_project(&network.standard.project_id).with("shared", network.shared).with("external", network.external)
}

/// Whether the caller administers the cloud.
pub(crate) fn is_admin(caller: &Caller) -> bool {
    caller.may("context_is_admin", &Target::new())
}

/// Which rows the caller sees in a list.
pub(crate) fn visible<'a>(caller: &'a Caller, condition: &'static str) -> Visible<'a> {
    (!is_admin(caller)).then(|| (condition, caller.token.project_id.as_deref().unwrap_or("-")))
}

/// The project that a new resource is to belong to.
pub(crate) fn owner(caller: &Caller, asked: Option<String>) -> Result<String> {
    match asked {
        Some(project) if !project.is_empty() => {
            api::fields::length("project_id", &project, 1, 255)?;
            Ok(project)
        }
        _ => caller.project_id().map(str::to_owned),
    }
}

impl Network {
    /// What a new resource has.
    pub(crate) fn standard(
        &self,
        project_id: &str,
        name: Option<String>,
        description: Option<String>,
        now: Timestamp,
    ) -> Result<Standard> {
        let (name, description) = (name.unwrap_or_default(), description.unwrap_or_default());
        texts_check(&name, &description)?;
        Ok(Standard {
            id: self.0.runtime.ids.uuid(),
            project_id: project_id.to_owned(),
            name,
            description,
            revision: 1,
            created_at: now,
            updated_at: now,
            tags: Vec::new(),
        })
    }
}

fn texts_check(name: &str, description: &str) -> Result<()> {
    api::fields::length("name", name, 0, 255)?;
    api::fields::length("description", description, 0, 255)
}

impl Standard {
    /// Changes what was given.
    pub(crate) fn rename(&mut self, name: Option<String>, description: Option<String>) -> Result<()> {
        self.name = name.unwrap_or_else(|| std::mem::take(&mut self.name));
        self.description = description.unwrap_or_else(|| std::mem::take(&mut self.description));
        texts_check(&self.name, &self.description)
    }
}

/// 400 for a field of a request that must be a UUID and is none.
pub(crate) fn uuid_check(field: &str, id: &str) -> Result<()> {
    if api::fields::is_uuid(id) { Ok(()) } else { Err(invalid(format!("{field} must be a UUID, not '{id}'."))) }
}
