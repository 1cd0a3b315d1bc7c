//! SQL, one file per resource.

pub(crate) mod image;
pub(crate) mod member;

#[cfg(test)]
mod tests;
