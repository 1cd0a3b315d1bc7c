//! What a check is evaluated against: who asks, and what is asked about.

use std::borrow::Cow;

use crate::Scope;

/// Who asks: the facts of a validated token, borrowed from wherever they live.
///
/// An empty text counts as missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The user.
    pub user_id: &'a str,
    /// The user's domain.
    pub user_domain_id: &'a str,
    /// The project of a project-scoped token.
    pub project_id: Option<&'a str>,
    /// The domain of that project.
    pub project_domain_id: Option<&'a str>,
    /// The domain of a domain-scoped token.
    pub domain_id: Option<&'a str>,
    /// `all` for a system-scoped token.
    pub system_scope: Option<&'a str>,
    /// Names of the roles, implied ones included.
    pub roles: &'a [String],
    /// Names of the roles of the service that sends the request on the user's behalf.
    pub service_roles: &'a [String],
    /// The cloud's own administrative context; services set it, tokens do not.
    pub is_admin: bool,
    /// Whether the project is the cloud's administrative one.
    pub is_admin_project: bool,
    /// The trust that the token was made from.
    pub trust_id: Option<&'a str>,
    /// The user who gave the trust.
    pub trustor_id: Option<&'a str>,
    /// The user who received the trust.
    pub trustee_id: Option<&'a str>,
    /// The token's document, looked into by `token.` paths.
    pub token: Option<&'a serde_json::Value>,
}

impl Credentials<'_> {
    /// The scope that counts against a rule's declared scopes.
    pub fn scope(&self) -> Scope {
        let given = |value: Option<&str>| value.is_some_and(|text| !text.is_empty());
        if given(self.system_scope) {
            Scope::System
        } else if given(self.domain_id) {
            Scope::Domain
        } else {
            Scope::Project
        }
    }
}

/// What is asked about: a few dotted names with their values.
///
/// ```
/// let id = String::from("4711");
/// let target = policy::Target::new().with("project_id", &id).with("shared", false);
/// # let _ = target;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Target<'a> {
    values: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Target<'a> {
    /// A target about which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value; a name given before is replaced.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: impl Into<Value<'a>>) -> Self {
        let value = value.into();
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some(slot) => slot.1 = value,
            None => self.values.push((name, value)),
        }
        self
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value<'a>> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// A value of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A text or a number's digits.
    Text(Cow<'a, str>),
    /// `True` or `False` in the language.
    Bool(bool),
    /// Several texts, any of which may match.
    List(Cow<'a, [String]>),
    /// `None` in the language.
    Null,
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Text(Cow::Owned(number.to_string()))
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Value::Bool(flag)
    }
}

impl<'a> From<&'a [String]> for Value<'a> {
    fn from(texts: &'a [String]) -> Self {
        Value::List(Cow::Borrowed(texts))
    }
}

impl<'a> From<&'a Vec<String>> for Value<'a> {
    fn from(texts: &'a Vec<String>) -> Self {
        Value::List(Cow::Borrowed(texts))
    }
}

impl From<Vec<String>> for Value<'_> {
    fn from(texts: Vec<String>) -> Self {
        Value::List(Cow::Owned(texts))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl<'a> From<&'a Option<String>> for Value<'a> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_deref().into()
    }
}
