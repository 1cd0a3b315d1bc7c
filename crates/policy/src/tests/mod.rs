mod language;
mod properties;
mod rules;
