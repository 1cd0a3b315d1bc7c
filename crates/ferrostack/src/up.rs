//! `ferrostack up`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use runtime::Runtime;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use agent::hypervisor::libvirt::VirtType;
use agent::{fake, host};
use bus::{Bus, InProcess, Rabbit};
use ferrostack::cloud::{Cloud, Node, Settings};
use ferrostack::config::Config;
use ferrostack::state::{State, Up, pid_start};

use crate::output;

/// This machine's end of the provider network, inside the node's namespace.
const EXTERNAL_GATEWAY: &str = "172.24.4.1/24";

/// How to start.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where every API answers
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Run on fake drivers: no root, no QEMU, no OVN; servers exist only in the API
    #[arg(long)]
    pub fake: bool,
    /// How many fake nodes there are
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "fake")]
    pub nodes: u32,
    /// How long a fake node takes for whatever it is asked
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0, requires = "fake")]
    pub delay: u32,
    /// Return when every API answers, and go on in the background
    #[arg(long)]
    pub detach: bool,
    /// The database, instead of SQLite in the state directory: postgres://USER@HOST/NAME
    #[arg(long, value_name = "ADDRESS", env = "FERROSTACK_DATABASE")]
    pub database: Option<String>,
    /// The message broker, instead of none: amqp://USER:PASSWORD@HOST/VHOST, the virtual host being this cloud's own
    #[arg(long, value_name = "ADDRESS", env = "FERROSTACK_BUS", hide_env_values = true)]
    pub bus: Option<String>,
    /// What to log: error, warn, info, debug, or a filter such as compute=debug
    #[arg(long, value_name = "FILTER", default_value = "warn,ferrostack=info")]
    pub log: String,
    /// Log in JSON, one object a line
    #[arg(long)]
    pub log_json: bool,
    /// The cost of password hashes (4 to 31); lower ones are for tests only
    #[arg(long, value_name = "ROUNDS", hide = true)]
    pub bcrypt_rounds: Option<u32>,
    /// Kill or fail at a step of durable work: KIND/STEP/kill-before|kill-after|fail; for tests only
    #[arg(long, value_name = "POINT", hide = true)]
    pub fault: Option<String>,
}

/// Starts the cloud, says when it answers, and stays until it is told to stop.
pub async fn run(state: &State, arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    let lock = state.lock()?;
    runtime::logs::init(&arguments.log, arguments.log_json);
    let listener = TcpListener::bind(arguments.listen).await.with_context(|| {
        format!("cannot listen on {}; is another cloud there? Choose another with --listen", arguments.listen)
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    let runtime = Runtime::default();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let settings = settings(state, arguments, &runtime, &url).await?;
    let cloud = Cloud::start(runtime.clone(), settings, listener).await?;
    let pid = std::process::id().try_into().context("the process id does not fit")?;
    let up = Up {
        pid,
        pid_start: pid_start(pid).context("/proc is not mounted")?,
        url: url.clone(),
        fake: arguments.fake,
        namespace: cloud.namespace(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: Timestamp::now(),
    };
    state.announce(&up, &state.secret("admin-password")?)?;
    output::line(&format!(
        "Ferrostack answers at {url} after {:.2} s. Clients: export OS_CLIENT_CONFIG_FILE={} OS_CLOUD=ferrostack",
        started.elapsed().as_secs_f64(),
        state.path("clouds.yaml").display()
    ));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    cloud.stop().await;
    state.withdraw();
    drop(lock);
    Ok(())
}

/// What the command line and the state directory say.
async fn settings(state: &State, arguments: &Arguments, runtime: &Runtime, url: &str) -> Result<Settings> {
    let mut config = Config::load(state)?;
    config.identity.password_hash_rounds = arguments.bcrypt_rounds.unwrap_or(config.identity.password_hash_rounds);
    let database = match &arguments.database {
        Some(address) => address.parse().context("--database cannot be used")?,
        None => db::Options::Sqlite(state.path("ferrostack.db")),
    };
    let bus: Arc<dyn Bus> = match &arguments.bus {
        Some(address) => Arc::new(Rabbit::new(address, runtime.clone())),
        None => Arc::new(InProcess::default()),
    };
    let fake = |name: &str| fake_node(state, name, Duration::from_millis(arguments.delay.into()));
    let node = if arguments.fake { Node::Fake(fake("fake-node")) } else { real_node(state, runtime).await? };
    Ok(Settings {
        state: state.clone(),
        url: url.to_owned(),
        database,
        bus,
        config,
        host: host_name(state)?,
        fault: arguments.fault.as_deref().map(fault_point).transpose()?,
        node,
        more_nodes: (2..=arguments.nodes).map(|number| fake(&format!("fake-node-{number}"))).collect(),
    })
}

fn fake_node(state: &State, name: &str, delay: Duration) -> fake::Node {
    fake::Node::new(fake::Options {
        delay,
        state_file: Some(state.path(&format!("{name}.json"))),
        console_dir: Some(state.path("consoles")),
        ..fake::Options::default()
    })
}

/// Starts what real servers need, in a network namespace that is this state directory's own.
async fn real_node(state: &State, runtime: &Runtime) -> Result<Node> {
    if !nix::unistd::geteuid().is_root() {
        bail!("real servers need root (namespaces, taps); run as root, or `ferrostack up --fake` as anyone");
    }
    let options = node_options(state)?;
    let guests = options.guests.clone();
    let (services, virt_type) = tokio::join!(host::Services::start(runtime.clone(), options), VirtType::probe());
    let services = services.context("this node's services do not start; `ferrostack doctor` says what is missing")?;
    if let Some(refusal) = guests.refusal(virt_type) {
        services.stop().await?;
        bail!("[libvirt] cannot be as it is: {refusal}");
    }
    services.external_address_ensure(EXTERNAL_GATEWAY).context("br-ex cannot get its address")?;
    Ok(Node::Real(Box::new(services), virt_type))
}

/// Where the node of this state directory keeps its things.
pub fn node_options(state: &State) -> Result<host::Options> {
    let mut options = host::Options::new(state.path("node"), &host_name(state)?, &state.namespace());
    let Config { node, libvirt, .. } = Config::load(state)?;
    options.guests = libvirt;
    options.spice = node.spice;
    options.dedicated_cpus =
        node.dedicated_cpus.parse().map_err(anyhow::Error::msg).context("[node] dedicated_cpus cannot be used")?;
    let present = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if let Some(missing) = options.dedicated_cpus.0.iter().find(|cpu| **cpu as usize >= present) {
        bail!("[node] dedicated_cpus names the processor {missing}, but this machine has 0 to {}", present - 1);
    }
    Ok(options)
}

/// The name of the node of this state directory. It stays as it was at first, whatever becomes of the machine's: servers
/// are on the node of that name.
fn host_name(state: &State) -> Result<String> {
    let file = state.path("host");
    if let Ok(name) = std::fs::read_to_string(&file) {
        return Ok(name.trim().to_owned());
    }
    let name = machine_name()?;
    std::fs::create_dir_all(state.dir()).with_context(|| format!("cannot make {}", state.dir().display()))?;
    std::fs::write(&file, &name).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(name)
}

fn machine_name() -> Result<String> {
    Ok(nix::unistd::gethostname().context("this machine has no host name")?.to_string_lossy().into_owned())
}

fn fault_point(text: &str) -> Result<work::FaultPoint> {
    let mut parts = text.split('/');
    let (Some(kind), Some(step), Some(moment), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        bail!("--fault is KIND/STEP/MOMENT");
    };
    let moment = match moment {
        "kill-before" => work::Moment::KillBefore,
        "kill-after" => work::Moment::KillAfter,
        "fail" => work::Moment::Fail,
        other => bail!("--fault knows no moment {other}"),
    };
    Ok(work::FaultPoint { kind: kind.to_owned(), step: step.to_owned(), moment })
}

/// Starts `ferrostack up` in the background and returns when it answers.
pub fn detach(state: &State, arguments: &Arguments) -> Result<()> {
    // The lock tells whether a cloud runs here; the child takes it for itself.
    drop(state.lock()?);
    let log = state.path("log").join("ferrostack.log");
    std::fs::create_dir_all(state.path("log")).context("cannot make the log directory")?;
    let log_file = std::fs::File::options().create(true).append(true).open(&log)?;
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.arg("--state").arg(state.dir());
    command.args(foreground(arguments));
    // Addresses may hold passwords, which do not belong on a command line that every user can read.
    command.envs(arguments.database.iter().map(|address| ("FERROSTACK_DATABASE", address)));
    command.envs(arguments.bus.iter().map(|address| ("FERROSTACK_BUS", address)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file).process_group(0);
    let mut child = command.spawn().context("cannot start the cloud")?;
    let mut ready = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout.take(4096)).read_line(&mut ready)?;
    }
    if ready.is_empty() {
        // Its last words are in the log; it has closed its output, so it ends now.
        let status = wait(&mut child, Duration::from_secs(10))?;
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(10).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        bail!("the cloud did not start ({status}); the end of {}:\n{}", log.display(), tail.join("\n"));
    }
    output::line(ready.trim_end());
    Ok(())
}

/// The command line of the same cloud in the foreground.
fn foreground(arguments: &Arguments) -> Vec<String> {
    let mut line: Vec<String> = ["up", "--listen"].map(str::to_owned).to_vec();
    line.push(arguments.listen.to_string());
    line.extend(["--log".to_owned(), arguments.log.clone()]);
    line.extend(arguments.bcrypt_rounds.iter().flat_map(|rounds| ["--bcrypt-rounds".to_owned(), rounds.to_string()]));
    if arguments.fake {
        line.extend(["--fake".to_owned(), "--nodes".to_owned(), arguments.nodes.to_string()]);
        line.extend(["--delay".to_owned(), arguments.delay.to_string()]);
    }
    line.extend(arguments.log_json.then(|| "--log-json".to_owned()));
    line.extend(arguments.fault.iter().flat_map(|fault| ["--fault".to_owned(), fault.clone()]));
    line
}

fn wait(child: &mut std::process::Child, limit: Duration) -> Result<String> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(status.to_string());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok("it still runs".to_owned())
}
