//! Networks as OVN's northbound database has them.

use api::{Error, Kind, Result};

use crate::Change;
use crate::model::Model;

/// The connection to OVN.
#[derive(Clone)]
pub struct Backend;

impl Backend {
    /// Makes the changed things in OVN what the database says.
    pub(crate) async fn apply(&self, _model: &Model, _changes: &[Change]) -> Result<()> {
        Err(Error::new(Kind::NotImplemented, "The OVN backend is not built yet."))
    }
}
