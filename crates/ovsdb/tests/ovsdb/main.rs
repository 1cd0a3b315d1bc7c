//! The client against real database servers, and against servers that do not keep to the protocol.

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod garbage;
#[cfg(test)]
mod monitors;
#[cfg(test)]
mod server;
#[cfg(test)]
mod transactions;
