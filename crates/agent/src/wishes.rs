use std::collections::BTreeMap;

use protocol::{Problem, ServerSpec};

/// What a server's flavor and image ask for. Empty values ask for nothing.
pub(crate) struct Wishes<'a> {
    flavor: &'a BTreeMap<String, String>,
    image: &'a BTreeMap<String, String>,
}

impl<'a> Wishes<'a> {
    pub(crate) fn new(server: &'a ServerSpec) -> Self {
        Self { flavor: &server.extra_specs, image: &server.image_properties }
    }

    /// An extra spec of the flavor.
    pub(crate) fn flavor(&self, name: &str) -> Option<&'a str> {
        self.flavor.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A property of the image.
    pub(crate) fn image(&self, name: &str) -> Option<&'a str> {
        self.image.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// What the flavor says as `hw:NAME` and the image as `hw_NAME`; they must not contradict each other.
    pub(crate) fn agreed(&self, name: &str) -> Result<Option<&'a str>, Problem> {
        let (flavor, image) = (self.flavor(&format!("hw:{name}")), self.image(&format!("hw_{name}")));
        match (flavor, image) {
            (Some(flavor), Some(image)) if flavor != image => Err(contradiction(name, flavor, image)),
            (flavor, image) => Ok(flavor.or(image)),
        }
    }

    /// As [`Self::agreed`], for what is true or false.
    pub(crate) fn agreed_flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        let flag = |value: Option<&str>| value.map(is_true);
        let (flavor, image) = (self.flavor(&format!("hw:{name}")), self.image(&format!("hw_{name}")));
        match (flag(flavor), flag(image)) {
            (Some(one), Some(other)) if one != other => {
                Err(contradiction(name, flavor.unwrap_or_default(), image.unwrap_or_default()))
            }
            (flavor, image) => Ok(flavor.or(image)),
        }
    }

    pub(crate) fn flavor_flag(&self, name: &str) -> bool {
        self.flavor(name).is_some_and(is_true)
    }

    pub(crate) fn image_flag(&self, name: &str) -> bool {
        self.image(name).is_some_and(is_true)
    }

    /// A number of the flavor.
    pub(crate) fn flavor_number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.flavor(name).map(|value| number("the flavor's", name, value)).transpose()
    }

    /// How much the flavor asks of a resource class, in groups and outside.
    pub(crate) fn flavor_resources(&self, class: &str) -> Result<u32, Problem> {
        let keys = self.flavor.keys().filter(|key| key.strip_prefix("resources").is_some_and(|key| names(key, class)));
        keys.map(|key| self.flavor_number::<u32>(key))
            .try_fold(0_u32, |sum, one| Ok(sum.saturating_add(one?.unwrap_or(0))))
    }

    /// A number of the image.
    pub(crate) fn image_number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.image(name).map(|value| number("the image's", name, value)).transpose()
    }
}

/// Whether this is `GROUP:CLASS`.
fn names(key: &str, class: &str) -> bool {
    key.split_once(':').is_some_and(|(_, name)| name == class)
}

fn number<T: std::str::FromStr>(whose: &str, name: &str, value: &str) -> Result<T, Problem> {
    value.parse().map_err(|_| refused(format!("{whose} {name} is {value:?}: it must be a number")))
}

/// Whether a word means true.
pub(crate) fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "t" | "true" | "on" | "y" | "yes")
}

/// One of the words, or a refusal that says which there are.
pub(crate) fn word<'a>(name: &str, value: &'a str, words: &[&str]) -> Result<&'a str, Problem> {
    if words.contains(&value) {
        return Ok(value);
    }
    Err(refused(format!("{name} is {value:?}: it must be one of {}", words.join(", "))))
}

pub(crate) fn refused(text: impl Into<String>) -> Problem {
    Problem::Permanent(text.into())
}

fn contradiction(name: &str, flavor: &str, image: &str) -> Problem {
    refused(format!("the flavor has hw:{name}={flavor} and the image hw_{name}={image}: they must agree"))
}
