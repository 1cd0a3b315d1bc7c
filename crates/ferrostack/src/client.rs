//! A small client of the cloud's own APIs, for the commands and for tests of the whole.

use anyhow::{Context as _, Result, bail};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The largest answer that is read, in bytes.
const LIMIT: usize = 64 << 20;

/// A client, with or without a token.
#[derive(Clone)]
pub struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    url: String,
    headers: HeaderMap,
}

/// What a service answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Client {
    /// A client of the cloud at `url` without a token.
    pub fn new(url: &str) -> Self {
        let http = Http::builder(TokioExecutor::new()).build_http();
        Self { http, url: url.to_owned(), headers: HeaderMap::new() }
    }

    /// Logs in as a user of the default domain, scoped to a project of it.
    pub async fn log_in(url: &str, user: &str, password: &str, project: &str) -> Result<Self> {
        let user = json!({"name": user, "domain": {"id": "default"}, "password": password});
        let project = json!({"name": project, "domain": {"id": "default"}});
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project},
        }});
        let client = Self::new(url);
        let answer = client.request(Method::POST, "/identity/v3/auth/tokens", Some(&body)).await?;
        if answer.status != StatusCode::CREATED {
            bail!("cannot log in: {} {}", answer.status, answer.json());
        }
        let token = answer.headers.get("x-subject-token").context("the answer has no token")?;
        client.with_header("x-auth-token", token.to_str().context("the token cannot be read")?)
    }

    /// The client with a header on every request.
    pub fn with_header(mut self, name: &'static str, value: &str) -> Result<Self> {
        self.headers.insert(name, value.parse().with_context(|| format!("{name} cannot be sent"))?);
        Ok(self)
    }

    /// Gets the JSON at `path`; an error for every other answer than 2xx or 3xx.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.request(Method::GET, path, None).await?;
        if answer.status.is_client_error() || answer.status.is_server_error() {
            bail!("{path} answered {}", answer.status);
        }
        serde_json::from_slice(&answer.body).with_context(|| format!("{path} did not answer in JSON"))
    }

    /// Sends a request with a JSON body, or none.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let bytes = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        self.send(method, path, "application/json", bytes).await
    }

    /// Sends a request with any body.
    pub async fn send(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.header("content-type", content_type).body(Full::from(body))?;
        let answer = self.http.request(request).await.with_context(|| format!("{} cannot be reached", self.url))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, LIMIT).collect().await.map_err(|error| anyhow::anyhow!(error))?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }
}
