use axum::response::{IntoResponse, Response};
use http::StatusCode;

/// What handlers and use cases return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in terms of the user's request. It becomes an HTTP status in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request is malformed or asks for something impossible.
    BadRequest,
    /// 401: no valid token.
    Unauthorized,
    /// 403: the token does not allow it, or a quota is used up.
    Forbidden,
    /// 404: there is no such thing, or it is not the caller's to see.
    NotFound,
    /// 405: the resource knows no such method.
    MethodNotAllowed,
    /// 406: the asked microversion or content type is not served.
    NotAcceptable,
    /// 409: the state of the resource does not permit it now.
    Conflict,
    /// 410: the thing was there and is gone.
    Gone,
    /// 413: the body or the request is too large, or (block storage) over quota.
    TooLarge,
    /// 415: the body's content type is not understood.
    UnsupportedMediaType,
    /// 416: the asked range is outside the data.
    RangeNotSatisfiable,
    /// 429: too many attempts.
    TooManyRequests,
    /// 500: our fault.
    Internal,
    /// 501: not built.
    NotImplemented,
    /// 503: something that is needed is away.
    Unavailable,
    /// 507: the store is full.
    InsufficientStorage,
}

/// An error of a use case: what the user reads, and what only the log reads.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Decides the status.
    pub kind: Kind,
    /// What the user reads: what is wrong and what to do about it.
    pub message: String,
    /// The service's own name for the error, where its format has one (network: `OverQuota`, placement:
    /// `placement.concurrent_update`).
    pub code: Option<&'static str>,
    /// After how many seconds another attempt makes sense; goes into the header `Retry-After`.
    pub retry_after: Option<u32>,
    /// The cause, for the log only.
    #[source]
    pub cause: Option<std::sync::Arc<dyn std::error::Error + Send + Sync>>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(message: impl Into<String>) -> Self {
            Self::new(Kind::$kind, message)
        }
    )*};
}

impl Error {
    /// An error of any kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), code: None, retry_after: None, cause: None }
    }

    constructors! {
        /// 400.
        bad_request => BadRequest;
        /// 401.
        unauthorized => Unauthorized;
        /// 403.
        forbidden => Forbidden;
        /// 404.
        not_found => NotFound;
        /// 409.
        conflict => Conflict;
        /// 503.
        unavailable => Unavailable;
    }

    /// 500 with a cause for the log; the user learns only that it was not their fault.
    pub fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::new(Kind::Internal, "An internal error prevented the request; it was logged under this request's id.")
            .with_cause(cause)
    }

    /// Adds the cause for the log.
    #[must_use]
    pub fn with_cause(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.cause = Some(std::sync::Arc::new(cause));
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 1 and a day")]
        let seconds = seconds.ceil().clamp(1.0, 86_400.0) as u32;
        self.retry_after = Some(seconds);
        self
    }

    /// Adds the service's own name for the error.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self.kind {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::Unauthorized => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Kind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Gone => StatusCode::GONE,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Kind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::InsufficientStorage => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::NotFound => Self::not_found("The resource could not be found."),
            db::Error::Unique { .. } => Self::conflict("A resource with the same identity exists already."),
            db::Error::ForeignKey => Self::conflict("The resource refers to one that is gone, or is still in use."),
            db::Error::Busy(_) => {
                Self::unavailable("Too many changes at the same moment; try again.").with_cause(error)
            }
            db::Error::Full(_) => Self::new(
                Kind::InsufficientStorage,
                "The cloud's database is full and nothing was changed; ask the operator for space, then try again.",
            )
            .with_cause(error),
            other => Self::internal(other),
        }
    }
}

/// The answer carries the error itself; [`Service::wrap`](crate::Service::wrap) gives it the service's format.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}
