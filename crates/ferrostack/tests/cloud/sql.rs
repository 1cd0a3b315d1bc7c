//! Every SQL text in the sources is prepared on both engines: its syntax is theirs, its tables and columns exist.
//!
//! A text that statements only begin with (`sql(..)` and then `push`) ends too early for an engine. Those are counted
//! and listed; they run whole, on both engines, in the storage tests of their crates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use db::testing::{each_engine, prepare};
use ferrostack::cloud::MIGRATIONS;

/// How a text that runs begins.
const VERBS: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];

/// A string literal of the sources.
#[derive(Debug, Clone, PartialEq)]
struct Literal {
    /// File and line.
    place: String,
    text: String,
    /// Whether it stands in `sql(` itself.
    given: bool,
    /// Whether `format!` fills it in.
    format: bool,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Verdict {
    Whole,
    Beginning,
    Wrong,
}

#[tokio::test]
async fn every_text_is_prepared_on_both_engines() {
    let texts = texts();
    assert!(texts.len() > 200, "only {} texts are found; the scan must have broken", texts.len());
    let (wrong, beginnings) = (Mutex::new(Vec::new()), Mutex::new(BTreeSet::new()));
    each_engine(&MIGRATIONS.concat(), async |db| {
        for text in &texts {
            let answer = prepare(&db, &text.text).await;
            match (verdict(text, &answer), answer) {
                (Verdict::Beginning, _) => drop(beginnings.lock().unwrap().insert(text.place.clone())),
                (Verdict::Wrong, Err(words)) => {
                    wrong.lock().unwrap().push(format!("{}: {words}\n    {}", text.place, text.text));
                }
                _ => {}
            }
        }
    })
    .await;
    let (wrong, beginnings) = (wrong.into_inner().unwrap(), beginnings.into_inner().unwrap());
    eprintln!("{} texts are prepared whole; {} are beginnings:", texts.len() - beginnings.len(), beginnings.len());
    beginnings.iter().for_each(|place| eprintln!("  {place}"));
    assert!(wrong.is_empty(), "{} texts are refused:\n{}", wrong.len(), wrong.join("\n"));
}

/// Only a text that ends too early may be refused.
fn verdict(text: &Literal, answer: &Result<(), String>) -> Verdict {
    match answer {
        Ok(()) => Verdict::Whole,
        _ if text.format => Verdict::Beginning,
        Err(words) if words.contains("incomplete input") || words.contains("at end of input") => Verdict::Beginning,
        Err(_) => Verdict::Wrong,
    }
}

/// Every SQL text of every crate, but for those of unit tests and of `db`, which alone may speak to one engine.
fn texts() -> Vec<Literal> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        sources(&entry.unwrap().path().join("src"), &mut files);
    }
    files.retain(|file| !file.starts_with(root.join("crates/db")));
    files.sort();
    let mut found = Vec::new();
    for file in &files {
        let source = std::fs::read_to_string(file).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        found.extend(literals(&name, source).into_iter().filter(|literal| literal.given || begins(&literal.text)));
    }
    found
}

fn begins(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    words.next().is_some_and(|first| VERBS.contains(&first) && text.len() > first.len())
}

fn sources(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The string literals of a source, told from comments, characters and lifetimes.
fn literals(file: &str, source: &str) -> Vec<Literal> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if let Some(length) = character(rest) {
            at += length;
        } else if let Some((text, length)) = raw(&source[..at], rest).or_else(|| plain(rest)) {
            let line = source[..at].matches('\n').count() + 1;
            let before = source[..at].trim_end();
            let (given, format) = (before.ends_with("sql("), before.ends_with("format!("));
            found.push(Literal { place: format!("{file}:{line}"), text, given, format });
            at += length;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// The length of a character literal; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        return inner[2..].find('\'').map(|end| end + 4);
    }
    let first = inner.chars().next()?.len_utf8();
    inner[first..].starts_with('\'').then_some(first + 2)
}

/// A raw string and its length.
fn raw(before: &str, rest: &str) -> Option<(String, usize)> {
    let inner = rest.strip_prefix('r').filter(|_| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))?;
    let marks = inner.len() - inner.trim_start_matches('#').len();
    let inner = inner[marks..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(marks));
    let end = inner.find(&close)?;
    Some((inner[..end].to_owned(), 1 + marks + 1 + end + close.len()))
}

/// A string with escapes, read as the compiler reads it, and its length in the source.
fn plain(rest: &str) -> Option<(String, usize)> {
    let inner = rest.strip_prefix('"')?;
    let mut text = String::new();
    let mut letters = inner.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((text, at + 2)),
            '\\' => match letters.next()?.1 {
                '\n' => while letters.next_if(|(_, next)| next.is_ascii_whitespace()).is_some() {},
                'n' => text.push('\n'),
                't' => text.push('\t'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
    None
}

#[test]
fn the_scan_reads_literals_as_the_compiler_does() {
    let source = "fn f<'a>() { // \"no\"\n  sql(\"SELECT \\\n    '\\\\', \\\"x\\\"\"); let _ = ('\"', r#\"raw \"x\"\"#);\n format!(\"y\") }";
    let found = literals("f", source);
    let literal = |place: &str, text: &str, given, format| Literal {
        place: place.to_owned(),
        text: text.to_owned(),
        given,
        format,
    };
    let wanted = [
        literal("f:2", "SELECT '\\', \"x\"", true, false),
        literal("f:3", "raw \"x\"", false, false),
        literal("f:4", "y", false, true),
    ];
    assert_eq!(found, wanted);
}
