//! Addresses that name the project, as all once did: `/v2.1/PROJECT/servers` is `/v2.1/servers`.

use ::api::{Error, Result};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Uri;
use http::uri::PathAndQuery;
use identity::Caller;

use crate::Compute;

/// The project that the address named.
#[derive(Clone)]
pub(crate) struct Named(String);

/// Takes the project out of the address, before a route is chosen by it.
pub(crate) fn take(mut request: Request) -> Request {
    if let Some((project, uri)) = parted(request.uri()) {
        *request.uri_mut() = uri;
        request.extensions_mut().insert(Named(project));
    }
    request
}

/// Project ids are known by having only hexadecimal digits and hyphens, which no resource's name has.
fn parted(uri: &Uri) -> Option<(String, Uri)> {
    let (project, rest) = uri.path_and_query()?.as_str().strip_prefix("/v2.1/")?.split_once('/')?;
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    if project.is_empty() || !project.bytes().all(digit) {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("/v2.1/{rest}")).ok()?);
    Some((project.to_owned(), Uri::from_parts(parts).ok()?))
}

/// 400 for an address that names another project than the token's.
pub(crate) async fn check(State(compute): State<Compute>, request: Request, next: Next) -> Result<Response> {
    let Some(Named(project)) = request.extensions().get::<Named>().cloned() else {
        return Ok(next.run(request).await);
    };
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &compute).await?;
    let own = caller.token.project_id.as_deref();
    if own != Some(project.as_str()) {
        let own = own.unwrap_or_default();
        return Err(Error::bad_request(format!(
            "Malformed request URL: URL's project_id '{project}' doesn't match Context's project_id '{own}'"
        )));
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}

#[cfg(test)]
mod tests {
    use super::{Uri, parted};

    #[test]
    fn a_project_has_hexadecimal_digits() {
        let parts =
            |text: &'static str| parted(&Uri::from_static(text)).map(|(project, uri)| (project, uri.to_string()));
        let taken = |project: &str, rest: &str| Some((project.to_owned(), rest.to_owned()));
        assert_eq!(parts("/v2.1/0a-f/servers/1?limit=1"), taken("0a-f", "/v2.1/servers/1?limit=1"));
        assert_eq!(parts("/v2.1/fade/"), taken("fade", "/v2.1/"));
        for other in ["/v2.1/servers/1", "/v2.1/fade", "/v2.1//servers", "/v2/fade/servers", "/", "/v2.1/0A/servers"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
