use policy::Rule;

/// Who may do what, by default.
pub const RULES: &[Rule] = &[];
