//! Names that guests can have in the network.

use ::api::{Error, Microversion, Result};

/// The host name of a server called `name`: what of it a host name may hold, else one made of its id.
pub(crate) fn from_name(name: &str, id: &str) -> String {
    let mut host = String::new();
    for letter in name.trim().to_lowercase().chars() {
        match letter {
            ' ' | '_' | '.' | '-' if !host.ends_with('-') => host.push('-'),
            letter if letter.is_ascii_alphanumeric() => host.push(letter),
            _ => {}
        }
    }
    let host: String = host.trim_matches('-').chars().take(63).collect();
    match host.trim_end_matches('-') {
        "" => format!("server-{id}"),
        host => host.to_owned(),
    }
}

/// Checks a host name that a user gave; 400 says what one may hold. Since microversion 2.94 its form is free: only when
/// the server gets its ports do their networks, which know it by the first label, refuse one that is too long.
pub(crate) fn check(hostname: &str, version: Microversion) -> Result<()> {
    let (fits, allowed) = if version >= Microversion(2, 94) {
        (is_fqdn(hostname), "1 to 255 letters, digits, dashes, dots and underscores")
    } else {
        let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let at_ends = hostname.starts_with('-') || hostname.ends_with('-');
        let fits = (2..=63).contains(&hostname.len()) && hostname.chars().all(good) && !at_ends;
        (fits, "2 to 63 letters, digits and dashes, no dash at either end")
    };
    if fits { Ok(()) } else { Err(Error::bad_request(format!("\"{hostname}\" is not a valid hostname: {allowed}."))) }
}

/// Checks the form of a node's name; 400 says what one may hold.
pub(crate) fn host_check(host: &str) -> Result<()> {
    if is_fqdn(host) {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "\"{host}\" is not the name of a host: 1 to 255 letters, digits, dashes, dots and underscores."
    )))
}

fn is_fqdn(text: &str) -> bool {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    (1..=255).contains(&text.len()) && text.chars().all(good)
}

#[cfg(test)]
mod tests {
    use ::api::Microversion;

    use super::{check, from_name};

    #[test]
    fn host_names_are_made_of_server_names() {
        for (name, expected) in
            [("Web Server_1", "web-server-1"), ("ünicode", "nicode"), ("--", "server-id"), ("a.b", "a-b")]
        {
            assert_eq!(from_name(name, "id"), expected);
        }
        assert_eq!(from_name(&"a".repeat(80), "id").len(), 63);
    }

    #[test]
    fn host_names_are_checked() {
        let (before, since) = (Microversion(2, 93), Microversion(2, 94));
        for (name, good_before, good_since) in [
            ("web-1", true, true),
            ("ab", true, true),
            (&*"a".repeat(63), true, true),
            ("a", false, true),
            ("-a", false, true),
            ("a-", false, true),
            ("a_b..", false, true),
            (&"a".repeat(64), false, true),
            (&"a".repeat(255), false, true),
            (&"a".repeat(256), false, false),
            ("", false, false),
            ("a b", false, false),
            ("ab\n", false, false),
            ("\u{fc}b", false, false),
        ] {
            assert_eq!((check(name, before).is_ok(), check(name, since).is_ok()), (good_before, good_since), "{name}");
        }
    }
}
