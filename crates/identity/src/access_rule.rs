//! Which requests the holder of an application credential may send.

/// One allowed kind of request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// Its id.
    pub id: String,
    /// The type of the service: `compute`.
    pub service: String,
    /// The method.
    pub method: String,
    /// The path. `*` and `{name}` stand for one part of it, `**` for any rest.
    pub path: String,
}

impl AccessRule {
    /// Whether the rule allows the request. The path counts with and without the one that the service stands at.
    pub(crate) fn allows(&self, service: &str, method: &str, prefix: &str, path: &str) -> bool {
        self.service == service
            && self.method == method
            && (matches(&self.path, path) || matches(&self.path, &format!("{prefix}{path}")))
    }
}

/// A piece of a pattern.
enum Piece {
    One(char),
    /// One character that is no slash.
    NoSlash,
    /// Any number of those.
    NoSlashes,
    /// Any number of any characters.
    Any,
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let tag = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        rest = match (rest.strip_prefix("**"), tag, first) {
            (Some(behind), ..) => {
                pieces.push(Piece::Any);
                behind
            }
            (None, Some((_, behind)), _) => {
                pieces.extend([Piece::NoSlash, Piece::NoSlashes]);
                behind
            }
            (None, None, '*') => {
                pieces.extend([Piece::NoSlash, Piece::NoSlashes]);
                &rest[1..]
            }
            (None, None, other) => {
                pieces.push(Piece::One(other));
                &rest[other.len_utf8()..]
            }
        };
    }
    pieces
}

/// Follows all ways through the pattern at once, so that no pattern takes longer than its length times the path's.
fn matches(pattern: &str, path: &str) -> bool {
    let pieces = pieces(pattern);
    let mut at = vec![false; pieces.len() + 1];
    at[0] = true;
    skip_empty(&pieces, &mut at);
    for letter in path.chars() {
        let mut next = vec![false; pieces.len() + 1];
        for (index, piece) in pieces.iter().enumerate().filter(|(index, _)| at[*index]) {
            match piece {
                Piece::One(wanted) => next[index + 1] |= *wanted == letter,
                Piece::NoSlash => next[index + 1] |= letter != '/',
                Piece::NoSlashes => next[index] |= letter != '/',
                Piece::Any => next[index] = true,
            }
        }
        skip_empty(&pieces, &mut next);
        at = next;
    }
    at.last().copied().unwrap_or(false)
}

fn skip_empty(pieces: &[Piece], at: &mut [bool]) {
    for (index, piece) in pieces.iter().enumerate() {
        if matches!(piece, Piece::NoSlashes | Piece::Any) {
            at[index + 1] |= at[index];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_fit_patterns() {
        for (pattern, path, fits) in [
            ("/v2.1/servers", "/v2.1/servers", true),
            ("/v2.1/servers", "/v2x1/servers", false),
            ("/v2.1/servers", "/v2.1/servers/1", false),
            ("/v2.1/servers/*", "/v2.1/servers/1", true),
            ("/v2.1/servers/*", "/v2.1/servers/", false),
            ("/v2.1/servers/*", "/v2.1/servers/1/action", false),
            ("/v2.1/servers/{id}/action", "/v2.1/servers/1/action", true),
            ("/v2.1/servers/{id}/action", "/v2.1/servers//action", false),
            ("/v2.1/servers/x*", "/v2.1/servers/x1", true),
            ("/v2.1/**", "/v2.1/servers/1/action", true),
            ("/v2.1/**/action", "/v2.1/servers/1/action", true),
            ("**", "", true),
            ("/{", "/{", true),
            ("", "/", false),
        ] {
            assert_eq!(matches(pattern, path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn the_service_and_the_method_count() {
        let rule = AccessRule {
            id: String::new(),
            service: "compute".into(),
            method: "GET".into(),
            path: "/v2.1/servers".into(),
        };
        assert!(rule.allows("compute", "GET", "/compute", "/v2.1/servers"));
        assert!(!rule.allows("image", "GET", "/compute", "/v2.1/servers"));
        assert!(!rule.allows("compute", "POST", "/compute", "/v2.1/servers"));
        let whole = AccessRule { path: "/compute/v2.1/servers".into(), ..rule };
        assert!(whole.allows("compute", "GET", "/compute", "/v2.1/servers"));
    }

    proptest! {
        #[test]
        fn no_pattern_hurts(pattern in "[/a*{}é]{0,60}", path in "[/aé]{0,200}") {
            matches(&pattern, &path);
            prop_assert!(matches("**", &path));
        }
    }
}
