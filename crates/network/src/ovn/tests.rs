//! Tests of the translation and of what reaches the database.
