//! `ferrostack policy`: the rules of who may do what.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use ferrostack::client::Client;
use ferrostack::cloud;
use ferrostack::state::State;
use http::{Method, StatusCode};
use policy::{Credentials, Policy, RuleInfo, Target};
use serde_json::Value;

use crate::output;

/// What to do with the rules.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List the rules in force, `policy.yaml` included
    List {
        /// Only rules with this in their name
        text: Option<String>,
        /// Only those that policy.yaml changes or adds
        #[arg(long)]
        changed: bool,
    },
    /// Say whether a token may do something, and which part of which rule decided (exit code 1: it may not)
    Check {
        /// The rule, such as identity:list_users
        rule: String,
        /// The token; without one, that of OS_TOKEN
        #[arg(long, env = "OS_TOKEN", hide_env_values = true)]
        token: String,
        /// What is asked about: NAME=VALUE, such as target.user.domain_id=default
        #[arg(long = "target", value_name = "NAME=VALUE")]
        target: Vec<String>,
    },
    /// Print all default rules as a policy.yaml, each line a comment to be taken up where it is to change
    File,
}

/// Runs the command.
pub async fn run(state: &State, command: Command) -> Result<ExitCode> {
    let policy = cloud::policy(state)?;
    match command {
        Command::List { text, changed } => list(&policy, text.as_deref().unwrap_or_default(), changed),
        Command::Check { rule, token, target } => return check(state, &policy, &rule, &token, &target).await,
        Command::File => file(&policy),
    }
    Ok(ExitCode::SUCCESS)
}

fn is_changed(rule: &RuleInfo<'_>) -> bool {
    rule.default_check != Some(rule.check)
}

fn scopes(rule: &RuleInfo<'_>) -> String {
    let scopes: Vec<String> = rule.scopes.iter().map(ToString::to_string).collect();
    if scopes.is_empty() { "any".to_owned() } else { scopes.join(",") }
}

fn list(policy: &Policy, text: &str, changed: bool) {
    let wanted = policy.rules().filter(|rule| rule.name.contains(text) && (!changed || is_changed(rule)));
    let rows: Vec<Vec<String>> = wanted
        .map(|rule| {
            let changed = if is_changed(&rule) { "policy.yaml" } else { "default" };
            let check = if rule.check.is_empty() { "@" } else { rule.check };
            vec![rule.name.to_owned(), scopes(&rule), changed.to_owned(), check.to_owned()]
        })
        .collect();
    output::table(&["RULE", "SCOPES", "FROM", "CHECK"], &rows);
}

fn file(policy: &Policy) {
    for rule in policy.rules().filter(|rule| rule.default_check.is_some()) {
        output::line(&format!("# {}", rule.description));
        for (method, path) in rule.operations {
            output::line(&format!("# {method} {path}"));
        }
        output::line(&format!("# Scopes: {}", scopes(&rule)));
        let check = serde_json::to_string(rule.default_check.unwrap_or_default()).unwrap_or_default();
        output::line(&format!("#\"{}\": {check}\n", rule.name));
    }
}

async fn check(state: &State, policy: &Policy, rule: &str, token: &str, target: &[String]) -> Result<ExitCode> {
    let Some(info) = policy.rules().find(|info| info.name == rule) else {
        bail!("there is no rule {rule}; `ferrostack policy list` shows all");
    };
    let document = document(state, token).await?;
    let roles: Vec<String> = document["roles"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|role| Some(role["name"].as_str()?.to_owned()))
        .collect();
    let credentials = credentials(&document, &roles);
    let pairs = target.iter().map(|pair| pair.split_once('=').with_context(|| format!("{pair} is not NAME=VALUE")));
    let mut target = Target::new();
    for (name, value) in pairs.collect::<Result<Vec<_>>>()? {
        target = target.with(name, value);
    }
    let decision = policy.check(rule, &credentials, &target);
    output::line(&decision.to_string());
    output::line(&format!("\n{rule} (scopes: {}): {}", scopes(&info), info.check));
    for part in policy.explain(rule, &credentials, &target).into_iter().flatten() {
        let met = if part.met { "met    " } else { "not met" };
        output::line(&format!("  {met} {}{}", "  ".repeat(part.depth), part.text));
    }
    output::line(&format!("\nThe token: {}", described(&document, &roles)));
    Ok(if decision.allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the token says, from the running cloud; a token may always be shown to itself.
async fn document(state: &State, token: &str) -> Result<Value> {
    let client = Client::new(&state.running()?.url).with_header("x-auth-token", token)?;
    let client = client.with_header("x-subject-token", token)?;
    let answer = client.request(Method::GET, "/identity/v3/auth/tokens?nocatalog", None).await?;
    if answer.status != StatusCode::OK {
        bail!("the cloud does not take this token: {}", answer.status);
    }
    Ok(answer.json()["token"].take())
}

fn credentials<'a>(document: &'a Value, roles: &'a [String]) -> Credentials<'a> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    Credentials {
        user_id: text("/user/id").unwrap_or_default(),
        user_domain_id: text("/user/domain/id").unwrap_or_default(),
        project_id: text("/project/id"),
        project_domain_id: text("/project/domain/id"),
        domain_id: text("/domain/id"),
        system_scope: document.get("system").map(|_| "all"),
        roles,
        trust_id: text("/OS-TRUST:trust/id"),
        trustor_id: text("/OS-TRUST:trust/trustor_user/id"),
        trustee_id: text("/OS-TRUST:trust/trustee_user/id"),
        token: Some(document),
        ..Credentials::default()
    }
}

fn described(document: &Value, roles: &[String]) -> String {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    let scope = if document.get("system").is_some() {
        "the system".to_owned()
    } else if document.get("domain").is_some() {
        format!("the domain {}", text("/domain/name"))
    } else if document.get("project").is_some() {
        format!("the project {} ({})", text("/project/name"), text("/project/id"))
    } else {
        "nothing".to_owned()
    };
    let roles = if roles.is_empty() { "none".to_owned() } else { roles.join(", ") };
    format!("user {} ({}) on {scope}, roles {roles}", text("/user/name"), text("/user/id"))
}
