//! Options of a domain that differ from the cloud's: which directory its users come from, and how to ask it. They are
//! checked and kept; users come from the database alone, so that nothing reads them yet.

mod options;

use api::{Error, Result};
use options::{KNOWN, SECTIONS, SENSITIVE};
use serde_json::{Map, Value, json};

use crate::Identity;
use crate::audit::Action;
use crate::fields::missing;
use crate::store::domain;
use crate::store::domain_config::{self as store, DomainOption, Part};

/// Sections with their options.
type Config = Map<String, Value>;

impl Identity {
    /// What a domain has set: sections, one section, or the one option.
    pub(crate) async fn domain_config_get(&self, domain_id: &str, part: Part<'_>) -> Result<Config> {
        self.domain_find(domain_id).await?.ok_or_else(|| missing("domain", domain_id))?;
        part_check(part)?;
        let mut set = store::list(&self.0.db, domain_id, part).await?;
        set.retain(|option| !option.sensitive);
        if set.is_empty() {
            return Err(not_set(domain_id, part));
        }
        let options = set
            .into_iter()
            .map(|option| (option.section, option.name, serde_json::from_str(&option.value).unwrap_or(Value::Null)));
        Ok(shape(options, part))
    }

    /// Replaces all options of a domain; tells whether it had none before.
    pub(crate) async fn domain_config_create(&self, domain_id: &str, config: Config) -> Result<(Config, bool)> {
        let everything = Part { section: None, name: None };
        let options = self.options_of(config)?;
        let mut tx = self.write().await?;
        domain::get(&mut tx, domain_id).await?.ok_or_else(|| missing("domain", domain_id))?;
        let is_new = store::list(&mut tx, domain_id, everything).await?.is_empty();
        store::delete(&mut tx, domain_id, everything).await?;
        for option in &options {
            store::set(&mut tx, domain_id, option).await?;
        }
        self.commit(tx, Action::Created, "domain_config", domain_id).await?;
        Ok((self.domain_config_shown(domain_id).await?, is_new))
    }

    /// Changes options; with a part named, exactly that part, which must be set already.
    pub(crate) async fn domain_config_update(&self, domain_id: &str, part: Part<'_>, config: Config) -> Result<Config> {
        part_check(part)?;
        let config = match part {
            Part { section: Some(section), name: Some(_) } => {
                Map::from_iter([(section.to_owned(), Value::Object(config))])
            }
            _ => config,
        };
        let options = self.options_of(config)?;
        let outside = |option: &DomainOption| {
            part.section.is_some_and(|section| section != option.section)
                || part.name.is_some_and(|name| name != option.name)
        };
        if options.iter().any(outside) {
            return Err(Error::forbidden(
                "The body changes more than the path names; send that section or option alone.",
            ));
        }
        let mut tx = self.write().await?;
        domain::get(&mut tx, domain_id).await?.ok_or_else(|| missing("domain", domain_id))?;
        if part.section.is_some() && store::list(&mut tx, domain_id, part).await?.is_empty() {
            return Err(not_set(domain_id, part));
        }
        for option in &options {
            store::set(&mut tx, domain_id, option).await?;
        }
        self.commit(tx, Action::Updated, "domain_config", domain_id).await?;
        self.domain_config_shown(domain_id).await
    }

    pub(crate) async fn domain_config_delete(&self, domain_id: &str, part: Part<'_>) -> Result<()> {
        part_check(part)?;
        let mut tx = self.write().await?;
        domain::get(&mut tx, domain_id).await?.ok_or_else(|| missing("domain", domain_id))?;
        if part.section.is_some() && store::list(&mut tx, domain_id, part).await?.is_empty() {
            return Err(not_set(domain_id, part));
        }
        store::delete(&mut tx, domain_id, part).await?;
        self.commit(tx, Action::Deleted, "domain_config", domain_id).await
    }

    /// What passwords must look like, which anyone may read of the first domain.
    pub(crate) async fn security_compliance_config(&self, domain_id: &str, name: Option<&str>) -> Result<Config> {
        self.domain_find(domain_id).await?.ok_or_else(|| missing("domain", domain_id))?;
        if domain_id != "default" {
            return Err(Error::forbidden("Only the default domain has rules for passwords; read them there."));
        }
        let rules = &self.0.config.security_compliance;
        let rules = [
            ("password_regex", json!(rules.password_regex)),
            ("password_regex_description", json!(rules.password_regex_description)),
        ];
        let rules = rules.into_iter().filter(|(known, _)| name.is_none_or(|name| name == *known));
        let rules: Vec<_> = rules.map(|(name, value)| ("security_compliance".into(), name.into(), value)).collect();
        if rules.is_empty() {
            return Err(Error::forbidden("Only password_regex and password_regex_description can be read."));
        }
        Ok(shape(rules.into_iter(), Part { section: None, name }))
    }

    /// All that may be shown, even if that is nothing.
    async fn domain_config_shown(&self, domain_id: &str) -> Result<Config> {
        match self.domain_config_get(domain_id, Part { section: None, name: None }).await {
            Err(error) if error.kind == api::Kind::NotFound => Ok(Config::new()),
            other => other,
        }
    }

    /// Encrypts the secret options of all domains with the primary key of credentials.
    pub(crate) async fn domain_secrets_reencrypt(&self) -> Result<()> {
        let ring = self.0.credential_keys.ring();
        let mut tx = self.0.db.begin().await?;
        for mut secret in store::secrets(&mut tx).await? {
            // What no key opens stays as it is: there is nothing better to put there.
            if let Some(bytes) = ring.open(&secret.value) {
                secret.value = ring.seal(&bytes);
                store::secret_replace(&mut tx, &secret).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// The options in a request, as they are kept.
    fn options_of(&self, config: Config) -> Result<Vec<DomainOption>> {
        let mut options = Vec::new();
        for (section, values) in config {
            let Value::Object(values) = values else {
                return Err(Error::forbidden(format!("The section {section} must be an object of options.")));
            };
            for (name, value) in values {
                part_check(Part { section: Some(&section), name: Some(&name) })?;
                let sensitive = SENSITIVE.contains(&(section.as_str(), name.as_str()));
                let text = value.to_string();
                let value = if sensitive { self.0.credential_keys.ring().seal(text.as_bytes()) } else { text };
                options.push(DomainOption { section: section.clone(), name, value, sensitive });
            }
        }
        if options.is_empty() {
            return Err(Error::forbidden("No options specified: name a section with at least one option."));
        }
        Ok(options)
    }
}

/// What stands where a domain has set nothing.
pub(crate) fn defaults(part: Part<'_>) -> Result<Config> {
    part_check(part)?;
    let wanted = |known: &&options::Known| {
        part.section.is_none_or(|section| section == known.section) && part.name.is_none_or(|name| name == known.name)
    };
    let found: Vec<_> = KNOWN
        .iter()
        .filter(wanted)
        .map(|known| {
            let value = serde_json::from_str(known.default).unwrap_or(Value::Null);
            (known.section.to_owned(), known.name.to_owned(), value)
        })
        .collect();
    if found.is_empty() {
        return Err(Error::forbidden("The default of a sensitive option cannot be read."));
    }
    Ok(shape(found.into_iter(), part))
}

/// Options by section; one that was asked for by its name stands alone.
fn shape(options: impl Iterator<Item = (String, String, Value)>, part: Part<'_>) -> Config {
    let mut config = Config::new();
    for (section, name, value) in options {
        if part.name.is_some() {
            config.insert(name, value);
        } else if let Value::Object(section) = config.entry(section).or_insert_with(|| Value::Object(Map::new())) {
            section.insert(name, value);
        }
    }
    config
}

/// 403 for a section or option that a domain cannot have.
fn part_check(part: Part<'_>) -> Result<()> {
    let Some(section) = part.section else { return Ok(()) };
    if !SECTIONS.contains(&section) {
        return Err(Error::forbidden(format!("Group {section} is not supported for domain specific configurations.")));
    }
    let Some(name) = part.name else { return Ok(()) };
    let known = KNOWN.iter().any(|known| known.section == section && known.name == name);
    if !known && !SENSITIVE.contains(&(section, name)) {
        let problem = format!("Option {name} in group {section} is not supported for domain specific configurations.");
        return Err(Error::forbidden(problem));
    }
    Ok(())
}

fn not_set(domain_id: &str, part: Part<'_>) -> Error {
    let what = match part {
        Part { section: Some(section), name: Some(name) } => format!("option {name} in group {section}"),
        Part { section: Some(section), name: None } => format!("group {section}"),
        _ => "any options".to_owned(),
    };
    Error::not_found(format!("Could not find {what} in domain configuration for domain {domain_id}."))
}
