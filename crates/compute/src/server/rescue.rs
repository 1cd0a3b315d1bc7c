//! Booting a server from another disk for its repair.

use ::api::{Error, Kind, Result};
use identity::Caller;
use trace::Traced as _;

use super::{Image, Rescue, Server};
use crate::Compute;
use crate::state::Action;
use crate::work::rescue::{ServerRescue, ServerUnrescue};
use crate::work::steps::Before;

const LIMIT_MINUTES: i64 = 60;

impl Compute {
    /// Rescues the server with an image, its own without one. Its config drive, if it has one, tells the password.
    pub(crate) async fn server_rescue(
        &self,
        caller: &Caller,
        server: &Server,
        image_id: Option<&str>,
        admin_pass: &str,
    ) -> Result<()> {
        let rescue = match image_id {
            None => Rescue { image_id: server.image_id.clone(), image: server.image.0.clone() },
            Some(id) => {
                let info =
                    self.0.deps.image.image_visible(caller, id).traced("image", "look up").await.map_err(|error| {
                        match error.kind {
                            Kind::NotFound => Error::bad_request(format!("Requested rescue image '{id}' is not valid")),
                            _ => error,
                        }
                    })?;
                if info.status != image::Status::Active {
                    return Err(Error::bad_request(format!(
                        "Requested rescue image '{id}' is not valid: it has no data yet."
                    )));
                }
                Rescue { image_id: id.to_owned(), image: Image::from(info) }
            }
        };
        let tx = self.server_claim(Some(caller), server, Action::Rescue).await?;
        let data = ServerRescue {
            server_id: server.id.clone(),
            before: Before::of(server),
            rescue,
            admin_pass: admin_pass.to_owned(),
        };
        self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await.map(drop)
    }

    /// Ends it.
    pub(crate) async fn server_unrescue(&self, caller: &Caller, server: &Server) -> Result<()> {
        let tx = self.server_claim(Some(caller), server, Action::Unrescue).await?;
        let before = Before::of(server);
        let data = ServerUnrescue { server_id: server.id.clone(), before, rescue: server.rescue.clone() };
        self.server_submit(tx, Some(caller), server, LIMIT_MINUTES, data).await.map(drop)
    }
}
