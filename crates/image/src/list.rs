//! Lists of images: filters, order, pages.

use api::{Error, Query, Result};
use db::Direction;
use identity::Caller;
use policy::Target;

use crate::Image;
use crate::image::{ImageInfo, Visibility, is_admin};
use crate::store::image::{self as store, Condition, Viewer};

/// How many images come where no limit is asked for.
const PAGE: i64 = 25;
const SORT_KEYS: &[&str] = &[
    "name",
    "status",
    "container_format",
    "disk_format",
    "size",
    "id",
    "created_at",
    "updated_at",
    "owner",
    "visibility",
    "min_disk",
    "min_ram",
];

impl Image {
    /// One page of the images that the caller sees, and whether there are more.
    pub async fn image_list(&self, caller: &Caller, query: &Query) -> Result<(Vec<ImageInfo>, bool)> {
        let project = caller.token.project_id.as_deref();
        caller.allow("get_images", &Target::new().with("project_id", project))?;
        let viewer = viewer(caller, query)?;
        let conditions = conditions(query, project)?;
        let sort = sort(query)?;
        let limit = query.number("limit")?.unwrap_or(PAGE).min(self.0.options.list_limit);
        if limit < 0 {
            return Err(Error::bad_request("limit param must be positive"));
        }
        let marker = query.get("marker").filter(|marker| !marker.is_empty());
        if let Some(marker) = marker
            && self.image_visible(caller, marker).await.is_err()
        {
            return Err(Error::bad_request(format!(
                "The marker {marker} is no image; start from the first page again."
            )));
        }
        let mut images = store::list(&self.0.db, &viewer, &conditions, &sort, marker, limit + 1).await?;
        let wanted = usize::try_from(limit).unwrap_or_default();
        let more = images.len() > wanted && wanted > 0;
        images.truncate(wanted);
        Ok((images, more))
    }
}

fn viewer(caller: &Caller, query: &Query) -> Result<Viewer> {
    let status = match query.get("member_status").unwrap_or("accepted") {
        "all" => None,
        status @ ("pending" | "accepted" | "rejected") => Some(status.to_owned()),
        other => {
            return Err(Error::bad_request(format!(
                "Invalid status: {other}. member_status is one of pending, accepted, rejected and all."
            )));
        }
    };
    Ok(match &caller.token.project_id {
        _ if is_admin(caller) => Viewer::Admin,
        Some(project) => Viewer::Project(project.clone(), status),
        None => Viewer::Nobody,
    })
}

fn conditions(query: &Query, project: Option<&str>) -> Result<Vec<Condition>> {
    let mut conditions = Vec::new();
    for (name, value) in query.iter() {
        let value = value.to_owned();
        conditions.push(match name {
            "limit" | "marker" | "sort" | "sort_key" | "sort_dir" | "member_status" | "visibility" | "os_hidden" => {
                continue;
            }
            "id" => Condition::Text("id", choices(&value)?),
            "name" => Condition::Text("name", choices(&value)?),
            "status" => Condition::Text("status", choices(&value)?),
            "disk_format" => Condition::Text("disk_format", choices(&value)?),
            "container_format" => Condition::Text("container_format", choices(&value)?),
            "owner" => Condition::Text("owner", vec![value]),
            "checksum" => Condition::Text("checksum", vec![value]),
            "os_hash_value" => Condition::Text("hash_value", vec![value]),
            "os_hash_algo" => continue,
            "tag" => Condition::Tag(value),
            "protected" => Condition::Flag("protected", flag(name, &value)?),
            "size_min" => Condition::Number("size", " >= ", number(name, &value)?),
            "size_max" => Condition::Number("size", " <= ", number(name, &value)?),
            "size" => Condition::Number("size", " = ", number(name, &value)?),
            "min_disk" => Condition::Number("min_disk", " = ", number(name, &value)?),
            "min_ram" => Condition::Number("min_ram", " = ", number(name, &value)?),
            "created_at" => time("created_at", &value)?,
            "updated_at" => time("updated_at", &value)?,
            property => Condition::Property(property.to_owned(), value),
        });
    }
    match query.get("visibility") {
        None => conditions.push(Condition::NoForeignCommunity(project.map(str::to_owned))),
        Some("all") => {}
        Some(other) => {
            let visibility = Visibility::parse(other)?;
            conditions.push(Condition::Text("visibility", vec![visibility.as_str().to_owned()]));
        }
    }
    let hidden = query.get("os_hidden").map(|value| flag("os_hidden", value)).transpose()?;
    conditions.push(Condition::Flag("os_hidden", hidden.unwrap_or(false)));
    Ok(conditions)
}

/// `a`, or `in:a,"b,c"`.
fn choices(value: &str) -> Result<Vec<String>> {
    let Some(list) = value.strip_prefix("in:") else { return Ok(vec![value.to_owned()]) };
    let (mut choices, mut choice, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = list.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted => choice.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => choices.push(std::mem::take(&mut choice)),
            other => choice.push(other),
        }
    }
    choices.push(choice);
    if quoted {
        return Err(Error::bad_request(format!("Invalid filter value {value}: a quotation mark is not closed.")));
    }
    Ok(choices)
}

fn flag(name: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::bad_request(format!("Invalid value \"{value}\" for {name}: use true or false."))),
    }
}

fn number(name: &str, value: &str) -> Result<i64> {
    let number = value.parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| Error::bad_request(format!("{name} must be a whole number of zero or more, not \"{value}\".")))
}

/// `gt:2026-11-21T00:00:00Z`; without a comparison the time must be equal.
fn time(column: &'static str, value: &str) -> Result<Condition> {
    const COMPARISONS: [(&str, &str); 6] =
        [("gte:", " >= "), ("gt:", " > "), ("lte:", " <= "), ("lt:", " < "), ("eq:", " = "), ("neq:", " <> ")];
    let found = COMPARISONS.iter().find_map(|(name, comparison)| Some((*comparison, value.strip_prefix(name)?)));
    let (comparison, text) = found.unwrap_or((" = ", value));
    let time = api::time::parse(text).ok_or_else(|| {
        Error::bad_request(format!("{column} must be a time such as gt:2026-11-21T00:00:00Z, not \"{value}\"."))
    })?;
    Ok(Condition::Number(column, comparison, time.as_microsecond()))
}

/// The order: as asked, then newest first, so that no two images stand at the same place.
fn sort(query: &Query) -> Result<Vec<(&'static str, Direction)>> {
    let keys: Vec<&str> = query.all("sort_key").collect();
    let directions: Vec<&str> = query.all("sort_dir").collect();
    let both: Vec<&str> = query.get("sort").unwrap_or_default().split(',').filter(|part| !part.is_empty()).collect();
    let old = !keys.is_empty() || !directions.is_empty();
    if old && !both.is_empty() {
        return Err(Error::bad_request(
            "Old and new sorting syntax cannot be combined: use sort, or sort_key and sort_dir.",
        ));
    }
    if directions.len() > 1 && directions.len() != keys.len() {
        return Err(Error::bad_request("Number of sort dirs does not match the number of sort keys."));
    }
    let mut asked: Vec<(&str, &str)> = Vec::new();
    for (index, key) in keys.into_iter().enumerate() {
        asked.push((key, directions.get(index).or(directions.first()).copied().unwrap_or("desc")));
    }
    asked.extend(both.into_iter().map(|part| part.split_once(':').unwrap_or((part, "desc"))));
    if asked.is_empty()
        && let Some(direction) = directions.first()
    {
        asked.push(("created_at", direction));
    }
    let mut sort: Vec<(&'static str, Direction)> = Vec::new();
    for (key, direction) in asked.into_iter().chain([("created_at", "desc"), ("id", "desc")]) {
        let direction = match direction.trim() {
            "asc" => Direction::Ascending,
            "desc" => Direction::Descending,
            other => return Err(Error::bad_request(format!("Invalid sort direction: {other}. Use asc or desc."))),
        };
        let known = SORT_KEYS.iter().find(|known| **known == key.trim());
        let key = known.ok_or_else(|| {
            Error::bad_request(format!("Invalid sort key: {key}. It must be one of {}.", SORT_KEYS.join(", ")))
        })?;
        if !sort.iter().any(|(used, _)| used == key || *used == "id") {
            sort.push((*key, direction));
        }
    }
    Ok(sort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_may_be_quoted() {
        assert_eq!(choices("a,b").unwrap(), ["a,b"]);
        assert_eq!(choices("in:a,b").unwrap(), ["a", "b"]);
        assert_eq!(choices(r#"in:"a,b",c,"d\"e""#).unwrap(), ["a,b", "c", "d\"e"]);
        assert!(choices("in:\"a").is_err());
    }

    #[test]
    fn the_order_always_ends_in_the_id() {
        let names = |text: &str| {
            sort(&Query::parse(text)).map(|sort| sort.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        assert_eq!(names("").unwrap(), ["created_at", "id"]);
        assert_eq!(names("sort=name:asc,size").unwrap(), ["name", "size", "created_at", "id"]);
        assert_eq!(names("sort_key=id&sort_dir=asc").unwrap(), ["id"]);
        assert_eq!(sort(&Query::parse("sort_dir=asc")).unwrap()[0], ("created_at", Direction::Ascending));
        assert!(names("sort_key=secret").is_err());
        assert!(names("sort=name:up").is_err());
        assert!(names("sort=name&sort_key=id").is_err());
    }
}
