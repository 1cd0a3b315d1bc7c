//! ovsdb.
