//! Rules for passwords and accounts. All of them are off until the operator sets them.

use api::{Error, Result};
use jiff::{SignedDuration, Timestamp};

use crate::audit::{Action, Change};
use crate::store::user::{self as store, Account, User};
use crate::user_options::is_set;
use crate::{Config, Identity, SecurityCompliance};

/// What a password must look like.
pub(crate) struct PasswordRule(Option<fancy_regex::Regex>);

impl PasswordRule {
    pub fn new(config: &Config) -> Result<Self> {
        let regex = config.security_compliance.password_regex.as_deref().map(fancy_regex::Regex::new).transpose();
        regex.map(Self).map_err(|error| {
            Error::new(api::Kind::Internal, format!("identity.security_compliance.password_regex is wrong: {error}"))
        })
    }
}

fn days(count: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(count) * 24)
}

/// Whether the user counts as disabled for not having logged in.
fn is_inactive(
    rules: &SecurityCompliance,
    options: &serde_json::Map<String, serde_json::Value>,
    last: Timestamp,
    now: Timestamp,
) -> bool {
    let most = rules.disable_user_account_days_inactive.map(days);
    most.is_some_and(|most| now.duration_since(last) >= most) && !is_set(options, "ignore_user_inactivity")
}

impl Identity {
    fn rules(&self) -> &SecurityCompliance {
        &self.0.config.security_compliance
    }

    /// Whether the user may log in at all.
    pub(crate) fn is_active(&self, account: &Account) -> bool {
        let last = account.last_active_at.unwrap_or(account.created_at);
        let inactive = is_inactive(self.rules(), &account.options.0, last, self.0.runtime.clock.now());
        account.enabled && account.domain_enabled && !inactive
    }

    /// Whether the user itself is enabled, as clients see it.
    pub(crate) fn is_enabled(&self, user: &User) -> bool {
        let last = user.last_active_at.unwrap_or(user.created_at);
        user.enabled && !is_inactive(self.rules(), &user.options.0, last, self.0.runtime.clock.now())
    }

    /// Whether too many wrong passwords came lately.
    pub(crate) fn is_locked(&self, account: &Account) -> bool {
        let Some(most) = self.rules().lockout_failure_attempts else { return false };
        let last = account.failed_auth_at.unwrap_or(Timestamp::MIN);
        account.failed_auth_count >= i64::from(most)
            && last > self.lock_start()
            && !is_set(&account.options.0, "ignore_lockout_failure_attempts")
    }

    /// A failure at this time or before locks no account any more.
    fn lock_start(&self) -> Timestamp {
        let duration = SignedDuration::from_secs(self.rules().lockout_duration_seconds.into());
        self.0.runtime.clock.now().checked_sub(duration).unwrap_or(Timestamp::MIN)
    }

    /// Counts a wrong password of an account, or does the same work for one that is not there.
    pub(crate) async fn login_failed(&self, account: Option<&Account>) -> Result<()> {
        let Some(most) = self.rules().lockout_failure_attempts else { return Ok(()) };
        let id = account.map_or("", |account| account.id.as_str());
        let mut tx = self.0.db.begin().await?;
        let now = self.0.runtime.clock.now();
        let count = store::failure_count(&mut tx, id, now, most.into(), self.lock_start()).await?;
        let ignored = account.is_some_and(|account| is_set(&account.options.0, "ignore_lockout_failure_attempts"));
        if count == Some(most.into()) && !ignored {
            let details = &[("reason", "too many wrong passwords")];
            self.record(&mut tx, &Change { details, ..Change::new(Action::Locked, "user", id) }).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Notes a login where a rule wants to know.
    pub(crate) async fn login_succeeded(&self, account: &Account) -> Result<()> {
        let now = self.0.runtime.clock.now();
        let day = SignedDuration::from_hours(24);
        let noted = account.last_active_at.is_some_and(|last| now.duration_since(last) < day);
        let active = self.rules().disable_user_account_days_inactive.filter(|_| !noted).map(|_| now);
        if active.is_none() && account.failed_auth_count == 0 {
            return Ok(());
        }
        let mut tx = self.0.db.begin().await?;
        store::login_note(&mut tx, &account.id, active).await?;
        Ok(tx.commit().await?)
    }

    /// Whether the password must be changed before it is of use.
    pub(crate) fn is_expired(&self, account: &Account) -> bool {
        let expired = account.password_expires_at.is_some_and(|at| at <= self.0.runtime.clock.now());
        expired && !is_set(&account.options.0, "ignore_password_expiry")
    }

    /// Refuses a password that does not look as it must.
    pub(crate) fn password_check(&self, password: &str) -> Result<()> {
        let Some(regex) = &self.0.password_rule.0 else { return Ok(()) };
        // A pattern that gives up counts as not matched.
        if regex.is_match(password).unwrap_or(false) {
            return Ok(());
        }
        let description = self.rules().password_regex_description.as_deref();
        Err(Error::bad_request(format!(
            "The password does not match the requirements: {}.",
            description.unwrap_or("it does not match the pattern that the operator has set")
        )))
    }

    /// Refuses a change by the user itself that the rules forbid; `new` is the new password.
    pub(crate) async fn password_change_check(&self, user: &User, new: &str) -> Result<()> {
        if is_set(&user.options.0, "lock_password") {
            return Err(Error::bad_request(
                "You cannot change your password at this time due to password policy disallowing password changes. \
                 Ask your administrator to set a new one.",
            ));
        }
        let age = self.rules().minimum_password_age_days;
        let since = user.password_created_at.filter(|_| user.password_self_service);
        if let Some(left) = since.map(|since| days(age) - self.0.runtime.clock.now().duration_since(since))
            && left.is_positive()
        {
            return Err(Error::bad_request(format!(
                "You cannot change your password at this time due to the minimum password age. It must be used for \
                 {age} day(s); try again in {} day(s) or ask your administrator to set a new one.",
                left.as_hours() / 24
            )));
        }
        self.password_check(new)?;
        let count = i64::from(self.rules().unique_last_password_count);
        if count == 0 {
            return Ok(());
        }
        let mut hashes = store::old_passwords(&self.0.db, &user.id, count - 1).await?;
        hashes.extend(user.password_hash.clone());
        for hash in hashes {
            if self.0.passwords.verify(new, Some(&hash)).await? {
                return Err(Error::bad_request(format!(
                    "The new password cannot be identical to a previous password. The total number which includes \
                     the new password must be unique is {count}."
                )));
            }
        }
        Ok(())
    }

    /// Gives the user a new password, whose hash that is, and keeps the old one in mind if a rule wants that.
    pub(crate) async fn password_set(
        &self,
        tx: &mut db::Tx,
        user: &mut User,
        hash: Option<String>,
        self_service: bool,
    ) -> Result<()> {
        let now = self.0.runtime.clock.now();
        let most = i64::from(self.rules().unique_last_password_count) - 1;
        if let Some(old) = user.password_hash.as_deref().filter(|_| most > 0) {
            store::old_password_keep(tx, &self.0.runtime.ids.hex(), &user.id, old, now, most).await?;
        }
        user.token_generation += 1;
        self.password_put(user, hash, self_service);
        Ok(())
    }

    /// The same for a user who is only being made.
    pub(crate) fn password_put(&self, user: &mut User, hash: Option<String>, self_service: bool) {
        let now = self.0.runtime.clock.now();
        let first_use = self.rules().change_password_upon_first_use
            && !self_service
            && hash.is_some()
            && !is_set(&user.options.0, "ignore_change_password_upon_first_use");
        let end = self.rules().password_expires_days.filter(|_| !is_set(&user.options.0, "ignore_password_expiry"));
        let end = end.and_then(|count| now.checked_add(days(count)).ok());
        user.password_expires_at = if first_use { Some(now) } else { end };
        user.password_hash = hash;
        user.password_created_at = Some(now);
        user.password_self_service = self_service;
    }
}
