//! One operation, and who may do it.

/// Who may do an operation on what alice's project has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Access {
    /// Everybody with a token; strangers are not shown anything of alice's.
    Anyone,
    /// Readers of alice's project.
    Own,
    /// Neither strangers nor readers.
    Refused,
}

/// One operation. `{name}` in path, query, body and headers stands for what alice has under that name.
pub struct Row {
    pub method: &'static str,
    pub path: String,
    pub access: Access,
    pub query: &'static str,
    pub body: String,
    pub content_type: Option<&'static str>,
    pub headers: Vec<(&'static str, &'static str)>,
    /// A further status that is right for strangers, readers and nobody.
    pub also: Option<u16>,
    /// A status other than 2xx that the administrator gets.
    pub admin: Option<u16>,
    /// The administrator does not try it: it would mix what projects have.
    pub not_by_admin: bool,
    /// No policy rule is for it.
    pub open: bool,
    /// It answers without a token.
    pub without_token: bool,
}

impl Row {
    pub fn new(method: &'static str, path: &str, access: Access) -> Self {
        Self {
            method,
            path: path.to_owned(),
            access,
            query: "",
            body: String::new(),
            content_type: None,
            headers: Vec::new(),
            also: None,
            admin: None,
            not_by_admin: false,
            open: false,
            without_token: false,
        }
    }

    pub fn query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    pub fn body(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }

    pub fn content_type(self, content_type: &'static str) -> Self {
        Self { content_type: Some(content_type), ..self }
    }

    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// `why` is for whoever reads the table.
    pub fn also(self, status: u16, _why: &str) -> Self {
        Self { also: Some(status), ..self }
    }

    /// `why` is for whoever reads the table.
    pub fn admin(self, status: u16, _why: &str) -> Self {
        Self { admin: Some(status), ..self }
    }

    pub fn not_by_admin(self) -> Self {
        Self { not_by_admin: true, ..self }
    }

    pub fn open(self) -> Self {
        Self { open: true, ..self }
    }

    pub fn without_token(self) -> Self {
        Self { without_token: true, ..self }
    }
}
