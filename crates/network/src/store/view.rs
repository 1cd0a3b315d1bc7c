//! Whole views for backends.

use db::{Db, Result};

use crate::model::{NetworkView, PortView, RouterView, SecurityGroupView};

pub(crate) async fn networks(_db: &Db, _ids: &[String]) -> Result<Vec<NetworkView>> {
    Ok(Vec::new())
}

pub(crate) async fn ports(_db: &Db, _ids: &[String]) -> Result<Vec<PortView>> {
    Ok(Vec::new())
}

pub(crate) async fn routers(_db: &Db, _ids: &[String]) -> Result<Vec<RouterView>> {
    Ok(Vec::new())
}

pub(crate) async fn security_groups(_db: &Db, _ids: &[String]) -> Result<Vec<SecurityGroupView>> {
    Ok(Vec::new())
}
