//! The verbs that kinds have in common, and which of them a kind has.

use super::{Attr, Descriptor, Field};

/// What can be done with the records of every kind, where it means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Create,
    List,
    Find,
    Show,
    Update,
    Delete,
    Restore,
    Purge,
    Activate,
    Deactivate,
    Revoke,
    Exists,
    Import,
    Export,
    History,
    Stats,
    Prune,
}

impl Verb {
    pub const ALL: [Verb; 17] = [
        Verb::Create,
        Verb::List,
        Verb::Find,
        Verb::Show,
        Verb::Update,
        Verb::Delete,
        Verb::Restore,
        Verb::Purge,
        Verb::Activate,
        Verb::Deactivate,
        Verb::Revoke,
        Verb::Exists,
        Verb::Import,
        Verb::Export,
        Verb::History,
        Verb::Stats,
        Verb::Prune,
    ];

    /// As it is written on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::List => "list",
            Verb::Find => "find",
            Verb::Show => "show",
            Verb::Update => "update",
            Verb::Delete => "delete",
            Verb::Restore => "restore",
            Verb::Purge => "purge",
            Verb::Activate => "activate",
            Verb::Deactivate => "deactivate",
            Verb::Revoke => "revoke",
            Verb::Exists => "exists",
            Verb::Import => "import",
            Verb::Export => "export",
            Verb::History => "history",
            Verb::Stats => "stats",
            Verb::Prune => "prune",
        }
    }
}

impl Verb {
    /// The last part of the permission that it asks for.
    pub const fn action(self) -> &'static str {
        match self {
            Verb::List | Verb::Find | Verb::Show | Verb::Exists | Verb::History | Verb::Stats => "read",
            Verb::Prune => Verb::Delete.as_str(),
            Verb::Activate | Verb::Deactivate | Verb::Revoke => Verb::Update.as_str(),
            other => other.as_str(),
        }
    }
}

/// Which of them a kind declares; what means nothing for it is taken from that besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbs {
    All,
    /// Made one by one: a file of them means nothing.
    NoImport,
    /// Others write it.
    ReadOnly,
    /// The program makes its records; people look at them, take them away, and bring them back.
    Made,
    /// Made and changed by verbs of its own, and taken away by this one of them.
    Own(&'static str),
    /// Only added to: what was written stays, and is its own history.
    Journal,
    /// Verbs of others make its records, and take them away with what they are within.
    Nothing,
    /// Each joins two records, of the kinds that its key begins with: it is made and taken away by these two words, at the noun
    /// of the first.
    Link(&'static str, &'static str),
}

/// A kind whose records join two others, of which the first is the item that the second gets.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    pub desc: &'static Descriptor,
    /// The reference to the item, and the kind of that.
    pub item: (&'static Field, &'static Descriptor),
    /// The reference to who or what gets it.
    pub other: (&'static Field, &'static Descriptor),
    pub assign: &'static str,
    pub unassign: &'static str,
}

impl Link {
    /// Whether it joins two of one kind.
    pub fn is_among_one_kind(self) -> bool {
        self.item.1 == self.other.1
    }

    /// The parts of its key besides what it joins, which tell it from others between the same two.
    pub fn named_by(self) -> impl Iterator<Item = &'static Field> {
        self.further().filter(move |f| self.desc.key().has(f))
    }

    /// The fields of a link besides what it joins, of those that are set.
    pub fn further(self) -> impl Iterator<Item = &'static Field> {
        self.desc.settable().filter(move |f| f.column != self.item.0.column && f.column != self.other.0.column)
    }
}

impl Verbs {
    const fn declares(self, verb: Verb) -> bool {
        match self {
            Verbs::All => true,
            Verbs::Nothing => false,
            Verbs::NoImport => !matches!(verb, Verb::Import),
            Verbs::Link(..) => !matches!(verb, Verb::Create),
            Verbs::ReadOnly => matches!(
                verb,
                Verb::List
                    | Verb::Find
                    | Verb::Show
                    | Verb::Exists
                    | Verb::Export
                    | Verb::History
                    | Verb::Stats
                    | Verb::Prune
            ),
            Verbs::Made => !matches!(
                verb,
                Verb::Create | Verb::Update | Verb::Import | Verb::Activate | Verb::Deactivate | Verb::Revoke
            ),
            Verbs::Own(_) => {
                matches!(verb, Verb::Show | Verb::Exists | Verb::Export | Verb::History | Verb::Restore | Verb::Purge)
            }
            Verbs::Journal => matches!(
                verb,
                Verb::Create
                    | Verb::List
                    | Verb::Find
                    | Verb::Show
                    | Verb::Exists
                    | Verb::Import
                    | Verb::Export
                    | Verb::Stats
                    | Verb::Prune
            ),
        }
    }
}

impl Descriptor {
    /// What its records join, where it is a link.
    pub fn link(&'static self) -> Option<Link> {
        let Verbs::Link(assign, unassign) = self.verbs else { return None };
        let mut parts = self.key().parts().map(|f| f.target().filter(|_| f.ty.required).map(|target| (f, target)));
        Some(Link { desc: self, item: parts.next()??, other: parts.next()??, assign, unassign })
    }

    /// The last part of the permission that a verb asks for: where verbs of its own change its records, to bring one back is one
    /// more change.
    pub fn action(&self, verb: Verb) -> &'static str {
        match (self.verbs, verb) {
            (Verbs::Own(_), Verb::Restore) => Verb::Update.as_str(),
            _ => verb.action(),
        }
    }

    /// How its records are taken away: the word of a verb, for a hint to that.
    pub fn delete_word(&self) -> &'static str {
        if let Verbs::Own(delete) = self.verbs { delete } else { Verb::Delete.as_str() }
    }

    /// How all its records are told, for a hint to that.
    pub fn list_word(&self) -> &'static str {
        if self.verbs.declares(Verb::List) { Verb::List.as_str() } else { Verb::Export.as_str() }
    }

    /// Another word for a verb: what nobody made by hand is removed rather than deleted.
    pub fn other_word(&self, verb: Verb) -> Option<&'static str> {
        (self.verbs == Verbs::Made && verb == Verb::Delete).then_some("remove")
    }

    /// Whether people have to do with its records by themselves. Others are a part of what they are within, and that alone is
    /// told of.
    pub fn is_told(&self) -> bool {
        self.verbs != Verbs::Nothing
    }

    /// Whether its records are found by words.
    pub fn is_searchable(&self) -> bool {
        self.fields.iter().any(|f| f.has(Attr::Search))
    }

    /// Whether its records have a verb: it is declared, and there is something that it would work on.
    pub fn does(&self, verb: Verb) -> bool {
        let means_something = match verb {
            Verb::Find => self.is_searchable(),
            Verb::Update => self.changeable().next().is_some(),
            Verb::Activate | Verb::Deactivate => self.can_be_inactive(),
            Verb::Revoke => self.ends(),
            // Nobody asks by an id whether it is there.
            Verb::Exists => !self.keys.is_empty(),
            // Others are counted by verbs of their own, and go by being deleted.
            Verb::Stats => self.stays(),
            Verb::Prune => self.retention.is_some(),
            // What is not recorded is neither deleted by itself nor brought by a file, and has no history.
            Verb::Delete | Verb::Restore | Verb::Purge | Verb::Import | Verb::History => self.is_recorded(),
            _ => true,
        };
        let means_something =
            means_something && !(self.stays() && matches!(verb, Verb::Update | Verb::Activate | Verb::Deactivate));
        self.verbs.declares(verb) && means_something
    }
}
