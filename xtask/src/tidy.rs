//! The rules of the house, checked.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use toml::{Table, Value};

/// The longest file, in lines, without a reason in `xtask/long-files.toml`.
const LONGEST: usize = 600;

/// Crates that may not be imported by these, although the order would permit it.
const FORBIDDEN: &[(&str, &[&str])] = &[("agent", &["db", "work", "api"]), ("protocol", &["db", "work", "api"])];

/// Checks everything and prints every finding.
pub fn run(root: &Path) -> Result<()> {
    let workspace = read(&root.join("Cargo.toml"))?;
    let members = members(&workspace)?;
    let mut findings = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let dir = root.join(member);
        let manifest = read(&dir.join("Cargo.toml"))?;
        let before: Vec<&str> = members[..index].iter().map(|path| name(path)).collect();
        let all: Vec<&str> = members.iter().map(|path| name(path)).collect();
        check_imports(name(member), &manifest, &before, &all, &mut findings);
        check_manifest(name(member), &manifest, &mut findings);
        check_docs(&dir, &mut findings)?;
    }
    check_files(root, &members, &mut findings)?;
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{} findings:\n{}", findings.len(), findings.join("\n"))
}

fn read(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("{} is not TOML", path.display()))
}

fn members(workspace: &Table) -> Result<Vec<String>> {
    let list = workspace.get("workspace").and_then(|w| w.get("members")).and_then(Value::as_array);
    let list = list.context("the workspace lists no members")?;
    Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn name(member: &str) -> &str {
    member.rsplit('/').next().unwrap_or(member)
}

fn check_imports(name: &str, manifest: &Table, before: &[&str], all: &[&str], findings: &mut Vec<String>) {
    let Some(dependencies) = manifest.get("dependencies").and_then(Value::as_table) else { return };
    let forbidden = FORBIDDEN.iter().find(|(who, _)| *who == name).map_or(&[][..], |(_, list)| list);
    for dependency in dependencies.keys().map(String::as_str) {
        if all.contains(&dependency) && !before.contains(&dependency) {
            findings.push(format!("{name} imports {dependency}, which stands above it"));
        }
        if forbidden.contains(&dependency) {
            findings.push(format!("{name} may not import {dependency}"));
        }
        if matches!(dependency, "sqlx" | "rusqlite") && name != "db" {
            findings.push(format!("{name} names {dependency}; only db may"));
        }
    }
}

fn check_manifest(name: &str, manifest: &Table, findings: &mut Vec<String>) {
    let inherits = |table: &str, key: &str| {
        manifest.get(table).and_then(|t| t.get(key)).and_then(|v| v.as_bool().or_else(|| v.get("workspace")?.as_bool()))
            == Some(true)
    };
    if !inherits("lints", "workspace") {
        findings.push(format!("{name} does not take the workspace's lints"));
    }
    if !inherits("package", "license") {
        findings.push(format!("{name} does not take the workspace's licence"));
    }
}

fn check_docs(dir: &Path, findings: &mut Vec<String>) -> Result<()> {
    for root in ["src/lib.rs", "src/main.rs"] {
        let path = dir.join(root);
        if path.exists() && !fs::read_to_string(&path)?.starts_with("//! ") {
            findings.push(format!("{} does not begin with what the crate is for", path.display()));
        }
    }
    Ok(())
}

fn check_files(root: &Path, members: &[String], findings: &mut Vec<String>) -> Result<()> {
    let reasons = read(&root.join("xtask/long-files.toml"))?;
    let mut reasons: BTreeMap<String, Value> = reasons.into_iter().collect();
    for file in members.iter().map(|member| rust_files(&root.join(member))).collect::<Result<Vec<_>>>()?.concat() {
        let lines = fs::read_to_string(&file)?.lines().count();
        let short = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        let reason = reasons.remove(&short);
        if lines > LONGEST && reason.is_none() {
            findings.push(format!("{short} has {lines} lines: what second subject lives in it?"));
        }
        if lines <= LONGEST && reason.is_some() {
            findings.push(format!("{short} is no longer long; take it out of xtask/long-files.toml"));
        }
    }
    findings.extend(reasons.keys().map(|file| format!("xtask/long-files.toml names {file}, which is gone")));
    Ok(())
}

fn rust_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}
