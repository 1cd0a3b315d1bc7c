//! A small client of the cloud's own APIs, for the commands.

use anyhow::{Context as _, Result, bail};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The largest answer that is read, in bytes.
const LIMIT: usize = 64 << 20;

/// An authenticated client.
pub struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    url: String,
    token: Option<String>,
}

impl Client {
    /// A client of the cloud at `url` without a token.
    pub fn new(url: &str) -> Self {
        Self { http: Http::builder(TokioExecutor::new()).build_http(), url: url.to_owned(), token: None }
    }

    /// Logs in as the administrator, scoped to the project `admin`.
    pub async fn log_in(url: &str, password: &str) -> Result<Self> {
        let mut client = Self::new(url);
        let user = json!({"name": "admin", "domain": {"id": "default"}, "password": password});
        let project = json!({"name": "admin", "domain": {"id": "default"}});
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project},
        }});
        let answer = client.send(Method::POST, "/identity/v3/auth/tokens", Some(&body)).await?;
        let token = answer.headers().get("x-subject-token").context("the answer has no token")?;
        client.token = Some(token.to_str().context("the token cannot be read")?.to_owned());
        Ok(client)
    }

    /// Gets the JSON at `path`.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.send(Method::GET, path, None).await?;
        let body = Limited::new(answer.into_body(), LIMIT).collect().await.map_err(|error| anyhow::anyhow!(error))?;
        serde_json::from_slice(&body.to_bytes()).with_context(|| format!("{path} did not answer in JSON"))
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<http::Response<hyper::body::Incoming>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("x-auth-token", token);
        }
        let bytes = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        let request = request.header("content-type", "application/json").body(Full::from(bytes))?;
        let answer = self.http.request(request).await.with_context(|| format!("{} cannot be reached", self.url))?;
        if answer.status().is_client_error() || answer.status().is_server_error() {
            bail!("{path} answered {}", answer.status());
        }
        Ok(answer)
    }
}
