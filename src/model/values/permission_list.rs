//! Lists of permissions as other programs write them: `assets:read; assets:create+own_branch`, an array of such words, objects with
//! conditions, or an object of resources and their actions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::model::values::permission::{ALL, PermissionPattern};
use crate::model::values::scalar::{ParseContext, Scalar as _, fold, truncate};
use crate::model::values::set;

/// A resource and an action, each a word or `*`.
pub type Pattern = (String, String);

/// Under what a permission of a list holds: all of what is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Under {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_records: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_department: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_branch: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_approval: bool,
}

impl Under {
    /// Column and value of each.
    pub fn columns(self) -> [(&'static str, bool); 4] {
        [
            ("own_records", self.own_records),
            ("own_department", self.own_department),
            ("own_branch", self.own_branch),
            ("require_approval", self.require_approval),
        ]
    }

    /// Whether all that one asks the other asks, too.
    fn is_within(self, other: Under) -> bool {
        self.columns().iter().zip(other.columns()).all(|((_, own), (_, other))| !own || other)
    }
}

/// What a list gives: each pattern once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionList(BTreeMap<Pattern, Under>);

/// As a list is kept as one text: `[["assets","read",{"own_branch":true}]]`.
type Kept = Vec<(String, String, Under)>;

/// Keys of objects that say nothing of what is permitted.
const UNFILLED: &[&str] =
    &["id", "_id", "__v", "createdat", "updatedat", "description", "displayname", "label", "isactive", "isallowed"];

/// Keys under which an object says what it permits: all of it, its resource, its actions.
const WHOLE: &[&str] = &["permission", "permissioncode", "permissionname", "code", "name", "key", "slug"];
const RESOURCE: &[&str] = &["resource", "resourcename", "module", "entity", "subject"];
const CONDITION: &[&str] = &["condition", "conditions"];
const ACTION: &[&str] = &["action", "actions", "operation", "operations"];

impl PermissionList {
    /// Reads a cell: JSON, or words with `;`, `,`, `|` or blanks between.
    pub fn parse(cell: &str) -> Result<PermissionList, String> {
        let cell = cell.trim();
        if cell.starts_with(['[', '{', '"']) {
            let json = serde_json::from_str(cell).map_err(|e| format!("holds broken JSON: {e}"))?;
            return PermissionList::of(&json);
        }
        let mut list = PermissionList::default();
        list.words(cell)?;
        Ok(list)
    }

    /// What JSON says.
    pub fn of(json: &Json) -> Result<PermissionList, String> {
        let mut list = PermissionList::default();
        list.add(json)?;
        Ok(list)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Pattern, Under)> {
        self.0.iter().map(|(pattern, under)| (pattern, *under))
    }

    /// Adds one. Of two of one pattern the one that asks less counts, for either is enough.
    pub fn give(&mut self, pattern: Pattern, under: Under) -> Result<(), String> {
        let there = self.0.entry(pattern).or_insert(under);
        match *there {
            there if there.is_within(under) => {}
            _ if under.is_within(*there) => *there = under,
            _ => return Err("gives one permission twice, each under other conditions".into()),
        }
        Ok(())
    }

    /// The one text that says it.
    pub fn spelling(&self) -> String {
        let kept: Kept =
            self.0.iter().map(|((resource, action), under)| (resource.clone(), action.clone(), *under)).collect();
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// Reads what [`Self::spelling`] made.
    pub fn of_spelling(text: &str) -> Option<PermissionList> {
        let kept: Kept = serde_json::from_str(text).ok()?;
        Some(PermissionList(kept.into_iter().map(|(resource, action, under)| ((resource, action), under)).collect()))
    }

    fn words(&mut self, text: &str) -> Result<(), String> {
        for word in set::members(text).flat_map(str::split_whitespace) {
            let mut under = Under::default();
            let (word, conditions) = word.split_once('+').unwrap_or((word, ""));
            for name in conditions.split('+').filter(|name| !name.is_empty()) {
                condition(&mut under, name, &Json::Bool(true))?;
            }
            self.give(pattern(word)?, under)?;
        }
        Ok(())
    }

    fn add(&mut self, json: &Json) -> Result<(), String> {
        match json {
            Json::Null => Ok(()),
            Json::String(text) => self.words(text),
            Json::Array(members) => members.iter().try_for_each(|member| self.add(member)),
            Json::Object(object) if says(object, RESOURCE).is_some() || says(object, WHOLE).is_some() => {
                self.object(object)
            }
            Json::Object(object) => object.iter().try_for_each(|(resource, said)| {
                let folded = fold(resource);
                match folded.as_str() {
                    name if UNFILLED.contains(&name) => Ok(()),
                    // Taken as a resource it would let more be done than is meant.
                    name if CONDITION.contains(&name)
                        || ACTION.contains(&name)
                        || place(&mut Under::default(), name).is_some() =>
                    {
                        Err(format!("holds '{}' where a resource is wanted", truncate(resource)))
                    }
                    _ => self.actions(resource, said, Under::default()),
                }
            }),
            other => Err(format!("holds {other}, which names no permission")),
        }
    }

    /// `{"resource": "assets", "actions": ["read"], "conditions": {"own_branch_only": true}}`
    fn object(&mut self, object: &Map<String, Json>) -> Result<(), String> {
        if out_of_use(object)? {
            return Ok(());
        }
        let mut under = Under::default();
        for (key, value) in object {
            let folded = fold(key);
            let is_known = |names: &[&str]| names.contains(&folded.as_str());
            match value {
                Json::Object(conditions) if CONDITION.contains(&folded.as_str()) => {
                    conditions.iter().try_for_each(|(name, value)| condition(&mut under, name, value))?;
                }
                _ if is_known(WHOLE) || is_known(RESOURCE) || is_known(ACTION) || is_known(UNFILLED) => {}
                value => condition(&mut under, key, value)?,
            }
        }
        if let (Some(_), Some(word)) = (says(object, RESOURCE), says(object, &["permission"])) {
            return Err(format!("says {word} beside a resource: one of them is meant"));
        }
        match (says(object, RESOURCE), says(object, ACTION)) {
            (Some(Json::String(resource)), Some(actions)) => self.actions(resource, actions, under),
            (Some(_), Some(_)) => Err("names a resource that is no text".into()),
            (Some(Json::String(resource)), None) => {
                Err(format!("says nothing of what may be done with {}", truncate(resource)))
            }
            _ => match says(object, WHOLE) {
                Some(Json::String(text)) => self.give(pattern(text)?, under),
                _ => Err("names no permission".into()),
            },
        }
    }

    /// The actions on one resource: a word or several, or an object of yes and no.
    fn actions(&mut self, resource: &str, said: &Json, under: Under) -> Result<(), String> {
        match said {
            Json::Null | Json::Bool(false) => Ok(()),
            Json::Bool(true) => self.give((word(resource)?, ALL.to_owned()), under),
            Json::String(text) => {
                set::members(text).try_for_each(|action| self.give((word(resource)?, word(action)?), under))
            }
            Json::Array(actions) => actions.iter().try_for_each(|action| match action {
                Json::String(_) => self.actions(resource, action, under),
                other => Err(format!("holds {other}, which names no action")),
            }),
            Json::Object(flags) => flags.iter().try_for_each(|(action, said)| match said {
                Json::Bool(false) | Json::Null => Ok(()),
                Json::Bool(true) => self.give((word(resource)?, word(action)?), under),
                other => Err(format!("says {other} of {}, which is neither yes nor no", truncate(action))),
            }),
            Json::Number(_) => Err(format!("says {said} of {}, which is neither yes nor no", truncate(resource))),
        }
    }
}

/// What an object says under one of some keys.
fn says<'a>(object: &'a Map<String, Json>, names: &[&str]) -> Option<&'a Json> {
    names.iter().find_map(|name| object.iter().find(|(key, _)| fold(key) == *name)).map(|(_, value)| value)
}

/// Yes or no, as a truth value, a number or a word.
pub fn yes_or_no(json: &Json) -> Option<bool> {
    match json {
        Json::Bool(said) => Some(*said),
        Json::Number(number) => {
            [(0, false), (1, true)].into_iter().find(|(n, _)| number.as_i64() == Some(*n)).map(|(_, said)| said)
        }
        Json::String(text) => match fold(text).as_str() {
            "yes" | "true" | "1" => Some(true),
            "no" | "false" | "0" => Some(false),
            _ => None,
        },
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Whether an object says of itself that it is out of use.
pub fn out_of_use(object: &Map<String, Json>) -> Result<bool, String> {
    for (key, value) in object.iter().filter(|(key, _)| matches!(fold(key).as_str(), "isactive" | "isallowed")) {
        match yes_or_no(value) {
            _ if value.is_null() => {}
            Some(true) => {}
            Some(false) => return Ok(true),
            None => return Err(format!("says {value} of {}, which is neither yes nor no", truncate(key))),
        }
    }
    Ok(false)
}

/// What a condition is called, and where it is kept.
fn place<'u>(under: &'u mut Under, folded: &str) -> Option<&'u mut bool> {
    match folded {
        "ownrecords" | "ownrecordsonly" | "ownonly" => Some(&mut under.own_records),
        "owndepartment" | "owndepartmentonly" => Some(&mut under.own_department),
        "ownbranch" | "ownbranchonly" => Some(&mut under.own_branch),
        "requireapproval" | "requiresapproval" | "approvalrequired" => Some(&mut under.require_approval),
        _ => None,
    }
}

/// A condition that is asked. One that is not known would let more be done than is meant.
fn condition(under: &mut Under, name: &str, value: &Json) -> Result<(), String> {
    let is_empty = match value {
        Json::Object(none) => none.is_empty(),
        Json::Array(none) => none.is_empty(),
        other => other.is_null(),
    };
    let said = yes_or_no(value);
    if is_empty || said == Some(false) {
        return Ok(());
    }
    let place = place(under, &fold(name))
        .ok_or_else(|| format!("asks '{}' of a permission, which is no condition", truncate(name)))?;
    *place = said.ok_or_else(|| format!("says {value} of {}, which is neither yes nor no", truncate(name)))?;
    Ok(())
}

/// A resource or an action; other programs write them with `-` and blanks, too.
fn word(text: &str) -> Result<String, String> {
    let text = text.split(['-', ' ']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
    let wrong = |why| format!("names '{}', which {why}", truncate(&text));
    let kept = (PermissionPattern::TYPE.parse)(&text, &ParseContext::default()).map_err(wrong)?;
    Ok(kept.to_text())
}

/// Two words with `:`, `.` or `/` between, or `*` alone.
fn pattern(text: &str) -> Result<Pattern, String> {
    if text.trim() == ALL {
        return Ok((ALL.to_owned(), ALL.to_owned()));
    }
    let Some((resource, action)) = text.split_once([':', '.', '/']) else {
        return Err(format!("holds '{}', which is no RESOURCE:ACTION", truncate(text)));
    };
    Ok((word(resource)?, word(action)?))
}

/// A cell in the one spelling that all have which say the same; none where it gives nothing.
pub fn one_spelling(cell: &str) -> Result<Option<String>, String> {
    let list = PermissionList::parse(cell)?;
    Ok((!list.is_empty()).then(|| list.spelling()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(cell: &str) -> Result<Vec<String>, String> {
        let list = PermissionList::parse(cell)?;
        let text = |((resource, action), under): (&Pattern, Under)| {
            let asked = under.columns().into_iter().filter(|(_, is)| *is).map(|(name, _)| format!(" {name}"));
            format!("{resource}:{action}{}", asked.collect::<String>())
        };
        Ok(list.iter().map(text).collect())
    }

    #[test]
    fn all_forms_are_read() {
        for (cell, told) in [
            ("assets:read; users:update", &["assets:read", "users:update"][..]),
            ("assets.read users/Update", &["assets:read", "users:update"]),
            ("*", &["*:*"]),
            ("assets:approve+own_branch+require_approval", &["assets:approve own_branch require_approval"]),
            ("", &[]),
            ("[]", &[]),
            (r#"["assets:read","assets:read"]"#, &["assets:read"]),
            (r#"[{"resource":"assets","actions":["create","read"]}]"#, &["assets:create", "assets:read"]),
            (
                r#"{"assets":["read"],"asset-types":{"read":true,"delete":false},"users":true}"#,
                &["asset_types:read", "assets:read", "users:*"],
            ),
            (
                r#"[{"_id":"1","resource":"assets","action":"approve","conditions":{"own_branch_only":true,"own_department_only":false,"requireApproval":true}}]"#,
                &["assets:approve own_branch require_approval"],
            ),
            (r#"[{"permission":"assets:read","own_records_only":true}]"#, &["assets:read own_records"]),
            // Either is enough.
            (r#"[{"permission":"assets:read","own_records":true},"assets:read"]"#, &["assets:read"]),
            (r#"[{"permission":"assets:read","is_active":false}]"#, &[]),
            (r#"[{"permission":"assets:read","isActive":"false"},{"permission":"a:b","isAllowed":0}]"#, &[]),
            (r#"[{"permission":"assets:read","own_branch":"yes","own_records":0}]"#, &["assets:read own_branch"]),
            (r#"{"_id":"1","assets":["read"]}"#, &["assets:read"]),
        ] {
            assert_eq!(read(cell), Ok(told.iter().map(|t| (*t).to_owned()).collect()), "{cell}");
        }
    }

    #[test]
    fn what_would_let_more_be_done_is_refused() {
        for (cell, why) in [
            ("assets:read+own_brnch", "which is no condition"),
            ("READ_ASSETS", "is no RESOURCE:ACTION"),
            ("assets:re*", "'*' within a word"),
            (r#"[{"permission":"assets:read","own_brnch":true}]"#, "which is no condition"),
            (r#"[{"permission":"assets:read","conditions":{"department":"IT"}}]"#, "which is no condition"),
            (r#"[{"permission":"assets:read","own_branch":"maybe"}]"#, "neither yes nor no"),
            (r#"[{"resource":"assets"}]"#, "nothing of what may be done"),
            (r#"[{"resource":"assets","actions":[1]}]"#, "names no action"),
            (r#"[{"permission":"assets:read","effect":"deny"}]"#, "which is no condition"),
            (r#"[{"permission":"a:b","own_branch":true},{"permission":"a:b","own_records":true}]"#, "twice"),
            (r#"{"assets":["read"],"own_branch":true}"#, "where a resource is wanted"),
            (r#"[{"assets":["read"],"conditions":{"own_branch":true}}]"#, "where a resource is wanted"),
            (r#"[{"permission":"assets:read","isActive":"perhaps"}]"#, "neither yes nor no"),
            (r#"[{"resource":"assets","action":"read","permission":"users:delete"}]"#, "beside a resource"),
            ("[1]", "names no permission"),
            ("[", "broken JSON"),
        ] {
            let said = read(cell).expect_err(cell);
            assert!(said.contains(why), "{cell}: {said}");
        }
    }

    proptest! {
        /// One spelling says the same again, whatever the order.
        #[test]
        fn a_spelling_is_read_again(words in prop::collection::vec(("[a-z]{1,3}", "[a-z]{1,3}", any::<[bool; 4]>()), 0..6)) {
            let mut list = PermissionList::default();
            for (resource, action, [own_records, own_department, own_branch, require_approval]) in words {
                let under = Under { own_records, own_department, own_branch, require_approval };
                // Two that can't be one are not given.
                let _ = list.give((resource, action), under);
            }
            prop_assert_eq!(PermissionList::of_spelling(&list.spelling()), Some(list));
        }
    }
}
