//! Whether every dependency's licence is one that `deny.toml` allows.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Checks every package in the lock file.
pub fn run(root: &Path) -> Result<()> {
    let deny: toml::Table = std::fs::read_to_string(root.join("deny.toml"))?.parse()?;
    let allow = deny.get("licenses").and_then(|l| l.get("allow")).and_then(toml::Value::as_array);
    let allow: Vec<&str> = allow.context("deny.toml allows nothing")?.iter().filter_map(toml::Value::as_str).collect();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo).args(["metadata", "--format-version=1", "--locked"]).current_dir(root).output()?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(|licence| allowed(licence, &allow)))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    bail!("licences that deny.toml does not allow:\n{}", refused.join("\n"))
}

/// Evaluates an SPDX expression, `/` being the old spelling of OR. AND binds more tightly than OR.
fn allowed(expression: &str, allow: &[&str]) -> bool {
    let text = expression.replace('/', " OR ");
    let mut flat = String::new();
    let mut rest = text.as_str();
    // A group in parentheses counts as one licence: allowed or not.
    while let Some(open) = rest.find('(') {
        let Some(close) = rest[open..].find(')').map(|at| open + at) else { return false };
        flat.push_str(&rest[..open]);
        flat.push_str(if allowed(&rest[open + 1..close], allow) { "yes" } else { "no" });
        rest = &rest[close + 1..];
    }
    flat.push_str(rest);
    let simple = |licence: &str| licence == "yes" || allow.contains(&licence);
    flat.split(" OR ").any(|all| all.split(" AND ").all(|licence| simple(licence.trim())))
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn expressions_are_evaluated() {
        let allow = ["MIT", "Apache-2.0"];
        assert!(allowed("MIT OR GPL-3.0", &allow));
        assert!(allowed("GPL-3.0/MIT", &allow));
        assert!(allowed("(MIT OR GPL-3.0) AND Apache-2.0", &allow));
        assert!(!allowed("MIT AND GPL-3.0", &allow));
        assert!(!allowed("", &allow));
    }
}
