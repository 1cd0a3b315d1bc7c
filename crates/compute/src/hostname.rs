//! Names that guests can have in the network.

use ::api::{Error, Result};

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

/// Checks a host name that a user gave; 400 says what one may hold.
pub(crate) fn check(hostname: &str) -> Result<()> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let whole = !hostname.is_empty() && hostname.len() <= 63 && hostname.chars().all(good);
    if whole && !hostname.starts_with('-') && !hostname.ends_with('-') {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "\"{hostname}\" is not a valid hostname: 1 to 63 letters, digits and dashes, no dash at either end."
    )))
}

/// Checks the form of a node's name; 400 says what one may hold.
pub(crate) fn host_check(host: &str) -> Result<()> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    if !host.is_empty() && host.len() <= 255 && host.chars().all(good) {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "\"{host}\" is not the name of a host: 1 to 255 letters, digits, dashes, dots and underscores."
    )))
}

#[cfg(test)]
mod tests {
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
        assert!(check("web-1").is_ok());
        for bad in ["", "-a", "a-", "a.b", "a b", &"a".repeat(64)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
