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

/// Checks a host name that a user gave, in one label or, since microversion 2.94, several; 400 says what one may hold.
pub(crate) fn check(hostname: &str, version: Microversion) -> Result<()> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(good) && !label.starts_with('-') && !label.ends_with('-')
    };
    let (fits, more) = if version >= Microversion(2, 94) {
        (hostname.len() <= 255 && hostname.split('.').all(is_label), "; several of these with dots, 255 in all")
    } else {
        (is_label(hostname), "")
    };
    if fits {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "\"{hostname}\" is not a valid hostname: 1 to 63 letters, digits and dashes, no dash at either end{more}."
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
        assert!(check("web-1", before).is_ok());
        for bad in ["", "-a", "a-", "a b", &"a".repeat(64)] {
            assert!(check(bad, before).is_err() && check(bad, since).is_err(), "{bad}");
        }
        let long = [&*"a".repeat(63), &"b".repeat(63), "example", "org"].join(".");
        assert!(check(&long, before).is_err() && check(&long, since).is_ok());
        assert!(check("a..b", since).is_err() && check(&["a"; 129].join("."), since).is_err());
    }
}
