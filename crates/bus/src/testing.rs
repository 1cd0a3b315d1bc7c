//! A RabbitMQ for tests.

use std::io::{BufRead as _, BufReader, Result, Write as _};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// A broker on ports of its own. The shell around it ends it and removes its files when this process's end of the pipe
/// closes, however this process ends.
pub struct Broker {
    port: u16,
    pipe: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _shell: Child,
}

const RUN: &str = r#"
dir=$1 port=$2 dist=$3 epmd=$4
export HOME="$dir" RABBITMQ_NODENAME="test-$port@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$port"
export RABBITMQ_DIST_PORT="$dist" ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_MNESIA_BASE="$dir/mnesia" RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_PID_FILE="$dir/pid"
export RABBITMQ_ENABLED_PLUGINS_FILE="$dir/plugins" RABBITMQ_CONFIG_FILE="$dir/none" RABBITMQ_CONF_ENV_FILE="$dir/none.conf"
# Distribution on loopback only.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
bin=$(dirname "$(find /usr/lib/rabbitmq -name rabbitmq-server -path '*bin*' | head -n 1)")
echo '[].' >"$dir/plugins"
start() {
    "$bin/rabbitmq-server" >>"$dir/out" 2>&1 </dev/null &
    server=$!
    until grep -q 'completed with' "$dir/out"; do
        kill -0 $server 2>/dev/null || { cat "$dir/out" >&2; exit 1; }
        sleep 0.1
    done
    echo ready
}
stop() { kill -TERM $server; wait $server; : >"$dir/out"; }
start
while read -r word; do stop; start; done
stop
epmd -port "$epmd" -kill >/dev/null 2>&1
rm -rf "$dir"
"#;

impl Broker {
    /// Starts one and waits until it answers.
    pub fn start() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("ferrostack-rabbit-").tempdir()?.keep();
        let (port, dist, epmd) = (free_port()?, free_port()?, free_port()?);
        let mut shell = Command::new("sh")
            .args(["-c", RUN, "sh"])
            .arg(&dir)
            .args([port, dist, epmd].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (shell.stdin.take(), shell.stdout.take()) else {
            return Err(std::io::Error::other("the shell has no pipes"));
        };
        let broker = Self { port, pipe: Mutex::new((stdin, BufReader::new(stdout))), _shell: shell };
        broker.wait()?;
        Ok(broker)
    }

    /// Where it answers.
    pub fn uri(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    /// Stops the broker and starts it on the same files and ports.
    pub fn restart(&self) -> Result<()> {
        if let Ok(mut pipe) = self.pipe.lock() {
            pipe.0.write_all(b"restart\n")?;
        }
        self.wait()
    }

    fn wait(&self) -> Result<()> {
        let mut line = String::new();
        if let Ok(mut pipe) = self.pipe.lock() {
            pipe.1.read_line(&mut line)?;
        }
        if line.trim() == "ready" { Ok(()) } else { Err(std::io::Error::other("RabbitMQ did not start")) }
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
