//! Tickets: what an agent shows instead of a token to download one image, for a short time.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Image;

/// What a ticket starts with.
const PREFIX: &str = "ticket:";

/// What a ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Download,
    Upload,
}

impl Image {
    /// A ticket with which `GET /v2/images/{id}/file` may be asked for that image, in place of a token.
    pub fn ticket(&self, image_id: &str, valid: Duration) -> String {
        self.ticket_for(Purpose::Download, image_id, valid)
    }

    pub(crate) fn ticket_for(&self, purpose: Purpose, image_id: &str, valid: Duration) -> String {
        let until = self.0.runtime.clock.now().as_second().saturating_add(valid.as_secs().cast_signed());
        let mac = hex::encode(self.ticket_mac(purpose, image_id, until).finalize().into_bytes());
        format!("{PREFIX}{image_id}:{until}:{mac}")
    }

    /// Whether `token` is a ticket for that image and purpose that still holds.
    pub(crate) fn ticket_holds(&self, purpose: Purpose, token: &str, image_id: &str) -> bool {
        let mut parts = token.strip_prefix(PREFIX).unwrap_or_default().splitn(3, ':');
        let (Some(id), Some(until), Some(mac)) = (parts.next(), parts.next(), parts.next()) else { return false };
        let (Ok(until), Ok(mac)) = (until.parse::<i64>(), hex::decode(mac)) else { return false };
        id == image_id
            && self.ticket_mac(purpose, id, until).verify_slice(&mac).is_ok()
            && until > self.0.runtime.clock.now().as_second()
    }

    fn ticket_mac(&self, purpose: Purpose, image_id: &str, until: i64) -> Hmac<Sha256> {
        // HMAC takes keys of any length; the default key stands only where the type asks for a failure's case.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.options.ticket_key.as_bytes())
            .unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
        let purpose = match purpose {
            Purpose::Download => "image-ticket",
            Purpose::Upload => "image-upload-ticket",
        };
        mac.update(format!("{purpose}\n{image_id}\n{until}").as_bytes());
        mac
    }
}
