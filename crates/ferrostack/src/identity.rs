//! `ferrostack identity`: what an operator does to identity from the machine itself, whether the cloud runs or not.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use ferrostack::cloud;
use ferrostack::config::Config;
use ferrostack::state::State;
use identity::{Bootstrap, BootstrapNames, BootstrapService, Identity};
use jiff::{Timestamp, ToSpan as _};
use runtime::Runtime;

use crate::database::Database;
use crate::output;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Make what is missing of the first user, project, roles, region and endpoints; run again it changes what differs
    Bootstrap(BootstrapArguments),
    /// Make the staged token key the primary one and stage a new one; a running cloud takes it up by itself
    RotateKeys {
        /// The keys that stay at most, the staged one and the primary included
        #[arg(long, default_value_t = 3, value_name = "KEYS")]
        most: usize,
    },
    /// Make the staged key of credentials the primary one, stage a new one, and encrypt all credentials anew
    RotateCredentialKeys(Database),
    /// Show who changed what, the newest first
    Audit(AuditArguments),
}

/// The names, as keystone-manage has them.
#[derive(clap::Args)]
pub struct BootstrapArguments {
    /// The password; without one, that in the state directory
    #[arg(long = "bootstrap-password", env = "OS_BOOTSTRAP_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// The user
    #[arg(long = "bootstrap-username", env = "OS_BOOTSTRAP_USERNAME", default_value = "admin")]
    username: String,
    /// The project
    #[arg(long = "bootstrap-project-name", env = "OS_BOOTSTRAP_PROJECT_NAME", default_value = "admin")]
    project: String,
    /// The role that may do everything
    #[arg(long = "bootstrap-role-name", env = "OS_BOOTSTRAP_ROLE_NAME", default_value = "admin")]
    role: String,
    /// The service that gets the endpoints
    #[arg(long = "bootstrap-service-name", env = "OS_BOOTSTRAP_SERVICE_NAME", default_value = "keystone")]
    service: String,
    /// The region of the endpoints
    #[arg(long = "bootstrap-region-id", env = "OS_BOOTSTRAP_REGION_ID", default_value = "RegionOne")]
    region: String,
    /// The public address of identity; without one, no endpoint is made
    #[arg(long = "bootstrap-public-url", env = "OS_BOOTSTRAP_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// The internal address, if it is another
    #[arg(long = "bootstrap-internal-url", env = "OS_BOOTSTRAP_INTERNAL_URL", value_name = "URL")]
    internal_url: Option<String>,
    /// The address for administrators, if it is another
    #[arg(long = "bootstrap-admin-url", env = "OS_BOOTSTRAP_ADMIN_URL", value_name = "URL")]
    admin_url: Option<String>,
    #[command(flatten)]
    database: Database,
}

/// Which events to show.
#[derive(clap::Args)]
pub struct AuditArguments {
    /// Only changes of the thing with this id
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Only changes by the user with this id
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// How many days back
    #[arg(long, default_value_t = 90)]
    days: i64,
    /// The most events
    #[arg(long, default_value_t = 100)]
    limit: i64,
    /// One CADF event in JSON a line, instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: Database,
}

/// Runs the command.
pub async fn run(state: &State, command: Command) -> Result<()> {
    match command {
        Command::Bootstrap(arguments) => bootstrap(state, arguments).await,
        Command::RotateKeys { most } => rotate_keys(state, most),
        Command::RotateCredentialKeys(database) => rotate_credential_keys(state, &database).await,
        Command::Audit(arguments) => audit(state, &arguments).await,
    }
}

fn key_dir(state: &State) -> PathBuf {
    state.path("fernet-keys")
}

/// Identity over the cloud's database, whose schema is brought up to date.
async fn open(state: &State, database: &Database) -> Result<Identity> {
    let db = database.open(state).await?;
    let options = identity::Options { dir: state.dir().to_owned(), config: Config::load(state)?.identity };
    Ok(Identity::new(db, Runtime::default(), cloud::policy(state)?, options)?)
}

async fn bootstrap(state: &State, arguments: BootstrapArguments) -> Result<()> {
    let password = match arguments.password {
        Some(password) => password,
        None => state.secret("admin-password")?,
    };
    let addresses = [&arguments.public_url, &arguments.internal_url, &arguments.admin_url];
    if arguments.public_url.is_none() && addresses.iter().any(|url| url.is_some()) {
        bail!("name the public address too: --bootstrap-public-url");
    }
    if let Some(odd) = addresses.into_iter().flatten().find(|url| !url.starts_with("http")) {
        bail!("{odd} is no http(s) address");
    }
    let service = arguments.public_url.map(|path| BootstrapService {
        kind: "identity".to_owned(),
        name: arguments.service,
        path,
        internal_url: arguments.internal_url,
        admin_url: arguments.admin_url,
    });
    let wanted = Bootstrap {
        admin_password: password,
        region: arguments.region,
        base_url: String::new(),
        services: service.into_iter().collect(),
    };
    let names = BootstrapNames { username: arguments.username, project: arguments.project, role: arguments.role };
    let made = open(state, &arguments.database).await?.bootstrap_as(&wanted, &names).await?;
    output::table(
        &["WHAT", "NAME", "ID"],
        &[
            vec!["user".to_owned(), names.username, made.user_id],
            vec!["project".to_owned(), names.project, made.project_id],
            vec!["role".to_owned(), names.role, made.role_id],
        ],
    );
    Ok(())
}

fn rotate_keys(state: &State, most: usize) -> Result<()> {
    let dir = key_dir(state);
    if !dir.exists() {
        bail!("there are no keys in {} yet; start the cloud first, or bootstrap it", dir.display());
    }
    identity::token_keys_rotate(state.dir(), most.max(3))
        .with_context(|| format!("the token keys in {} cannot be changed", state.dir().display()))?;
    output::line(&format!(
        "The token keys in {} are rotated; tokens made with those that stay are valid.",
        state.dir().display()
    ));
    Ok(())
}

async fn rotate_credential_keys(state: &State, database: &Database) -> Result<()> {
    let count = open(state, database).await?.credential_keys_rotate().await?;
    output::line(&format!("The keys of credentials are rotated; credentials encrypted anew: {count}."));
    Ok(())
}

async fn audit(state: &State, arguments: &AuditArguments) -> Result<()> {
    let since = Timestamp::now().checked_sub((arguments.days * 24).hours()).unwrap_or(Timestamp::MIN);
    let identity = open(state, &arguments.database).await?;
    let (target, user) = (arguments.target.as_deref(), arguments.user.as_deref());
    let events = identity.audit_list(target, user, since, arguments.limit).await?;
    if arguments.json {
        events.iter().for_each(|event| output::line(&event.to_string()));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = events
        .iter()
        .map(|event| {
            let text = |path: &str| event.pointer(path).and_then(|value| value.as_str()).unwrap_or("-").to_owned();
            vec![
                text("/eventTime"),
                text("/action"),
                text("/target/id"),
                text("/initiator/id"),
                text("/initiator/host/address"),
                text("/initiator/request_id"),
            ]
        })
        .collect();
    output::table(&["TIME", "ACTION", "TARGET", "BY USER", "FROM", "REQUEST"], &rows);
    Ok(())
}
