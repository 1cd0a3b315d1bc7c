//! The metadata service, as the nodes' proxies ask it for their guests.

use std::net::IpAddr;

use ::api::{Error, Kind, Result, Service, Style};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use protocol::metadata_verify;

use crate::Compute;
use crate::metadata::{Document, Documents};
use crate::server::spec::zone;

pub(crate) fn routes_of(compute: Compute) -> Router {
    let documents = get(document_show).post(password_tell);
    let router = Router::new().route("/", get(document_show)).route("/{*path}", documents);
    Service { kind: "compute", prefix: "", style: Style::Compute, negotiation: None }.wrap(router.with_state(compute))
}

async fn document_show(State(compute): State<Compute>, uri: Uri, headers: HeaderMap) -> Result<Response> {
    let (address, network_id) = asker(&compute, &headers)?;
    Ok(match compute.document_of(&network_id, address, uri.path()).await? {
        document @ Document::Json(_) => typed("application/json", document),
        document @ Document::Text(_) => typed("text/plain; charset=utf-8", document),
        document @ Document::Bytes(_) => typed("application/octet-stream", document),
    })
}

/// The most that a guest's encrypted password may have.
const PASSWORD_LIMIT: usize = 4 * 255;

/// A guest tells its password, encrypted with its user's key, once.
async fn password_tell(
    State(compute): State<Compute>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Result<StatusCode> {
    let (address, network_id) = asker(&compute, &headers)?;
    let mut parts = uri.path().trim_matches('/').split('/');
    if (parts.next(), parts.next_back()) != (Some("openstack"), Some("password")) {
        return Err(Error::not_found("Only a password can be told here."));
    }
    if body.len() > PASSWORD_LIMIT {
        return Err(Error::bad_request(format!("The password has more than {PASSWORD_LIMIT} bytes.")));
    }
    let found = compute.0.deps.network.port_of_address(&network_id, address).await?;
    let (server_id, _) = found.ok_or_else(|| Error::not_found("There is no server with this address."))?;
    if compute.password_keep(&server_id, &body).await? {
        return Ok(StatusCode::OK);
    }
    Err(Error::conflict("The password was told already; clear it first."))
}

fn typed(kind: &'static str, document: Document) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], document.bytes()).into_response()
}

/// Whose request a proxy passes on: the guest's address and network, if the proxy's signature over both is right.
fn asker(compute: &Compute, headers: &HeaderMap) -> Result<(IpAddr, String)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(address), Some(network_id), Some(signature)) =
        (text("x-forwarded-for"), text("x-network-id"), text("x-signature"))
    else {
        return Err(Error::forbidden("Only the nodes' metadata proxies may ask here."));
    };
    let address = address
        .trim()
        .parse()
        .map_err(|_| Error::bad_request("X-Forwarded-For must be the guest's address and nothing else."))?;
    if !metadata_verify(&compute.options().metadata_secret, network_id, address, signature) {
        return Err(Error::forbidden("The signature of the metadata proxy is wrong; give both sides the same secret."));
    }
    Ok((address, network_id.to_owned()))
}

impl Compute {
    /// A document for the guest with that address; 404 when there is no such guest or document.
    async fn document_of(&self, network_id: &str, address: IpAddr, path: &str) -> Result<Document> {
        let nobody = || Error::new(Kind::NotFound, "There is no server with this address.");
        let found = self.0.deps.network.port_of_address(network_id, address).await?;
        let (server_id, _) = found.ok_or_else(nobody)?;
        let server = crate::store::servers::server_get(self.db(), &server_id).await?.ok_or_else(nobody)?;
        let ports = self.ports_of(&server_id).await?;
        let seed = self.runtime().ids.bytes();
        let zone = zone(self, &server);
        let documents = Documents { server: &server, ports: &ports, zone, admin_pass: None, seed };
        documents.at(path).ok_or_else(|| Error::not_found("There is no such document."))
    }
}
