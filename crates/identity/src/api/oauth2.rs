//! `/v3/OS-OAUTH2/token`: access tokens for application credentials, by RFC 6749's client credentials.

use api::{Json, Query};
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use super::call::Anonymous;
use crate::Identity;
use crate::authentication::{ApplicationRef, Outcome, Proof, WantedScope};

pub(super) fn routes() -> Router<Identity> {
    let refused = || async { failure(StatusCode::METHOD_NOT_ALLOWED, "other_error", "The method is not allowed.") };
    Router::new().route("/v3/OS-OAUTH2/token", post(token_create).fallback(refused))
}

fn failure(status: StatusCode, error: &str, description: &str) -> Response {
    (status, Json(json!({"error": error, "error_description": description}))).into_response()
}

fn no_client() -> Response {
    failure(StatusCode::UNAUTHORIZED, "invalid_client", "Client authentication failed.")
}

/// Id and secret of the client: by basic authentication, or else in the form.
fn client(headers: &HeaderMap, form: &Query) -> Option<(String, String)> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(text) =
        authorization.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
    {
        let pair = String::from_utf8(STANDARD.decode(text.1.trim()).ok()?).ok()?;
        return pair.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()));
    }
    Some((form.get("client_id")?.to_owned(), form.get("client_secret")?.to_owned()))
}

async fn token_create(Anonymous(identity): Anonymous, headers: HeaderMap, body: String) -> Response {
    let form = Query::parse(&body);
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(other) => {
            let description = format!("The parameter grant_type {other} is not supported.");
            return failure(StatusCode::BAD_REQUEST, "unsupported_grant_type", &description);
        }
        None => {
            return failure(StatusCode::BAD_REQUEST, "invalid_request", "The parameter grant_type is required.");
        }
    }
    let Some((id, secret)) = client(&headers, &form).filter(|(id, secret)| !id.is_empty() && !secret.is_empty()) else {
        return no_client();
    };
    let proof = Proof::Application { which: ApplicationRef::Id(id), secret };
    match identity.login(vec![proof], WantedScope::Default, None).await {
        Ok(Outcome::Token(text, token)) => {
            let lifetime = token.payload.expires_at.duration_since(token.payload.issued_at).as_secs();
            let body = json!({"access_token": text, "token_type": "Bearer", "expires_in": lifetime});
            // RFC 6749, 5.1: nobody keeps such an answer.
            ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
        }
        Ok(Outcome::Receipt(..)) => no_client(),
        Err(error) if error.status() == StatusCode::UNAUTHORIZED => no_client(),
        Err(error) if error.status() == StatusCode::BAD_REQUEST => {
            failure(StatusCode::BAD_REQUEST, "invalid_request", &error.message)
        }
        Err(error) => {
            tracing::error!(%error, "an access token cannot be made");
            failure(error.status(), "other_error", "An unknown error occurred; try again later.")
        }
    }
}
