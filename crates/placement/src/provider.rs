use api::{Error, Kind, Result};

use crate::Placement;

impl Placement {
    /// Makes sure that there is a root provider of that id and name.
    pub async fn provider_ensure(&self, id: &str, name: &str) -> Result<()> {
        let _ = (id, name, &self.0.runtime);
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }

    /// Removes a provider; 409 while something is allocated from it. Succeeds when it is gone already.
    pub async fn provider_delete(&self, id: &str) -> Result<()> {
        let _ = id;
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }

    /// Makes a provider's traits these; unknown `CUSTOM_` ones are made. Tells whether something changed.
    pub async fn traits_set(&self, provider_id: &str, traits: &[String]) -> Result<bool> {
        let _ = (provider_id, traits);
        Err(Error::new(Kind::NotImplemented, "Not yet."))
    }
}
