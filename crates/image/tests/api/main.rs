//! The image service over HTTP, on a cloud of nothing but identity and images.

mod bytes;
mod cloud;
mod records;
mod sharing;
