//! What the commands print: data to standard output, all else to standard error.

use std::io::Write as _;

/// Prints a line of data. A reader that went away is no error.
pub fn line(text: &str) {
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// Prints why a command failed, with its causes, to standard error.
pub fn problem(error: &anyhow::Error) {
    drop(writeln!(std::io::stderr(), "ferrostack: {error:#}"));
}

/// Prints rows under headings, each column as wide as it needs.
pub fn table(headings: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(headings.get(column).map(|heading| heading.len())).max().unwrap_or(0)
    };
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.enumerate().map(|(i, cell)| format!("{cell:<0$}", width(i))).collect();
        line(padded.join("  ").trim_end());
    };
    print(&mut headings.iter().copied());
    for row in rows {
        print(&mut row.iter().map(String::as_str));
    }
}
