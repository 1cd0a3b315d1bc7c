//! SQL, one file per resource.

pub(crate) mod image;
pub(crate) mod member;
pub(crate) mod quota;

#[cfg(test)]
mod tests;
