//! What an operator may set, with Keystone's defaults. Times of seconds, minutes and days say so in their names.

use std::time::Duration;

use serde::Deserialize;

use crate::{Allowance, LimitModel};

/// The section `[identity]` of the configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The cost of a password hash, as bcrypt counts it (4 to 31).
    pub password_hash_rounds: u32,
    /// The most items that a list returns at once; the rest follows page by page.
    pub list_limit: i64,
    /// The region of this cloud.
    pub region: String,
    /// How limits of projects and of their domain go together.
    pub limit_model: LimitModel,
    /// For how many days the audit trail goes back.
    pub audit_retention_days: u32,
    /// How many failed logins a source address has free; this machine's own addresses have no end of them.
    pub failures_of_source: Allowance,
    /// How many failed logins an account has free.
    pub failures_of_account: Allowance,
    /// Tokens.
    pub token: Token,
    /// Credentials, EC2's among them.
    pub credential: Credential,
    /// Application credentials.
    pub application_credential: ApplicationCredential,
    /// Trusts.
    pub trust: Trust,
    /// One-time passcodes.
    pub totp: Totp,
    /// What one gets half-way through a login of several steps.
    pub receipt: Receipt,
    /// Rules for passwords and accounts, all off.
    pub security_compliance: SecurityCompliance,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            password_hash_rounds: 12,
            list_limit: 10_000,
            region: "RegionOne".to_owned(),
            limit_model: LimitModel::default(),
            audit_retention_days: 90,
            failures_of_source: Allowance { burst: 100, seconds: 1 },
            failures_of_account: Allowance { burst: 20, seconds: 3 },
            token: Token::default(),
            credential: Credential::default(),
            application_credential: ApplicationCredential::default(),
            trust: Trust::default(),
            totp: Totp::default(),
            receipt: Receipt::default(),
            security_compliance: SecurityCompliance::default(),
        }
    }
}

impl Config {
    pub(crate) fn audit_retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.audit_retention_days) * 24 * 3600)
    }
}

/// How tokens are made. Those of the other kind are not valid any more.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Encrypted; only identity reads them.
    Fernet,
    /// Signed; whoever has the public key reads them.
    Jws,
}

/// `[identity.token]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// How tokens are made.
    pub provider: Provider,
    /// How long a token is valid.
    pub expiration_seconds: u32,
    /// Whether a token with a scope may be exchanged for one with another.
    pub allow_rescope_scoped_token: bool,
    /// How long past its end a service may still validate a token, for work that takes longer than a token lives.
    pub allow_expired_window_seconds: u32,
    /// How many validated tokens a process remembers.
    pub cache: usize,
}

impl Default for Token {
    fn default() -> Self {
        Self {
            provider: Provider::Fernet,
            expiration_seconds: 3600,
            allow_rescope_scoped_token: true,
            allow_expired_window_seconds: 48 * 3600,
            cache: 20_000,
        }
    }
}

impl Token {
    pub(crate) fn expiration(&self) -> Duration {
        Duration::from_secs(self.expiration_seconds.into())
    }
}

/// `[identity.credential]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Credential {
    /// How many credentials a user may have; -1 for any number.
    pub user_limit: i64,
    /// How old the time in a signed EC2 or S3 request may be.
    pub auth_ttl_minutes: u32,
}

impl Default for Credential {
    fn default() -> Self {
        Self { user_limit: -1, auth_ttl_minutes: 15 }
    }
}

/// `[identity.application_credential]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApplicationCredential {
    /// How many application credentials a user may have; -1 for any number.
    pub user_limit: i64,
}

impl Default for ApplicationCredential {
    fn default() -> Self {
        Self { user_limit: -1 }
    }
}

/// `[identity.trust]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// How often a trust may be handed on.
    pub max_redelegation_count: i64,
}

impl Default for Trust {
    fn default() -> Self {
        Self { max_redelegation_count: 3 }
    }
}

/// `[identity.totp]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Totp {
    /// How many passcodes before the present one still count, for slow clocks (0 to 10; each lasts 30 seconds).
    pub included_previous_windows: u8,
}

/// `[identity.receipt]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receipt {
    /// How long a receipt is valid.
    pub expiration_seconds: u32,
}

impl Default for Receipt {
    fn default() -> Self {
        Self { expiration_seconds: 300 }
    }
}

/// `[identity.security_compliance]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecurityCompliance {
    /// After how many days without a login a user counts as disabled.
    pub disable_user_account_days_inactive: Option<u32>,
    /// After how many wrong passwords in a row an account is locked.
    pub lockout_failure_attempts: Option<u32>,
    /// For how long it is locked.
    pub lockout_duration_seconds: u32,
    /// After how many days a password must be changed.
    pub password_expires_days: Option<u32>,
    /// How many passwords, the present one included, a new one must differ from.
    pub unique_last_password_count: u32,
    /// For how many days users must keep a password that they chose themselves.
    pub minimum_password_age_days: u32,
    /// What a password must look like; look-ahead is understood.
    pub password_regex: Option<String>,
    /// The same for people.
    pub password_regex_description: Option<String>,
    /// Whether a password that an administrator chose must be changed before it is of use.
    pub change_password_upon_first_use: bool,
}

impl Default for SecurityCompliance {
    fn default() -> Self {
        Self {
            disable_user_account_days_inactive: None,
            lockout_failure_attempts: None,
            lockout_duration_seconds: 1800,
            password_expires_days: None,
            unique_last_password_count: 0,
            minimum_password_age_days: 0,
            password_regex: None,
            password_regex_description: None,
            change_password_upon_first_use: false,
        }
    }
}
