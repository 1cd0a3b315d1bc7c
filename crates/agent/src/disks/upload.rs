//! Sends disks to the image service.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use protocol::Problem;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(6 * 3600);
/// The most of a refusal's text that is read.
const REASON_LIMIT: usize = 4096;

/// PUTs `body` to `url` for the bearer of `token`.
pub(crate) async fn image_put<B>(url: &str, token: &str, body: B) -> Result<(), Problem>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(Duration::from_secs(10)));
    let client: Client<_, http_body_util::combinators::UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>> =
        Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::put(url)
        .header("X-Auth-Token", token)
        .header("Content-Type", "application/octet-stream")
        .body(body.map_err(Into::into).boxed_unsync())
        .map_err(|error| Problem::Permanent(format!("{url} is not an address to send to: {error}")))?;
    let away = |text: String| Problem::Temporary(format!("{url} does not take the image: {text}"));
    let response = tokio::time::timeout(LIMIT, client.request(request))
        .await
        .map_err(|_| away(format!("it took longer than {LIMIT:?}")))?
        .map_err(|error| away(error.to_string()))?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let reason = http_body_util::Limited::new(response.into_body(), REASON_LIMIT).collect().await;
    let reason = reason.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
    let text = format!("{status} {reason}");
    // What the image service refuses it refuses again: the image is gone, over the quota, or not of its format.
    if status.is_client_error() {
        Err(Problem::Permanent(format!("the image is not taken: {text}")))
    } else {
        Err(away(text))
    }
}
