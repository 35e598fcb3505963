//! Settings: what an administrator may choose for the installation or for an organisation. Declared once, here; their
//! values are read by type: `settings.get(PASSWORD_MIN_LENGTH)?` is a `u32`.

use std::marker::PhantomData;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::kinds::org::SYSTEM;
use super::kinds::setting::StoredSetting;
use super::problem::{Problem, nearest};
use super::resource::stored::Stored;
use super::values::scalar::{Invalid, ParseContext, Scalar, choose, fold, truncate};
use super::values::value::{Value, ValueType};
use crate::choice;

choice! {
    /// What a setting is about
    pub enum Category {
        App = "app",
        Security = "security",
        Limits = "limits",
        Feed = "feed",
        Retention = "retention",
        Kyc = "kyc",
    }
}

choice! {
    /// Where a setting may be set
    pub enum SettingScope {
        System = "system",
        Org = "org",
        User = "user",
    }
}

/// For the installation, and for an organisation, whose value then wins.
pub const EVERYWHERE: &[SettingScope] = &[SettingScope::System, SettingScope::Org];
/// For these, and for a user, whose value then wins.
pub const ALSO_USERS: &[SettingScope] = &[SettingScope::System, SettingScope::Org, SettingScope::User];
/// For the installation alone.
pub const INSTALLATION: &[SettingScope] = &[SettingScope::System];

/// Whole numbers that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub from: u32,
    pub to: u32,
    pub unit: &'static str,
    /// What 0 means, where it is no number like the others.
    pub zero: Option<&'static str>,
}

/// What a setting's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueRule {
    Whole(Range),
    /// A whole number, or none
    WholeOrNone(Range),
    Percent,
    YesNo,
    Choice(&'static [&'static str]),
    /// A region of ISO 3166-1 alpha-2 whose phone numbers are known
    Region,
    /// Public keys of age, or none
    AgeKeys,
}

/// Public keys of age, each once.
fn age_keys(text: &str) -> Result<Value, Invalid> {
    let mut keys: Vec<String> = Vec::new();
    for word in text.split([',', ' ', '\t', '\n', '\r']).filter(|w| !w.is_empty()) {
        // What was typed is not repeated: it may be the private key.
        let key: age::x25519::Recipient = word.parse().map_err(|_| "holds what is no public key of age".to_owned())?;
        let key = key.to_string();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    match keys.is_empty() {
        true => Err(format!("must be public keys of age, or {NONE}")),
        false => Ok(keys.join(" ").into()),
    }
}

const PERCENT: Range = Range { from: 0, to: 100, unit: "%", zero: None };

/// How no value is written.
const NONE: &str = "none";

impl Range {
    const fn of(from: u32, to: u32, unit: &'static str) -> Range {
        Range { from, to, unit, zero: None }
    }

    const fn zero(self, word: &'static str) -> Range {
        Range { zero: Some(word), ..self }
    }

    fn parse(self, text: &str) -> Result<Value, Invalid> {
        if self.zero.is_some_and(|word| fold(word) == fold(text)) {
            return Ok(Value::Int(0));
        }
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(n) if digits && (self.from..=self.to).contains(&n) => Ok(Value::Int(n.into())),
            Ok(n) if digits => Err(format!("can't be {n}")),
            // More digits than any range has.
            Err(_) if digits => Err(format!("can't be {}", truncate(text))),
            _ => Err(format!("must be a whole number, not '{}'", truncate(text))),
        }
    }

    fn shown(self) -> String {
        let zero = self.zero.map_or(String::new(), |word| format!("; 0 = {word}"));
        format!("{} to {} {}{zero}", self.from, self.to, self.unit)
    }
}

impl ValueRule {
    /// Reads a value as people write it.
    pub fn parse(&self, text: &str) -> Result<Value, Invalid> {
        let text = text.trim();
        match self {
            ValueRule::Whole(range) => range.parse(text),
            ValueRule::WholeOrNone(_) if matches!(fold(text).as_str(), NONE | "unlimited") => {
                Ok(Value::Null(ValueType::Int))
            }
            ValueRule::WholeOrNone(range) => range.parse(text),
            ValueRule::Percent => PERCENT.parse(text.strip_suffix('%').map_or(text, str::trim_end)),
            ValueRule::YesNo => (<bool as Scalar>::TYPE.parse)(text, &ParseContext::default()),
            ValueRule::Choice(words) => {
                choose(text, &words.iter().map(|w| (*w, std::slice::from_ref(w))).collect::<Vec<_>>())
            }
            ValueRule::Region => {
                // Of the default it is known: the library's tables take longer to read than most commands.
                let has_numbers = |r: &Region| {
                    *r == ParseContext::default().phone_region
                        || PHONE_NUMBER_UTIL.get_country_code_for_region(*r).is_some()
                };
                let known = region(&text.to_ascii_uppercase()).filter(has_numbers);
                let known = known.ok_or_else(|| format!("must be a region, not '{}'", truncate(text)))?;
                Ok(known.to_string().into())
            }
            ValueRule::AgeKeys if fold(text) == NONE => Ok(Value::Null(ValueType::Text)),
            ValueRule::AgeKeys => age_keys(text),
        }
    }

    /// The canonical text of a value: what is stored, and what `setting get` prints.
    pub fn text(&self, value: &Value) -> String {
        match value {
            Value::Null(_) => NONE.to_owned(),
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            value => value.to_text(),
        }
    }

    /// What kind of value it is.
    pub fn kind(&self) -> &'static str {
        match self {
            ValueRule::Whole(_) => "whole number",
            ValueRule::WholeOrNone(_) => "whole number or none",
            ValueRule::Percent => "percent",
            ValueRule::YesNo => "yes or no",
            ValueRule::Choice(_) => "choice",
            ValueRule::Region => "region",
            ValueRule::AgeKeys => "public keys or none",
        }
    }

    /// Which values it can have.
    pub fn range(&self) -> String {
        match self {
            ValueRule::Whole(range) => range.shown(),
            ValueRule::WholeOrNone(range) => format!("{}, or {NONE}", range.shown()),
            ValueRule::Percent => "0 to 100 %".to_owned(),
            ValueRule::YesNo => "yes or no".to_owned(),
            ValueRule::Choice(words) => words.join(", "),
            ValueRule::Region => "two letters of ISO 3166-1: IN, GB, US ...".to_owned(),
            ValueRule::AgeKeys => format!("age1... as 'age-keygen' prints it, several with blanks between, or {NONE}"),
        }
    }

    /// The rule as JSON Schema, for programs.
    pub fn schema(&self) -> Json {
        let whole = |kind: Json, range: Range| json!({ "type": kind, "minimum": range.from, "maximum": range.to });
        match self {
            ValueRule::Whole(range) => whole("integer".into(), *range),
            ValueRule::WholeOrNone(range) => whole(json!(["integer", "null"]), *range),
            ValueRule::Percent => whole("integer".into(), PERCENT),
            ValueRule::YesNo => json!({ "type": "boolean" }),
            ValueRule::Choice(words) => json!({ "enum": words }),
            ValueRule::Region => json!({ "type": "string", "pattern": "^[A-Z]{2}$" }),
            ValueRule::AgeKeys => json!({ "type": ["string", "null"], "pattern": "^age1[a-z0-9]+( age1[a-z0-9]+)*$" }),
        }
    }
}

/// A region by its two letters. The phone library's tables are not asked here: reading them takes longer than most commands.
fn region(text: &str) -> Option<Region> {
    text.parse().ok().filter(|_| text.len() == 2)
}

/// What is said of a setting.
#[derive(Debug)]
pub struct SettingDef {
    pub key: &'static str,
    pub category: Category,
    pub rule: ValueRule,
    /// In canonical form.
    pub default: &'static str,
    pub help: &'static str,
    pub scopes: &'static [SettingScope],
    /// Whether those may see it who are not signed in.
    pub is_public: bool,
    /// Whether what runs takes it up only when it is started again.
    pub needs_restart: bool,
    /// Whether it says what a field of a new record gets that is given no value.
    pub fills_records: bool,
}

impl SettingDef {
    /// Reads a value as people write it.
    pub fn parse(&self, text: &str) -> Result<Value, Problem> {
        let SettingDef { key, default, .. } = self;
        self.rule.parse(text).map_err(|why| {
            Problem::invalid(format!("{key} {why}")).hint(format!("{}; default {default}", self.rule.range()))
        })
    }

    /// Refuses to be set where it may not be.
    pub fn check_scope(&self, scope: SettingScope) -> Result<(), Problem> {
        let SettingDef { key, scopes, .. } = self;
        if scopes.contains(&scope) {
            return Ok(());
        }
        let named = |scope: &SettingScope| match scope {
            SettingScope::System => ("for the installation", "set it with --system"),
            SettingScope::Org => ("for an organisation", "name the organisation with --org"),
            SettingScope::User => ("for a user", "name the user with --user"),
        };
        let (first, hint) = scopes.iter().rev().map(named).next().unwrap_or_default();
        Err(Problem::conflict(format!("{key} is set {first}, not {}", named(&scope).0)).hint(hint))
    }
}

/// A setting whose values are of type `T`.
pub struct Setting<T> {
    pub declared: &'static SettingDef,
    typed: PhantomData<fn() -> T>,
}

// Derived, these would ask the same of T.
impl<T> std::fmt::Debug for Setting<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.declared.key)
    }
}
impl<T> Clone for Setting<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Setting<T> {}

/// A Rust type that a setting's values can have.
pub trait SettingValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

impl SettingValue for u32 {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_int()?.try_into().ok()
    }
}

impl SettingValue for Option<u32> {
    fn from_value(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { u32::from_value(value).map(Some) }
    }
}

impl SettingValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl SettingValue for Region {
    fn from_value(value: &Value) -> Option<Self> {
        region(value.as_text()?)
    }
}

impl SettingValue for Vec<String> {
    fn from_value(value: &Value) -> Option<Self> {
        if value.is_null() {
            return Some(Vec::new());
        }
        Some(value.as_text()?.split(' ').map(str::to_owned).collect())
    }
}

choice! {
    /// What becomes of a paper whose number another person's record has
    pub enum Duplicates {
        Refuse = "refuse",
        Flag = "flag",
    }
}

choice! {
    /// How Aadhaar numbers are kept
    pub enum AadhaarStorage {
        Undecided = "undecided",
        Sealed = "sealed",
        Reference = "reference",
    }
}

impl SettingValue for Duplicates {
    fn from_value(value: &Value) -> Option<Self> {
        <Duplicates as Scalar>::from_value(value)
    }
}

impl SettingValue for AadhaarStorage {
    fn from_value(value: &Value) -> Option<Self> {
        <AadhaarStorage as Scalar>::from_value(value)
    }
}

macro_rules! settings {
    ($( $(#[doc = $help:literal])+ $name:ident: $t:ty = $key:literal, $category:ident, $rule:expr, $default:literal,
        $scopes:ident $(, $mark:ident)*; )+) => {
        $(
            $(#[doc = $help])+
            pub const $name: Setting<$t> = Setting {
                declared: &SettingDef {
                    $( $mark: true, )*
                    ..SettingDef {
                        key: $key,
                        category: Category::$category,
                        rule: $rule,
                        default: $default,
                        help: concat!($($help),+).trim_ascii(),
                        scopes: $scopes,
                        is_public: false,
                        needs_restart: false,
                        fills_records: false,
                    }
                },
                typed: PhantomData,
            };
        )+
        /// Every setting, in the order of lists.
        pub const SETTINGS: &[&SettingDef] = &[$( $name.declared ),+];
        #[cfg(test)]
        fn defaults() -> Vec<Result<(), Problem>> {
            vec![$( Settings::default().get($name).map(drop) ),+]
        }
    };
}

settings! {
    /// Region of phone numbers that are written without a country code
    APP_DEFAULT_REGION: Region = "app.default_region", App, ValueRule::Region, "IN", EVERYWHERE, is_public;
    /// Fewest characters that a password may have
    PASSWORD_MIN_LENGTH: u32 = "password.min_length", Security, ValueRule::Whole(Range::of(8, 64, "characters")), "15",
        EVERYWHERE, is_public;
    /// How many of a user's last passwords may not be used again
    PASSWORD_HISTORY: u32 = "password.history", Security, ValueRule::Whole(Range::of(0, 24, "passwords")), "5", EVERYWHERE;
    /// Days after which a password must be changed; 90 restores the earlier policy
    PASSWORD_EXPIRY_DAYS: u32 = "password.expiry_days", Security, ValueRule::Whole(Range::of(0, 3650, "days").zero("never")),
        "0", ALSO_USERS;
    /// Memory that hashing a password takes
    ARGON2_MEMORY_KIB: u32 = "argon2.memory_kib", Security, ValueRule::Whole(Range::of(8192, 1_048_576, "KiB")), "19456",
        INSTALLATION;
    /// How often hashing a password goes over that memory
    ARGON2_PASSES: u32 = "argon2.passes", Security, ValueRule::Whole(Range::of(1, 64, "passes")), "2", INSTALLATION;
    /// Parts of that memory that are worked on side by side
    ARGON2_LANES: u32 = "argon2.lanes", Security, ValueRule::Whole(Range::of(1, 64, "lanes")), "1", INSTALLATION;
    /// Most users of a new organisation that is given no number of its own; 100 restores the earlier system
    ORG_DEFAULT_MAX_USERS: Option<u32> = "org.default_max_users", Limits,
        ValueRule::WholeOrNone(Range::of(1, i32::MAX as u32, "users")), "none", INSTALLATION, fills_records;
    /// Whether a branch that a right is narrowed to covers those below it, too: the branch of a grant, and the branches of the user
    /// under own_branch
    ACCESS_INCLUDE_SUB_BRANCHES: bool = "access.include_sub_branches", Security, ValueRule::YesNo, "yes", EVERYWHERE;
    /// How long what the trail tells of a person is kept at least; DPDP Rules 2025, rule 8(3), ask for a year
    AUDIT_MIN_RETENTION_DAYS: u32 = "audit.min_retention_days", Retention, ValueRule::Whole(Range::of(0, 36_500, "days")), "365",
        EVERYWHERE;
    /// How long records of identity papers are kept after the relationship with the person ended: five years at least, by the PMLA,
    /// section 12, and RBI's KYC directions
    KYC_RETENTION_DAYS: u32 = "kyc.retention_days", Retention, ValueRule::Whole(Range::of(1827, 36_500, "days")), "1827",
        EVERYWHERE;
    /// Whether a paper of any kind is taken up only with a consent; an Aadhaar always is
    KYC_REQUIRE_CONSENT: bool = "kyc.require_consent", Kyc, ValueRule::YesNo, "no", EVERYWHERE;
    /// How long messages of the system log are kept
    LOG_RETENTION_DAYS: u32 = "log.retention_days", Retention, ValueRule::Whole(Range::of(1, 36_500, "days")), "365",
        INSTALLATION;
    /// How far behind this machine's clock the last record may be before a command asks whether the clock is right
    CLOCK_MAX_JUMP: u32 = "clock.max_jump", Security, ValueRule::Whole(Range::of(1, 36_500, "days")), "400", INSTALLATION;
    /// Public keys that every backup is encrypted to; the private keys stay away from this machine
    BACKUP_RECIPIENTS: Vec<String> = "backup.recipients", Security, ValueRule::AgeKeys, "none", INSTALLATION;
    /// What becomes of a paper whose number a record of somebody else has, that waits or is in force
    KYC_DUPLICATES: Duplicates = "kyc.duplicates", Kyc, ValueRule::Choice(Duplicates::WORDS), "refuse", EVERYWHERE;
    /// How Aadhaar numbers are kept, chosen once before the first: sealed (whole and encrypted: UIDAI asks for a vault with keys in
    /// hardware, circular K-11020/205/2017) or reference (last four digits and a keyed hash alone)
    KYC_AADHAAR_STORAGE: AadhaarStorage = "kyc.aadhaar_storage", Kyc, ValueRule::Choice(AadhaarStorage::WORDS), "undecided",
        EVERYWHERE;
    /// Share of users whose access one file may take away, and of other records that it may close; beyond it nothing is loaded
    FEED_MAX_LEAVERS_PERCENT: u32 = "feed.max_leavers_percent", Feed, ValueRule::Percent, "10", EVERYWHERE;
}

/// The setting that a key names; case, `-` and `_` don't count.
pub fn declared(key: &str) -> Result<&'static SettingDef, Problem> {
    let wanted = fold(key);
    SETTINGS.iter().copied().find(|d| fold(d.key) == wanted).ok_or_else(|| {
        let all = "'orgctl setting list' shows all";
        let hint = match nearest(key.trim(), SETTINGS.iter().map(|d| d.key)) {
            Some(meant) => format!("did you mean {meant}? {all}"),
            None => all.to_owned(),
        };
        Problem::not_found(format!("there is no setting '{}'", truncate(key.trim()))).hint(hint)
    })
}

/// Whose settings are meant: an organisation's, those of one of its users, or the installation's (SYSTEM).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    pub org: i32,
    pub user: Option<Uuid>,
}

impl Place {
    pub const SYSTEM: Place = Place::of(SYSTEM);

    pub const fn of(org: i32) -> Place {
        Place { org, user: None }
    }

    pub fn scope(self) -> SettingScope {
        match self {
            Place { user: Some(_), .. } => SettingScope::User,
            Place::SYSTEM => SettingScope::System,
            _ => SettingScope::Org,
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Default,
    Scope(SettingScope),
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Default => "default",
            Source::Scope(scope) => scope.as_str(),
        }
    }
}

/// What holds for somebody, or in an organisation: what is set there, else for what it is in, else the defaults.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    place: Place,
    /// Those that are set in the place, in its organisation and in SYSTEM.
    stored: Vec<Stored<StoredSetting>>,
}

impl Settings {
    pub fn new(place: Place, stored: Vec<Stored<StoredSetting>>) -> Settings {
        Settings { place, stored }
    }

    /// Whose settings they are.
    pub fn place(&self) -> Place {
        self.place
    }

    /// All records that may hold.
    pub fn all(&self) -> impl Iterator<Item = &Stored<StoredSetting>> {
        self.stored.iter()
    }

    /// The record that one place has for a key.
    pub fn stored(&self, place: Place, key: &str) -> Option<&Stored<StoredSetting>> {
        self.stored.iter().find(|s| s.value.place(&s.meta) == place && s.value.key() == key)
    }

    /// The record that holds; none where the default does.
    pub fn in_force(&self, declared: &SettingDef) -> Option<&Stored<StoredSetting>> {
        [self.place, Place::of(self.place.org), Place::SYSTEM].into_iter().find_map(|p| self.stored(p, declared.key))
    }

    pub fn source(&self, declared: &SettingDef) -> Source {
        self.in_force(declared).map_or(Source::Default, |s| Source::Scope(s.value.place(&s.meta).scope()))
    }

    /// The value that holds, in canonical form.
    pub fn text(&self, declared: &SettingDef) -> String {
        self.in_force(declared).map_or(declared.default, |s| s.value.text()).to_owned()
    }

    /// The value that holds.
    pub fn value(&self, declared: &'static SettingDef) -> Result<Value, Problem> {
        declared.parse(&self.text(declared)).map_err(|wrong| {
            let whose = self.in_force(declared).map_or_else(String::new, StoredSetting::flag);
            Problem::integrity(format!("the stored value of a setting does not hold: {}", wrong.sentence))
                .hint(format!("'orgctl setting reset{whose} {}' takes it away", declared.key))
        })
    }

    /// The value that holds, by its type.
    pub fn get<T: SettingValue>(&self, setting: Setting<T>) -> Result<T, Problem> {
        let value = self.value(setting.declared)?;
        T::from_value(&value)
            .ok_or_else(|| Problem::integrity(format!("{} does not fit its own type", setting.declared.key)))
    }

    /// What fields of new records get that are given no value: the settings' keys, and what they say, where they say
    /// something.
    fn of_new_records(&self) -> Result<Vec<(&'static str, String)>, Problem> {
        let mut defaults = Vec::new();
        for declared in SETTINGS.iter().filter(|d| d.fills_records) {
            let value = self.value(declared)?;
            defaults.extend((!value.is_null()).then(|| (declared.key, value.to_text())));
        }
        Ok(defaults)
    }

    /// What parsing and new records depend on.
    pub fn rules(&self) -> Result<ParseContext, Problem> {
        Ok(ParseContext {
            phone_region: self.get(APP_DEFAULT_REGION)?,
            defaults: self.of_new_records()?,
            ..ParseContext::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate};

    use super::*;
    use crate::model::resource::{Meta, Record, Resource as _};

    fn parsed(rule: ValueRule, text: &str) -> Result<String, Invalid> {
        rule.parse(text).map(|v| rule.text(&v))
    }

    fn record(org: i32, key: &str, value: &str) -> Record {
        let meta = Meta::new(org, Uuid::nil(), DateTime::UNIX_EPOCH, 0);
        let values = vec![key.into(), Value::Null(ValueType::Uuid), value.into()];
        Record::new(StoredSetting::DESCRIPTOR, meta, values)
    }

    fn stored(org: i32, key: &str, value: &str) -> Stored<StoredSetting> {
        Stored::from_record(&record(org, key, value)).expect("a setting")
    }

    #[test]
    fn whole_numbers_stay_in_their_range() {
        let rule = PASSWORD_MIN_LENGTH.declared.rule;
        assert_eq!(parsed(rule, " 020 "), Ok("20".into()));
        assert_eq!(parsed(rule, "8"), Ok("8".into()));
        assert_eq!(parsed(rule, "64"), Ok("64".into()));
        for (text, why) in [
            ("7", "can't be 7"),
            ("65", "can't be 65"),
            ("99999999999999999999", "can't be 99999999999999999999"),
            ("+9", "must be a whole number, not '+9'"),
            ("-9", "must be a whole number, not '-9'"),
            ("9.5", "must be a whole number, not '9.5'"),
            ("९", "must be a whole number, not '९'"),
            ("", "must be a whole number, not ''"),
            ("none", "must be a whole number, not 'none'"),
            ("never", "must be a whole number, not 'never'"),
        ] {
            assert_eq!(parsed(rule, text), Err(why.into()), "{text}");
        }
        assert_eq!(parsed(PASSWORD_EXPIRY_DAYS.declared.rule, "Never"), Ok("0".into()));
        assert_eq!(PASSWORD_EXPIRY_DAYS.declared.rule.range(), "0 to 3650 days; 0 = never");
    }

    #[test]
    fn none_is_a_value_of_its_own() {
        let rule = ORG_DEFAULT_MAX_USERS.declared.rule;
        for text in ["none", "None", "unlimited"] {
            assert_eq!(rule.parse(text), Ok(Value::Null(ValueType::Int)));
        }
        assert_eq!(parsed(rule, "unlimited"), Ok("none".into()));
        assert_eq!(parsed(rule, "100"), Ok("100".into()));
        assert_eq!(parsed(rule, "0"), Err("can't be 0".into()));
        assert_eq!(parsed(rule, "2147483648"), Err("can't be 2147483648".into()));
    }

    #[test]
    fn other_rules() {
        assert_eq!(parsed(ValueRule::Percent, "10 %"), Ok("10".into()));
        assert_eq!(parsed(ValueRule::Percent, "0"), Ok("0".into()));
        assert_eq!(parsed(ValueRule::Percent, "101"), Err("can't be 101".into()));
        assert_eq!(parsed(ValueRule::YesNo, "TRUE"), Ok("yes".into()));
        assert_eq!(parsed(ValueRule::YesNo, "0"), Ok("no".into()));
        assert!(parsed(ValueRule::YesNo, "maybe").is_err());
        let choice = ValueRule::Choice(&["sealed", "reference"]);
        assert_eq!(parsed(choice, "Sealed"), Ok("sealed".into()));
        assert_eq!(
            parsed(choice, "seald"),
            Err("must be one of sealed, reference, not 'seald'; did you mean sealed?".into())
        );
        assert_eq!(parsed(ValueRule::Region, "gb"), Ok("GB".into()));
        for text in ["", "XX", "IND", "India", "001", "ZZ"] {
            assert!(parsed(ValueRule::Region, text).is_err(), "{text}");
        }
    }

    /// The table agrees with itself: defaults are values in canonical form, of the type that is declared, and where
    /// nothing is set, the rules are those that need no database.
    #[test]
    fn the_table_holds() {
        for d in SETTINGS {
            let value = d.parse(d.default).expect(d.key);
            assert_eq!(d.rule.text(&value), d.default, "{}", d.key);
            assert!(d.key.len() <= 100 && d.key.contains('.') && !d.scopes.is_empty(), "{}", d.key);
            assert!(!d.help.ends_with('.') && d.help.starts_with(char::is_uppercase), "{}", d.key);
            assert_eq!(SETTINGS.iter().filter(|o| fold(o.key) == fold(d.key)).count(), 1, "{}", d.key);
        }
        assert!(defaults().iter().all(Result::is_ok));
        assert_eq!(Settings::default().rules(), Ok(ParseContext::default()));
    }

    /// A type that does not say so is read the same by all rules.
    #[test]
    fn who_asks_the_rules_says_so() {
        let gb = ParseContext { phone_region: Region::GB, ..ParseContext::default() };
        for field in crate::model::kinds::Kinds::default().resources().flat_map(|d| d.fields) {
            let texts = ["020 7946 0018", "098200 12345", "110001", "A1", "yes", "a@b.in"];
            let differs =
                texts.iter().any(|t| (field.ty.parse)(t, &gb) != (field.ty.parse)(t, &ParseContext::default()));
            assert_eq!(differs, field.ty.needs_context(), "{}", field.column);
        }
    }

    #[test]
    fn the_nearest_scope_wins() {
        let key = PASSWORD_MIN_LENGTH.declared.key;
        let rows = vec![stored(1, key, "20"), stored(0, key, "12"), stored(0, "argon2.passes", "3")];
        let settings = Settings::new(Place::of(1), rows.clone());
        assert_eq!(settings.get(PASSWORD_MIN_LENGTH), Ok(20));
        assert_eq!(settings.source(PASSWORD_MIN_LENGTH.declared), Source::Scope(SettingScope::Org));
        assert_eq!(settings.get(ARGON2_PASSES), Ok(3));
        assert_eq!(settings.source(ARGON2_PASSES.declared), Source::Scope(SettingScope::System));
        assert_eq!(settings.get(PASSWORD_HISTORY), Ok(5));
        let system = Settings::new(Place::SYSTEM, rows[1..].to_vec());
        assert_eq!(system.get(PASSWORD_MIN_LENGTH), Ok(12));
    }

    #[test]
    fn what_was_written_otherwise_is_told() {
        for (org, key, value) in [
            (1, "password.min_length", "3"),
            (1, "password.min_length", "020"),
            (1, "Password.Min_Length", "20"),
            (1, "argon2.passes", "3"),
            (0, "no.such", "1"),
        ] {
            assert!(!record(org, key, value).faults(NaiveDate::MIN).is_empty(), "{key} {value}");
        }
        assert_eq!(record(1, "password.min_length", "20").faults(NaiveDate::MIN), []);
        let settings = Settings::new(Place::of(1), vec![stored(0, "argon2.passes", "many")]);
        let wrong = settings.get(ARGON2_PASSES).expect_err("no number");
        assert!(wrong.hints[0].contains("setting reset --system argon2.passes"), "{wrong:?}");
    }
}
