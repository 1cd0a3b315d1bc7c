use crate::Sql;

/// Which way a column is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// One page of a sorted list, found by the row before it instead of by counting, so that its cost does not grow
/// with the table.
#[derive(Debug, Clone)]
pub struct Keyset<'a> {
    /// The table that the marker is looked up in.
    pub table: &'static str,
    /// The columns to sort by. The last one must be unique; none may hold NULL. What may is sorted by an expression that
    /// has `{}` where the table's name belongs: `COALESCE({}.launched_at, 0)`.
    pub sort: &'a [(&'static str, Direction)],
    /// The `id` of the last row of the page before.
    pub marker: Option<&'a str>,
    /// The most rows to return.
    pub limit: Option<i64>,
}

impl Sql {
    /// Appends ` AND ...` (the text must end in a WHERE clause), ` ORDER BY ...` and ` LIMIT ...`.
    pub fn push_keyset(&mut self, page: &Keyset<'_>) -> &mut Self {
        if let Some(marker) = page.marker {
            self.push(" AND (");
            for (index, (column, direction)) in page.sort.iter().enumerate() {
                self.push(if index == 0 { "(" } else { " OR (" });
                for (equal, _) in &page.sort[..index] {
                    self.push_marker(page.table, equal, "=", marker).push(" AND ");
                }
                let comparison = if *direction == Direction::Ascending { ">" } else { "<" };
                self.push_marker(page.table, column, comparison, marker).push(")");
            }
            self.push(")");
        }
        for (index, (column, direction)) in page.sort.iter().enumerate() {
            self.push(if index == 0 { " ORDER BY " } else { ", " }).push(&of(page.table, column));
            self.push(if *direction == Direction::Ascending { " ASC" } else { " DESC" });
        }
        if let Some(limit) = page.limit {
            self.push(" LIMIT ").push_bind(limit);
        }
        self
    }

    fn push_marker(&mut self, table: &str, column: &str, comparison: &str, marker: &str) -> &mut Self {
        let (row, marked) = (of(table, column), of("m", column));
        self.push(&format!("{row} {comparison} (SELECT {marked} FROM {table} m WHERE m.id = "));
        self.push_bind(marker).push(")")
    }
}

/// The column, or the expression, of that table.
fn of(table: &str, column: &str) -> String {
    if column.contains("{}") { column.replace("{}", table) } else { format!("{table}.{column}") }
}
