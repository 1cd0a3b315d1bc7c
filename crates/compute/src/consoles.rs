//! Consoles: what a server wrote to its serial line, and short-lived addresses at which a browser reaches its screen.

use ::api::{Error, Links, Result};
use protocol::{Answer, Call, ConsoleKind, Problem};
use sha2::{Digest as _, Sha256};

use crate::Compute;
use crate::server::Server;
use crate::server::actions::placed;
use crate::state::Action;
use crate::store::tokens::{Token, token_get, token_insert};
use crate::work::agent::Trouble;

/// What a token opens.
pub(crate) struct Opened {
    /// The unix socket on the node.
    pub(crate) socket: String,
}

impl Compute {
    /// The end of the server's serial log: its last `lines` lines, or all of it.
    pub(crate) async fn console_output(&self, server: &Server, lines: Option<i64>) -> Result<String> {
        Action::ConsoleOutput.check(&server.id, &server.vm_state, &server.task_state)?;
        placed(server)?;
        let lines = lines.filter(|lines| *lines >= 0).map(|lines| u32::try_from(lines).unwrap_or(u32::MAX));
        let call = Call::ConsoleOutput { server_id: server.id.clone(), lines };
        match self.ask(&server.host, &call).await {
            Ok(Answer::ConsoleOutput(text)) => Ok(text),
            Ok(_) => Ok(String::new()),
            Err(trouble) => Err(refusal(server, trouble)),
        }
    }

    /// The address of a console of the server, good for a short time.
    pub(crate) async fn console_open(
        &self,
        server: &Server,
        protocol: &str,
        console_type: &str,
        links: &Links,
    ) -> Result<String> {
        let kind = match (protocol, console_type) {
            ("vnc", "novnc") => "vnc",
            ("spice", "spice-html5") => "spice",
            ("serial", "serial") => "serial",
            ("vnc", "xvpvnc") | ("spice", "spice-direct") | ("rdp", "rdp-html5") | ("mks", "webmks") => {
                return Err(unavailable(console_type, "this cloud has novnc, spice-html5 and serial"));
            }
            _ => {
                return Err(Error::bad_request(format!(
                    "Invalid console: there is no {console_type} by {protocol}; ask for novnc by vnc, spice-html5 by spice \
                     or serial by serial."
                )));
            }
        };
        Action::Console.check(&server.id, &server.vm_state, &server.task_state)?;
        placed(server)?;
        // A node that cannot show the console says so now and not to the browser.
        self.console_address(&server.host, &server.id, kind).await.map_err(|trouble| match trouble {
            Trouble::Problem(Problem::Permanent(reason)) => unavailable(console_type, &reason),
            trouble => refusal(server, trouble),
        })?;
        let secret = self.runtime().ids.secret();
        let now = self.runtime().clock.now();
        let until = now.checked_add(self.options().console_expiry).unwrap_or(now);
        let token = Token { server_id: server.id.clone(), host: server.host.clone(), kind: kind.to_owned() };
        let mut tx = self.db().begin().await?;
        token_insert(&mut tx, &hash(&secret), &token, until, now).await?;
        tx.commit().await?;
        let base = match self.options().console_url.trim_end_matches('/') {
            "" => links.to("").trim_end_matches("/compute").to_owned(),
            url => url.to_owned(),
        };
        Ok(match kind {
            "vnc" => format!("{base}/console/vnc_auto.html?path=%3Ftoken%3D{secret}"),
            // The page takes the path from the host's root.
            "spice" => {
                let path =
                    base.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
                let path = format!("{path}/console/websockify?token={secret}");
                let path = percent_encoding::utf8_percent_encode(&path, percent_encoding::NON_ALPHANUMERIC);
                format!("{base}/console/spice/spice_auto.html?path={path}")
            }
            _ => format!("{}/console/websockify?token={secret}", base.replacen("http", "ws", 1)),
        })
    }

    /// The server and node that a token is for; 404 when it does not hold.
    pub(crate) async fn console_token_get(&self, secret: &str) -> Result<Token> {
        let found = token_get(self.db(), &hash(secret), self.runtime().clock.now()).await?;
        found.ok_or_else(|| Error::not_found("Token not found"))
    }

    /// What the token opens; 401 when it does not hold.
    pub(crate) async fn console_of_token(&self, secret: &str) -> Result<Opened> {
        let token = token_get(self.db(), &hash(secret), self.runtime().clock.now()).await?.ok_or_else(|| {
            Error::unauthorized("The console's token is not valid any more; ask for the console again.")
        })?;
        let address = self.console_address(&token.host, &token.server_id, &token.kind).await;
        let socket =
            address.map_err(|trouble| Error::unavailable(format!("The console cannot be reached now: {trouble}")))?;
        Ok(Opened { socket })
    }

    async fn console_address(&self, host: &str, server_id: &str, kind: &str) -> Result<String, Trouble> {
        let kind = match kind {
            "serial" => ConsoleKind::Serial,
            "spice" => ConsoleKind::Spice,
            _ => ConsoleKind::Vnc,
        };
        match self.ask(host, &Call::ConsoleAddress { server_id: server_id.to_owned(), kind }).await? {
            Answer::ConsoleAddress(path) => Ok(path),
            other => Err(Trouble::Problem(Problem::Permanent(format!("the agent answered {other:?}")))),
        }
    }
}

/// The refusal of a kind of console that is not to be had here.
fn unavailable(console_type: &str, reason: &str) -> Error {
    Error::bad_request(format!("Unavailable console type {console_type}: {reason}."))
}

/// What is kept of a token.
fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

fn refusal(server: &Server, trouble: Trouble) -> Error {
    match trouble {
        Trouble::Problem(Problem::NotFound) => {
            Error::conflict(format!("Instance {} is not ready: its node does not have it running.", server.id))
        }
        Trouble::Problem(problem) => Error::conflict(format!("The console of {} cannot be had: {problem}", server.id)),
        Trouble::Away(reason) => {
            tracing::warn!(host = server.host, reason, "the agent does not answer");
            Error::unavailable("The server's node does not answer; try again later.")
        }
    }
}
