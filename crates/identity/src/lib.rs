//! Who may do what: domains, projects, users, roles, tokens and the catalog; the OpenStack identity API v3.

mod caller;
mod rules;

pub use caller::{Caller, TokenData};
pub use rules::BASE_RULES;

use std::sync::Arc;

use api::{Error, Result};
use policy::Policy;

/// The identity service; a cheap handle.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    policy: Arc<Policy>,
}

impl Identity {
    /// The caller that a token stands for; 401 when it is not valid.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        let _ = (token, &self.0.policy);
        Err(Error::unauthorized("The request you have made requires authentication."))
    }
}
