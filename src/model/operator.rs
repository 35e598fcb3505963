//! Who sits at the machine: what the system says of the account that a command runs in. Two acts are by one person where
//! anything that is known of both is the same.

use std::collections::BTreeSet;

/// The account that a command runs in, and those behind it. It is handed to the program, beside clock and random source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    /// The real user id.
    pub uid: u32,
    /// That of whoever signed in, as the kernel keeps it through `sudo` and `su`; none where nobody did.
    pub login_uid: Option<u32>,
    /// That of whoever called `sudo`, as the environment says.
    pub sudo_uid: Option<u32>,
    /// Whether the database's file belongs to the account.
    pub owns_database: bool,
}

/// What the kernel says where nobody signed in (`audit(7)`: unset).
const UNSET: u32 = u32::MAX;

impl Operator {
    /// What the system says; the login id as `/proc/self/loginuid` has it.
    pub fn new(uid: u32, login_uid: Option<&str>, sudo_uid: Option<&str>) -> Operator {
        let number = |text: &str| text.trim().parse().ok().filter(|uid| *uid != UNSET);
        Operator {
            uid,
            login_uid: login_uid.and_then(number),
            sudo_uid: sudo_uid.and_then(number),
            owns_database: false,
        }
    }

    /// The accounts by which acts are compared. Root's and that of who owns the database are left out where another one is
    /// known by the kernel, for several people work by them through `sudo` and `su`. A variable alone is not enough: whoever works by
    /// an account could make it up, and be two.
    pub fn accounts(&self) -> BTreeSet<u32> {
        let is_shared = match self.uid {
            0 => self.login_uid.is_some_and(|uid| uid != 0),
            uid => self.owns_database && self.login_uid.is_some_and(|login| login != uid),
        };
        let own = (!is_shared).then_some(self.uid);
        let others = [self.login_uid, self.sudo_uid].into_iter().flatten();
        let mut all: BTreeSet<u32> = own.into_iter().chain(others).collect();
        if is_shared && self.uid == 0 {
            all.remove(&0);
        }
        all
    }

    /// Those, as a record keeps them: `1000 1001`.
    pub fn told(&self) -> String {
        self.accounts().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// Whether an act that was recorded so can have been by the same person.
    pub fn is_one_of(&self, told: &str) -> bool {
        let known: BTreeSet<u32> = told.split_whitespace().filter_map(|uid| uid.parse().ok()).collect();
        !self.accounts().is_disjoint(&known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(uid: u32, login: Option<u32>, sudo: Option<u32>, owns: bool) -> Vec<u32> {
        let operator = Operator { uid, login_uid: login, sudo_uid: sudo, owns_database: owns };
        operator.accounts().into_iter().collect()
    }

    #[test]
    fn an_account_that_many_use_tells_nobody() {
        assert_eq!(accounts(1000, None, None, false), [1000]);
        assert_eq!(accounts(1000, Some(1000), None, true), [1000]);
        // Root, alone and with somebody behind it.
        assert_eq!(accounts(0, None, None, true), [0]);
        assert_eq!(accounts(0, Some(0), None, true), [0]);
        assert_eq!(accounts(0, Some(1000), None, true), [1000]);
        assert_eq!(accounts(0, None, Some(1000), true), [0, 1000]);
        assert_eq!(accounts(0, Some(1000), Some(1001), true), [1000, 1001]);
        // The owner's account by sudo -u.
        assert_eq!(accounts(900, Some(1000), Some(1000), true), [1000]);
        assert_eq!(accounts(900, Some(1000), None, false), [900, 1000]);
        // A variable that somebody made up adds somebody, and takes nobody away.
        assert_eq!(accounts(1000, None, Some(1234), true), [1000, 1234]);
        assert_eq!(accounts(1000, Some(1000), Some(1234), true), [1000, 1234]);
    }

    #[test]
    fn one_in_common_is_one_person() {
        let of = |uid, login, sudo| Operator { uid, login_uid: login, sudo_uid: sudo, owns_database: true };
        let asha = of(0, Some(1000), Some(1000)).told();
        assert_eq!(asha, "1000");
        assert!(of(1000, None, Some(1234)).is_one_of(&asha), "the same by another variable");
        assert!(of(0, Some(1000), Some(1001)).is_one_of(&asha), "by su and sudo");
        assert!(!of(0, Some(1001), Some(1001)).is_one_of(&asha));
        assert!(!of(1001, None, None).is_one_of(&asha));
    }

    #[test]
    fn what_the_kernel_leaves_unset_is_nobody() {
        assert_eq!(Operator::new(7, Some("4294967295\n"), Some("x")), Operator::new(7, None, None));
        assert_eq!(Operator::new(7, Some("1000"), Some("8")).login_uid, Some(1000));
    }
}
