//! From text to [`Check`]: a small recursive descent over words.

use std::iter::Peekable;
use std::str::FromStr;

use serde_yaml_ng::Value as Yaml;

use crate::check::{Piece, is_bare_literal};
use crate::{Attribute, Check, Left, Problem, Reference, Template};

/// How deep parentheses and negations may nest, so that no text exhausts the parser's stack.
const MAX_NESTING: usize = 32;

impl FromStr for Check {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.is_empty() {
            return Ok(Check::Always);
        }
        let words = words(text);
        if words.is_empty() {
            return Err(Problem::Blank);
        }
        let mut parser = Parser { words: words.into_iter().peekable() };
        let check = parser.any(0)?;
        match parser.words.next() {
            None => Ok(check),
            Some(word) => Err(Problem::Unexpected(word.text().to_owned())),
        }
    }
}

/// The check of one entry of an override file: a text, or the old list of alternatives.
pub(crate) fn check_from_yaml(value: &Yaml) -> Result<Check, Problem> {
    match value {
        Yaml::String(text) => text.parse(),
        Yaml::Sequence(list) if list.is_empty() => Ok(Check::Always),
        Yaml::Sequence(list) => check_from_list(list),
        _ => Err(Problem::NotACheck {
            check: serde_yaml_ng::to_string(value).unwrap_or_default().trim_end().to_owned(),
            hint: "write a quoted text, or \"@\" for always and \"!\" for never",
        }),
    }
}

fn check_from_list(list: &[Yaml]) -> Result<Check, Problem> {
    let mut alternatives = Vec::new();
    for item in list {
        let mut conjunction = match item {
            Yaml::Sequence(inner) if inner.is_empty() => continue,
            Yaml::Sequence(inner) => inner.iter().map(list_atom).collect::<Result<Vec<_>, _>>()?,
            _ => vec![list_atom(item)?],
        };
        alternatives.push(if conjunction.len() == 1 { conjunction.remove(0) } else { Check::All(conjunction) });
    }
    Ok(match alternatives.len() {
        0 => Check::Never,
        1 => alternatives.remove(0),
        _ => Check::Any(alternatives),
    })
}

fn list_atom(value: &Yaml) -> Result<Check, Problem> {
    let refuse = |check: &str| Problem::NotACheck {
        check: check.to_owned(),
        hint: "a list holds single checks such as \"role:admin\", without operators, spaces or parentheses around",
    };
    let Yaml::String(text) = value else {
        return Err(refuse(serde_yaml_ng::to_string(value).unwrap_or_default().trim_end()));
    };
    match words(text).as_slice() {
        [Word::Atom(word)] if word == text => atom(text),
        _ => Err(refuse(text)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<'t> {
    Open,
    Close,
    And,
    Or,
    Not,
    Atom(&'t str),
}

impl<'t> Word<'t> {
    fn text(self) -> &'t str {
        match self {
            Word::Open => "(",
            Word::Close => ")",
            Word::And => "and",
            Word::Or => "or",
            Word::Not => "not",
            Word::Atom(text) => text,
        }
    }
}

/// Splits at white space; parentheses count as such only at the ends of a word, since `%(name)s` has them inside.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let inner = word.trim_start_matches('(');
        let middle = inner.trim_end_matches(')');
        words.extend(std::iter::repeat_n(Word::Open, word.len() - inner.len()));
        match middle {
            "" => {}
            _ if middle.eq_ignore_ascii_case("and") => words.push(Word::And),
            _ if middle.eq_ignore_ascii_case("or") => words.push(Word::Or),
            _ if middle.eq_ignore_ascii_case("not") => words.push(Word::Not),
            _ => words.push(Word::Atom(middle)),
        }
        words.extend(std::iter::repeat_n(Word::Close, inner.len() - middle.len()));
    }
    words
}

struct Parser<'t> {
    words: Peekable<std::vec::IntoIter<Word<'t>>>,
}

impl Parser<'_> {
    fn any(&mut self, depth: usize) -> Result<Check, Problem> {
        let mut checks = vec![self.all(depth)?];
        while self.words.next_if_eq(&Word::Or).is_some() {
            checks.push(self.all(depth)?);
        }
        Ok(if checks.len() == 1 { checks.remove(0) } else { Check::Any(checks) })
    }

    fn all(&mut self, depth: usize) -> Result<Check, Problem> {
        let mut checks = vec![self.single(depth)?];
        while self.words.next_if_eq(&Word::And).is_some() {
            checks.push(self.single(depth)?);
        }
        Ok(if checks.len() == 1 { checks.remove(0) } else { Check::All(checks) })
    }

    fn single(&mut self, depth: usize) -> Result<Check, Problem> {
        if depth > MAX_NESTING {
            return Err(Problem::TooNested);
        }
        match self.words.next().ok_or(Problem::Incomplete)? {
            Word::Not => Ok(Check::Not(Box::new(self.single(depth + 1)?))),
            Word::Open => {
                let check = self.any(depth + 1)?;
                match self.words.next() {
                    Some(Word::Close) => Ok(check),
                    Some(word) => Err(Problem::Unexpected(word.text().to_owned())),
                    None => Err(Problem::Incomplete),
                }
            }
            Word::Atom(text) => atom(text),
            word => Err(Problem::Unexpected(word.text().to_owned())),
        }
    }
}

/// A single check: `@`, `!` or `left:right`.
fn atom(text: &str) -> Result<Check, Problem> {
    let problem = |hint| Problem::NotACheck { check: text.to_owned(), hint };
    let (left, right) = match text {
        "@" => return Ok(Check::Always),
        "!" => return Ok(Check::Never),
        _ => text.split_once(':').ok_or_else(|| problem("write KIND:VALUE, for example role:admin"))?,
    };
    if right.is_empty() {
        return Err(problem("nothing stands after the colon"));
    }
    let template = || template(right).ok_or_else(|| problem("write %(NAME)s for a value and %% for a percent sign"));
    match left {
        "rule" => Ok(Check::Rule(Reference { name: right.to_owned(), index: None })),
        "role" => Ok(Check::Role(template()?.into_lowercase())),
        "http" | "https" => Err(Problem::Unsupported {
            kind: if left == "http" { "http" } else { "https" },
            hint: "no other server is asked; express it with roles and attributes",
        }),
        "field" => Err(Problem::Unsupported {
            kind: "field",
            hint: "compare the target's value with a literal, for example True:%(shared)s",
        }),
        _ => {
            let left = left_side(left).ok_or_else(|| {
                problem(
                    "before the colon stands an attribute such as project_id, or a literal such as 'public' or True",
                )
            })?;
            Ok(Check::Equal(left, template()?))
        }
    }
}

fn left_side(text: &str) -> Option<Left> {
    if is_bare_literal(text) {
        return Some(Left::Literal(text.to_owned()));
    }
    for quote in ['\'', '"'] {
        if let Some(rest) = text.strip_prefix(quote) {
            let inner = rest.strip_suffix(quote)?;
            return (!inner.contains([quote, '\\'])).then(|| Left::Literal(inner.to_owned()));
        }
    }
    let is_name = |segment: &str| {
        segment.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    text.split('.').all(is_name).then(|| Left::Attribute(Attribute::new(text)))
}

/// Reads Python's `%(name)s` and `%%`; any other use of a percent sign is `None`.
fn template(text: &str) -> Option<Template> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        pieces.push(Piece::Text(before.to_owned()));
        if let Some(after) = after.strip_prefix('%') {
            pieces.push(Piece::Text("%".to_owned()));
            rest = after;
        } else {
            let (key, after) = after.strip_prefix('(')?.split_once(')')?;
            rest = after.strip_prefix('s')?;
            if key.is_empty() {
                return None;
            }
            pieces.push(Piece::Key(key.to_owned()));
        }
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Some(Template::new(pieces))
}
