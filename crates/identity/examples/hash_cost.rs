//! Prints the milliseconds of CPU that one comparison with a bcrypt hash takes, for `bench/identity`: what a login by
//! password cannot be cheaper than.
//!
//!     cargo run --release --package identity --example hash_cost -- 12 20

use std::io::Write as _;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rounds: u32 = arguments.next().unwrap_or_else(|| "12".to_owned()).parse()?;
    let times: u32 = arguments.next().unwrap_or_else(|| "20".to_owned()).parse()?;
    let hash = bcrypt::hash("secret", rounds)?;
    bcrypt::verify("secret", &hash)?;
    let before = cpu()?;
    for _ in 0..times {
        bcrypt::verify("secret", &hash)?;
    }
    let each = (cpu()? - before).as_secs_f64() * 1000.0 / f64::from(times);
    writeln!(std::io::stdout(), "{each:.3}")?;
    Ok(())
}

/// The CPU time of this process until now.
fn cpu() -> Result<Duration, Box<dyn std::error::Error>> {
    // In nanoseconds, as Linux counts it for the scheduler.
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let spent = text.split(' ').next().ok_or("an empty schedstat")?;
    Ok(Duration::from_nanos(spent.parse()?))
}
