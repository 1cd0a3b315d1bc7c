//! A row of the table: a request, and what answers it before and since a microversion.

use serde_json::Value;

use crate::cloud::{Answer, User};

use super::stage::Stage;

/// What an answer is held to.
#[derive(Clone, PartialEq)]
pub enum Look {
    /// Something is there: a JSON pointer into the body.
    Has(&'static str),
    /// Nothing is there.
    Lacks(&'static str),
    /// It is this.
    Is(&'static str, Value),
    /// The message of a refusal has this in it.
    Says(&'static str),
    /// It is a number.
    Number(&'static str),
    /// It is a text.
    Text(&'static str),
    /// There is such a header.
    Header(&'static str),
    /// There is no such header.
    NoHeader(&'static str),
}

/// What answers in one microversion.
#[derive(Clone, PartialEq)]
pub struct Answered {
    status: u16,
    looks: Vec<Look>,
}

/// A request that two neighbouring microversions answer differently.
#[derive(Clone)]
pub struct Row {
    pub minor: u16,
    admin: bool,
    given: Option<(String, Value)>,
    request: String,
    body: Value,
    before: Answered,
    since: Answered,
}

/// A request of the member's that 2.`minor` was the first to answer as it is answered now. The first word is the method,
/// then comes the path; `{server}` and the like are taken from the stage, `{n}` is another number each time.
pub fn row(minor: u16, request: &str) -> Row {
    let fine = Answered { status: 200, looks: Vec::new() };
    Row {
        minor,
        admin: false,
        given: None,
        request: request.to_owned(),
        body: Value::Null,
        before: fine.clone(),
        since: fine,
    }
}

impl Row {
    /// The administrator asks.
    pub fn admin(mut self) -> Self {
        self.admin = true;
        self
    }

    /// What is asked before, in the newest microversion.
    pub fn given(mut self, request: &str, body: Value) -> Self {
        self.given = Some((request.to_owned(), body));
        self
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    /// The status before, and since.
    pub fn turns(mut self, before: u16, since: u16) -> Self {
        (self.before.status, self.since.status) = (before, since);
        self
    }

    /// Something is there since.
    pub fn shows(mut self, pointer: &'static str) -> Self {
        self.before.looks.push(Look::Lacks(pointer));
        self.since.looks.push(Look::Has(pointer));
        self
    }

    /// Something is not there any more.
    pub fn hides(mut self, pointer: &'static str) -> Self {
        self.before.looks.push(Look::Has(pointer));
        self.since.looks.push(Look::Lacks(pointer));
        self
    }

    /// Something becomes something else.
    pub fn becomes(mut self, pointer: &'static str, before: Value, since: Value) -> Self {
        self.before.looks.push(Look::Is(pointer, before));
        self.since.looks.push(Look::Is(pointer, since));
        self
    }

    /// A number becomes a UUID.
    pub fn renames(mut self, pointer: &'static str) -> Self {
        self.before.looks.push(Look::Number(pointer));
        self.since.looks.push(Look::Text(pointer));
        self
    }

    /// Both are refused, for other reasons.
    pub fn refused(mut self, status: u16, before: &'static str, since: &'static str) -> Self {
        self.before.looks.push(Look::Says(before));
        self.since.looks.push(Look::Says(since));
        self.turns(status, status)
    }

    /// A header is not there any more.
    pub fn drops_header(mut self, name: &'static str) -> Self {
        self.before.looks.push(Look::Header(name));
        self.since.looks.push(Look::NoHeader(name));
        self
    }

    /// What is asked, if the answers may be the same.
    pub fn says_nothing(&self) -> Option<String> {
        (self.before == self.since).then(|| format!("2.{}: {} {}", self.minor, self.request, self.body))
    }

    /// Asks in the microversion before and in the row's own, and says what was not as it should be.
    pub async fn tried(&self, stage: &Stage) -> Vec<String> {
        let mut wrong = Vec::new();
        for (minor, wanted) in [(self.minor - 1, &self.before), (self.minor, &self.since)] {
            let answer = self.asked(stage, minor).await;
            for what in wanted.differs(&answer) {
                wrong.push(format!("2.{minor}: {} {}: {what}: {}", self.request, self.body, answer.body));
            }
        }
        wrong
    }

    async fn asked(&self, stage: &Stage, minor: u16) -> Answer {
        let number = stage.number();
        let user: &User = if self.admin { &stage.fleet.admin } else { &stage.fleet.member };
        if let Some((request, body)) = &self.given {
            let answer = stage.ask(user, "latest", request, body, number).await;
            assert!(answer.status.is_success(), "{request}: {}", answer.body);
        }
        stage.ask(user, &format!("2.{minor}"), &self.request, &self.body, number).await
    }
}

impl Answered {
    fn differs(&self, answer: &Answer) -> Vec<String> {
        let mut wrong = Vec::new();
        if answer.status != self.status {
            wrong.push(format!("{} and not {}", answer.status, self.status));
        }
        let message = |body: &Value| {
            body.as_object().and_then(|body| body.values().next()?["message"].as_str().map(str::to_owned))
        };
        for look in &self.looks {
            let said = match look {
                Look::Has(pointer) if answer.body.pointer(pointer).is_none() => format!("no {pointer}"),
                Look::Lacks(pointer) if answer.body.pointer(pointer).is_some() => format!("a {pointer}"),
                Look::Is(pointer, value) if answer.body.pointer(pointer) != Some(value) => {
                    format!("{pointer} is not {value}")
                }
                Look::Number(pointer) if !answer.body.pointer(pointer).is_some_and(Value::is_number) => {
                    format!("{pointer} is no number")
                }
                Look::Text(pointer) if !answer.body.pointer(pointer).is_some_and(Value::is_string) => {
                    format!("{pointer} is no text")
                }
                Look::Says(text) if !message(&answer.body).unwrap_or_default().contains(text) => {
                    format!("does not say \"{text}\"")
                }
                Look::Header(name) if !answer.headers.contains_key(*name) => format!("no header {name}"),
                Look::NoHeader(name) if answer.headers.contains_key(*name) => format!("a header {name}"),
                _ => continue,
            };
            wrong.push(said);
        }
        wrong
    }
}
