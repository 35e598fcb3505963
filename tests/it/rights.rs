//! Who may do what: the answers of `role check`, `role explain`, `role who-can` and `user can`, held against an evaluator that
//! goes by the words of DOMAIN.md ("The decision") alone, in random worlds, now and at instants of the past and of the future.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use orgctl::cli::program::Program;
use orgctl::model::clock::Clock as _;
use orgctl::model::values::value::rfc3339;
use proptest::prelude::*;

use crate::harness::{Engine, TestEnv, on_both_engines_with, on_both_engines_with_acme};

/// A permission that a role gives.
#[derive(Debug, Clone)]
pub struct Row {
    pub resource: &'static str,
    pub action: &'static str,
    pub own_branch: bool,
    pub own_department: bool,
    pub own_records: bool,
    pub approval: bool,
}

#[derive(Debug, Clone)]
pub struct Role {
    pub is_active: bool,
    /// Only roles with greater numbers: there is no circle.
    pub parents: BTreeSet<usize>,
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone)]
pub struct Grant {
    pub role: usize,
    pub user: usize,
    pub branch: Option<usize>,
    pub department: Option<usize>,
    /// Seconds from the beginning of the world.
    pub until: Option<i64>,
    pub is_taken_back: bool,
}

#[derive(Debug, Clone)]
pub struct Person {
    pub branches: BTreeSet<usize>,
    /// The one that is no further one.
    pub own: Option<usize>,
    pub department: Option<usize>,
    pub has_left: bool,
    /// Blocked for good, or up to a time.
    pub blocked: Option<Option<i64>>,
}

/// What there is at an instant.
#[derive(Debug, Clone)]
pub struct World {
    /// The branch above each.
    pub branches: Vec<Option<usize>>,
    pub people: Vec<Person>,
    pub roles: Vec<Role>,
    pub grants: Vec<Grant>,
    /// Whether a branch covers those below it.
    pub covers_below: bool,
}

/// What a question names of its target.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    Nothing,
    User(usize),
    Branch(usize),
    Department(usize),
    Both(usize, usize),
}

/// Granted by its own name alone.
pub const CRITICAL: (&str, &str) = ("users", "wipe");
pub const WORDS: &[(&str, &str)] =
    &[("users", "read"), ("users", "update"), CRITICAL, ("reports", "read"), ("reports", "send")];

impl World {
    /// A branch and those that cover it.
    pub fn chain(&self, branch: usize) -> BTreeSet<usize> {
        let mut chain = BTreeSet::from([branch]);
        let mut at = branch;
        while let Some(above) = self.branches[at].filter(|_| self.covers_below) {
            chain.insert(above);
            at = above;
        }
        chain
    }

    /// Roles that a role has: itself and its parents, as long as they are in use.
    pub fn has(&self, role: usize) -> BTreeSet<usize> {
        if !self.roles[role].is_active {
            return BTreeSet::new();
        }
        let above = self.roles[role].parents.iter().flat_map(|parent| self.has(*parent));
        above.chain([role]).collect()
    }

    /// The answer by the words of DOMAIN.md.
    pub fn answer(&self, user: usize, (resource, action): (&str, &str), target: Target, now: i64) -> &'static str {
        let person = &self.people[user];
        let is_blocked = match person.blocked {
            None => false,
            Some(None) => true,
            Some(Some(until)) => now < until,
        };
        if person.has_left || is_blocked {
            return "deny";
        }
        // What is not named is not asked.
        let (branches, departments, of): (Option<BTreeSet<usize>>, Option<BTreeSet<usize>>, Option<usize>) =
            match target {
                Target::Nothing => (None, None, None),
                Target::User(t) => {
                    let all = self.people[t].branches.iter().flat_map(|b| self.chain(*b)).collect();
                    (Some(all), Some(self.people[t].department.into_iter().collect()), Some(t))
                }
                Target::Branch(b) => (Some(self.chain(b)), None, None),
                Target::Department(d) => (None, Some([d].into()), None),
                Target::Both(b, d) => (Some(self.chain(b)), Some([d].into()), None),
            };
        let (mut free, mut approved) = (false, false);
        for grant in &self.grants {
            if grant.user != user || grant.is_taken_back || grant.until.is_some_and(|until| until <= now) {
                continue;
            }
            if let (Some(places), Some(branch)) = (&branches, grant.branch)
                && !places.contains(&branch)
            {
                continue;
            }
            if let (Some(places), Some(department)) = (&departments, grant.department)
                && !places.contains(&department)
            {
                continue;
            }
            for role in self.has(grant.role) {
                for row in &self.roles[role].rows {
                    let fits = (row.resource == "*" || row.resource == resource)
                        && (row.action == "*" || row.action == action);
                    let by_star = row.resource == "*" || row.action == "*";
                    if !fits || (by_star && (resource, action) == CRITICAL) {
                        continue;
                    }
                    if let (true, Some(places)) = (row.own_branch, &branches)
                        && !person.branches.iter().any(|own| places.contains(own))
                    {
                        continue;
                    }
                    if let (true, Some(places)) = (row.own_department, &departments)
                        && !person.department.is_some_and(|own| places.contains(&own))
                    {
                        continue;
                    }
                    if let (true, Some(of)) = (row.own_records, of)
                        && of != user
                    {
                        continue;
                    }
                    if row.approval { approved = true } else { free = true }
                }
            }
        }
        match (free, approved) {
            (true, _) => "allow",
            (false, true) => "needs approval",
            (false, false) => "deny",
        }
    }
}

/// Numbers that follow from a seed (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).expect("a small number")
    }
    pub fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }
    pub fn maybe(&mut self, sides: usize) -> Option<usize> {
        (!self.one_in(3)).then(|| self.roll(sides))
    }
    pub fn row(&mut self) -> Row {
        let [own_branch, own_department, own_records, approval] = [3, 4, 5, 4].map(|n| self.one_in(n));
        Row {
            resource: ["users", "users", "reports", "*"][self.roll(4)],
            action: ["read", "update", "wipe", "*"][self.roll(4)],
            own_branch,
            own_department,
            own_records,
            approval,
        }
    }
}

pub const BRANCHES: usize = 5;
pub const DEPARTMENTS: usize = 2;
pub const PEOPLE: usize = 5;
pub const ROLES: usize = 5;

pub fn world(dice: &mut Dice) -> World {
    let branches = (0..BRANCHES).map(|b| if b == 0 || dice.one_in(4) { None } else { Some(dice.roll(b)) }).collect();
    let people = (0..PEOPLE).map(|_| {
        let branches: BTreeSet<usize> = (0..dice.roll(3)).map(|_| dice.roll(BRANCHES)).collect();
        let (own, department) = (branches.first().copied(), dice.maybe(DEPARTMENTS));
        Person { branches, own, department, has_left: false, blocked: None }
    });
    let people = people.collect();
    let mut roles: Vec<Role> = (0..ROLES)
        .map(|r| Role {
            is_active: true,
            parents: (0..dice.roll(3)).filter(|_| r + 1 < ROLES).map(|_| r + 1 + dice.roll(ROLES - r - 1)).collect(),
            rows: Vec::new(),
        })
        .collect();
    for role in &mut roles {
        for _ in 0..dice.roll(3) {
            let row = dice.row();
            if role.rows.iter().all(|known| (known.resource, known.action) != (row.resource, row.action)) {
                role.rows.push(row);
            }
        }
    }
    let mut grants: Vec<Grant> = Vec::new();
    for _ in 0..8 {
        let grant = Grant {
            role: dice.roll(ROLES),
            user: dice.roll(PEOPLE),
            branch: if dice.one_in(2) { Some(dice.roll(BRANCHES)) } else { None },
            department: if dice.one_in(4) { Some(dice.roll(DEPARTMENTS)) } else { None },
            until: if dice.one_in(3) { Some(3600 * (1 + dice.roll(40)) as i64) } else { None },
            is_taken_back: false,
        };
        let key = |g: &Grant| (g.role, g.user, g.branch, g.department);
        if grants.iter().all(|known| key(known) != key(&grant)) {
            grants.push(grant);
        }
    }
    World { branches, people, roles, grants, covers_below: true }
}

/// A place in which a world is, and when it began.
pub struct Played<'a> {
    pub p: &'a TestEnv,
    pub began: i64,
}

impl Played<'_> {
    pub fn now(&self) -> i64 {
        self.p.clock.now().timestamp() - self.began
    }

    pub fn time(&self, at: i64) -> String {
        rfc3339(chrono::DateTime::from_timestamp(self.began + at, 0).expect("a time"))
    }

    /// Makes a world, by files.
    pub fn make(&self, world: &World) {
        let mut files: Vec<(&str, String)> = Vec::new();
        let mut text = "code,name,parent\n".to_owned();
        for (b, above) in world.branches.iter().enumerate() {
            let _ = writeln!(text, "B{b},Branch {b},{}", above.map_or(String::new(), |a| format!("B{a}")));
        }
        files.push(("branch", text));
        let departments: String = (0..DEPARTMENTS).map(|d| format!("D{d},Department {d}\n")).collect();
        files.push(("dept", format!("code,name\n{departments}")));
        let mut text = "user_code,username,name,branches,department\n".to_owned();
        for (u, person) in world.people.iter().enumerate() {
            let branches: Vec<String> = person.branches.iter().map(|b| format!("B{b}")).collect();
            let department = person.department.map_or(String::new(), |d| format!("D{d}"));
            let _ = writeln!(text, "USER0{u},u{u},User {u},{},{department}", branches.join(";"));
        }
        files.push(("user", text));
        files.push((
            "role",
            format!("code,name\n{}", (0..ROLES).map(|r| format!("R{r},Role {r}\n")).collect::<String>()),
        ));
        files.push(("permission", "resource,action,is_critical\nusers,wipe,yes\nusers,read,no\n".into()));
        let mut text = ROW_HEAD.to_owned();
        for (r, role) in world.roles.iter().enumerate() {
            role.rows.iter().for_each(|row| text.push_str(&row_line(r, row)));
        }
        files.push(("role-permission", text));
        let mut text = "role,parent\n".to_owned();
        for (r, role) in world.roles.iter().enumerate() {
            role.parents.iter().for_each(|parent| text.push_str(&format!("R{r},R{parent}\n")));
        }
        files.push(("role-inheritance", text));
        let mut text = "role,user,branch,department,expires_at\n".to_owned();
        for g in &world.grants {
            let branch = g.branch.map_or(String::new(), |b| format!("B{b}"));
            let department = g.department.map_or(String::new(), |d| format!("D{d}"));
            let until = g.until.map_or(String::new(), |until| self.time(until));
            let _ = writeln!(text, "R{},u{},{branch},{department},{until}", g.role, g.user);
        }
        files.push(("role-grant", text));
        for (noun, text) in files {
            self.p.run_with(&format!("{noun} import -"), text).ok();
        }
    }

    /// Changes something, in the place and in what is expected of it.
    pub fn change(&self, world: &mut World, dice: &mut Dice) {
        match dice.roll(10) {
            0 => {
                let u = dice.roll(PEOPLE);
                let until = if dice.one_in(2) { Some(self.now() + 3600 * (1 + dice.roll(30)) as i64) } else { None };
                let flag = until.map_or(String::new(), |at| format!(" --until {}", self.time(at)));
                if !world.people[u].has_left {
                    self.p.run(&format!("user block u{u} --reason test{flag}")).ok();
                    world.people[u].blocked = Some(until);
                }
            }
            1 => {
                let u = dice.roll(PEOPLE);
                if !world.people[u].has_left && world.people.iter().filter(|p| !p.has_left).count() > 3 {
                    self.p.run(&format!("user deactivate u{u}")).ok();
                    world.people[u].has_left = true;
                }
            }
            2 | 3 => {
                let r = dice.roll(ROLES);
                let verb = if world.roles[r].is_active { "deactivate" } else { "activate" };
                self.p.run(&format!("role {verb} R{r}")).ok();
                world.roles[r].is_active ^= true;
            }
            4 => {
                let at = dice.roll(world.grants.len());
                let now = self.now();
                let g = &mut world.grants[at];
                if !g.is_taken_back && g.until.is_none_or(|until| until > now + 60) {
                    let branch = g.branch.map_or(String::new(), |b| format!(" --branch B{b}"));
                    let department = g.department.map_or(String::new(), |d| format!(" --department D{d}"));
                    self.p.run(&format!("role unassign R{} u{}{branch}{department} --yes", g.role, g.user)).ok();
                    g.is_taken_back = true;
                }
            }
            5 => {
                let r = dice.roll(ROLES);
                if let Some(row) = world.roles[r].rows.pop() {
                    self.p.run(&format!("role-permission delete R{r}:{}:{} --yes", row.resource, row.action)).ok();
                }
            }
            6 => {
                let (r, row) = (dice.roll(ROLES), dice.row());
                let rows = &mut world.roles[r].rows;
                if rows.iter().all(|known| (known.resource, known.action) != (row.resource, row.action)) {
                    self.p.run_with("role-permission import -", format!("{ROW_HEAD}{}", row_line(r, &row))).ok();
                    rows.push(row);
                }
            }
            7 => {
                world.covers_below ^= true;
                let yes = if world.covers_below { "yes" } else { "no" };
                let place = if dice.one_in(2) { "--org ACME" } else { "--system" };
                // What an organisation has set for itself wins over the installation's.
                self.p.run("setting reset access.include_sub_branches --org ACME");
                self.p.run(&format!("setting set access.include_sub_branches {yes} {place}")).ok();
            }
            8 => {
                let r = dice.roll(ROLES);
                if let Some(parent) = world.roles[r].parents.pop_first() {
                    self.p.run(&format!("role disinherit R{r} R{parent} --yes")).ok();
                }
            }
            _ => {
                let (u, b) = (dice.roll(PEOPLE), dice.roll(BRANCHES));
                let person = &mut world.people[u];
                if !person.has_left && !person.branches.is_empty() {
                    if person.branches.insert(b) {
                        self.p.run(&format!("user assign-branch u{u} --branch B{b}")).ok();
                    } else if person.own != Some(b) {
                        self.p.run(&format!("user unassign-branch u{u} --branch B{b}")).ok();
                        person.branches.remove(&b);
                    }
                }
            }
        }
    }

    /// Asks, and holds the answers against those of the world.
    pub fn ask(&self, world: &World, at: i64, flag: &str, dice: &mut Dice) {
        for _ in 0..12 {
            let (user, word, target) = (dice.roll(PEOPLE), WORDS[dice.roll(WORDS.len())], self.target(dice));
            let expected = world.answer(user, word, target, at);
            let line = format!("u{user} {}:{}{}{flag}", word.0, word.1, flags(target, word));
            let target = of_word(target, word);
            let expected =
                if matches!(target, Target::Nothing) { world.answer(user, word, target, at) } else { expected };
            let said = self.p.run(&format!("role check {line}"));
            assert_eq!(
                (said.out.trim_end(), said.code),
                (expected, exit(expected)),
                "role check {line}\n{}\n{world:#?}",
                said.err
            );
            let said = self.p.run(&format!("role explain {line} -o json"));
            let told = said.json();
            assert_eq!(
                (told["answer"].as_str(), said.code),
                (Some(expected), exit(expected)),
                "role explain {line}\n{told:#}"
            );
            // What is said to be missing is missing, and what leads there lacks nothing.
            assert_eq!(
                told["ways"].as_array().is_some_and(|ways| ways.is_empty()),
                expected == "deny",
                "{line}\n{told:#}"
            );
            for near in told["near_misses"].as_array().expect("a list") {
                assert!(near["lacks"].as_array().is_some_and(|lacks| !lacks.is_empty()), "{line}\n{told:#}");
            }
        }
        for _ in 0..3 {
            let (word, target) = (WORDS[dice.roll(WORDS.len())], self.target(dice));
            let target = of_word(target, word);
            let line =
                format!("role who-can {}:{}{}{flag} -o csv --columns user,answer", word.0, word.1, flags(target, word));
            let mut told: Vec<String> = self.p.run(&line).ok().lines().skip(1).map(str::to_owned).collect();
            told.sort();
            let all =
                (0..PEOPLE).map(|u| (u, world.answer(u, word, target, at))).filter(|(_, answer)| *answer != "deny");
            let expected: Vec<String> = all.map(|(u, answer)| format!("USER0{u},{answer}")).collect();
            assert_eq!(told, expected, "{line}\n{world:#?}");
        }
        for user in 0..PEOPLE {
            let line = format!("user can u{user}{flag} -o csv --columns permission,answer");
            let said = self.p.run(&line).ok();
            // Words that are in no catalogue are told where a role names them.
            let known = |word: (&str, &str)| {
                word.0 == "users" && word.1 != "update"
                    || said.contains(&format!("{}:{}", word.0, word.1))
                    || world.answer(user, word, Target::Nothing, at) == "deny"
            };
            for word in WORDS.iter().copied().filter(|word| known(*word)) {
                let told = said.lines().find_map(|l| l.strip_prefix(&format!("{}:{},", word.0, word.1)));
                assert_eq!(
                    told.unwrap_or("deny"),
                    world.answer(user, word, Target::Nothing, at),
                    "{line} {word:?}\n{world:#?}"
                );
            }
        }
    }

    pub fn target(&self, dice: &mut Dice) -> Target {
        match dice.roll(6) {
            0 => Target::Nothing,
            1 => Target::Branch(dice.roll(BRANCHES)),
            2 => Target::Department(dice.roll(DEPARTMENTS)),
            3 => Target::Both(dice.roll(BRANCHES), dice.roll(DEPARTMENTS)),
            _ => Target::User(dice.roll(PEOPLE)),
        }
    }
}

pub const ROW_HEAD: &str = "role,resource,action,own_branch,own_department,own_records,require_approval\n";

pub fn row_line(role: usize, row: &Row) -> String {
    let flags =
        [row.own_branch, row.own_department, row.own_records, row.approval].map(|f| if f { "yes" } else { "no" });
    format!("R{role},{},{},{}\n", row.resource, row.action, flags.join(","))
}

/// Of what is no kind of record none can be named.
pub fn of_word(target: Target, (resource, _): (&str, &str)) -> Target {
    match target {
        Target::User(_) if resource != "users" => Target::Nothing,
        target => target,
    }
}

pub fn flags(target: Target, word: (&str, &str)) -> String {
    match of_word(target, word) {
        Target::Nothing => String::new(),
        Target::User(u) => format!(" --target u{u}"),
        Target::Branch(b) => format!(" --branch B{b}"),
        Target::Department(d) => format!(" --department D{d}"),
        Target::Both(b, d) => format!(" --branch B{b} --department D{d}"),
    }
}

pub fn exit(answer: &str) -> u8 {
    match answer {
        "allow" => 0,
        "deny" => 5,
        _ => 9,
    }
}

/// Plays a world: it changes, and each of its instants is asked about afterwards.
pub fn play(engine: Engine, seed: u64) {
    let p = TestEnv::with_acme(engine);
    let played = Played { p: &p, began: p.clock.now().timestamp() };
    let mut dice = Dice(seed);
    let mut world = world(&mut dice);
    played.make(&world);
    p.wait(120);
    let mut instants = vec![(played.now(), world.clone())];
    for _ in 0..2 {
        p.wait(3600 * (1 + dice.roll(12)) as i64);
        for _ in 0..3 {
            played.change(&mut world, &mut dice);
        }
        p.wait(120);
        instants.push((played.now(), world.clone()));
        p.wait(120);
    }
    played.ask(&world, played.now(), "", &mut dice);
    // Of a time to come what is there now.
    let later = played.now() + 3600 * 20;
    played.ask(&world, later, &format!(" --at {}", played.time(later)), &mut dice);
    for (at, world) in &instants {
        played.ask(world, *at, &format!(" --at {}", played.time(*at)), &mut dice);
    }
    p.run("audit verify --deep").ok();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 0, ..ProptestConfig::default() })]

    /// Check, explain, who-can and user can are one relation, that of DOMAIN.md.
    #[test]
    fn answers_are_those_of_the_law(seed in any::<u64>()) {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            play(engine, seed);
        }
    }
}

/// Why she can't, and what would have sufficed.
#[test]
fn she_learns_why_she_cannot() {
    on_both_engines_with_acme(|p| {
        for line in [
            "branch create --code HQ --name Head",
            "branch create --code MUM --name Mumbai --parent HQ",
            "branch create --code PUN --name Pune --parent HQ",
            "user create --user-code ASHA22 --username asha --name 'Asha Rao' --branch MUM",
            "user create --user-code RAV222 --username ravi --name Ravi --branch PUN",
            "user create --user-code MEE222 --username meena --name Meena --branch MUM",
            "role create --code APPROVER --name Approver",
            "role create --code CLERK --name Clerk",
            "role create --code HEAD --name Head",
            "role inherit HEAD APPROVER",
            "role grant APPROVER users:approve --own-branch",
            "role grant CLERK '*:read'",
            "role assign CLERK asha",
            "role assign HEAD asha --expires-at 2d",
        ] {
            p.run(line).ok();
        }
        assert_eq!(p.run("role check asha users:approve --target meena").ok(), "allow\n");
        let said = p.run("role check asha users:approve --target ravi");
        assert_eq!((said.out.as_str(), said.code), ("deny\n", 5));
        assert!(
            said.err.contains("user ASHA22 (Asha Rao) may not users:approve of user RAV222 (Ravi)"),
            "{}",
            said.err
        );
        let said = p.run("role explain asha users:approve --target ravi");
        assert!(said.out.contains("HEAD > APPROVER gives users:approve under own_branch"), "{}", said.out);
        assert!(said.out.contains("but it holds in the user's own branches alone (MUM)"), "{}", said.out);
        let told = p.run("role explain asha users:approve --target meena -o json").json();
        assert_eq!(told["ways"][0]["path"], serde_json::json!(["HEAD", "APPROVER"]), "{told:#}");
        assert_eq!(told["ways"][0]["conditions"], serde_json::json!(["own_branch"]));
        assert_eq!(told["not_asked"], serde_json::json!(["address", "platform", "feature"]));

        // It ends by itself, to the instant.
        let end = p.json("role-grant show HEAD:ASHA22")["expires_at"].as_str().expect("a time").to_owned();
        p.wait(2 * 86_400);
        let said = p.run("role explain asha users:approve --target meena -o json");
        assert_eq!(said.code, 5);
        let near = &said.json()["near_misses"][0];
        assert_eq!(
            near["lacks"],
            serde_json::json!([{ "lack": "expired", "says": format!("the grant expired at {end}") }])
        );
        let just = |end: &str, answer: &str| {
            let said = p.run(&format!("role check asha users:approve --at {end}"));
            assert_eq!(said.out.trim_end(), answer, "{end} {}", said.err);
        };
        just(&end, "deny");
        let before = chrono::DateTime::parse_from_rfc3339(&end).expect("a time") - chrono::TimeDelta::microseconds(1);
        just(&rfc3339(before.to_utc()), "allow");
        p.run("user block asha --reason lost --until 3d").ok();
        let told = p.run("role explain asha users:read -o json").json();
        assert_eq!(told["rules"][0]["outcome"], "deny", "{told:#}");
        let near = &told["near_misses"][0]["lacks"];
        assert_eq!((near.as_array().map(Vec::len), &near[0]["lack"]), (Some(1), &"blocked".into()), "{told:#}");
        p.run("user unblock asha").ok();
        assert_eq!(p.run("role check asha users:read").ok(), "allow\n");
        p.run("role deactivate CLERK").ok();
        let said = p.run("role check asha users:read").fails(5);
        assert!(said.contains("CLERK would give it, but role CLERK is not in use"), "{said}");
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn mistyped_words_are_told() {
    on_both_engines_with_acme(|p| {
        p.run("user create --user-code ASHA22 --username asha --name Asha").ok();
        p.run("role create --code CLERK --name Clerk").ok();
        p.run("permission create --resource users --action approve").ok();
        // In any letters, with blanks around them.
        p.run("role grant CLERK ' Users : APPROVE '").ok();
        assert_eq!(p.column("role permissions CLERK", "permission"), ["users:approve"]);
        p.run("role assign CLERK asha").ok();
        assert_eq!(p.run("role check asha ' USERS:Approve'").ok(), "allow\n");
        let said = p.run("role check asha users:aprove");
        assert_eq!((said.out.as_str(), said.code), ("deny\n", 5));
        assert!(said.err.contains("users:aprove is not in the catalogue of permissions; did you mean users:approve?"));
        assert!(p.run("role grant CLERK users:aprove").err.contains("did you mean users:approve?"));
        for (word, why) in [
            ("users", "it has no ':' between two words"),
            ("users:*", "'*' names none by itself"),
            ("us*rs:read", "'*' names none by itself"),
            ("", "it has no ':'"),
            ("users:read:all", "must be a word"),
        ] {
            let said = p.run_words(&["role", "check", "asha", word].map(str::to_owned), b"").fails(2);
            assert!(said.contains(why), "{word}: {said}");
        }
        assert!(p.run("role grant CLERK 'us*rs:read'").fails(2).contains("'*' within a word means nothing"));
        p.run("role check nobody users:read").fails(3);
        p.run("role check asha users:read --target nobody").fails(3);
        let said = p.run("role check asha assets:read --target x").fails(2);
        assert!(
            said.contains("orgctl keeps no records of the resource 'assets', so --target can't name one"),
            "{said}"
        );
        // A read leaves no record, whatever its answer.
        let records = p.audit_records();
        p.run("role check asha users:delete").fails(5);
        assert_eq!(p.audit_records(), records);
        p.run("role revoke CLERK users:delete --yes").fails(3);
        p.run("role revoke CLERK users:approve users:aprove --yes").ok();
        assert_eq!(p.column("role permissions CLERK", "permission"), Vec::<String>::new());
    });
}

/// No star contains what is critical, but that of the protected SUPER_ADMIN; and no organisation has what is the installation's.
#[test]
fn what_is_critical_is_granted_by_name() {
    on_both_engines_with(Program::SHIPPED, &["init --org-code ACME --org-name Acme"], |p| {
        for user in ["sue", "ada", "kim"] {
            p.run(&format!("user create --username {user} --name {user}")).ok();
        }
        p.run("role create --code KEEPER --name Keeper").ok();
        p.run("role grant KEEPER '*:*'").ok();
        p.run("role assign KEEPER kim").ok();
        p.run("role assign SUPER_ADMIN sue").ok();
        p.run("role assign ADMIN ada").ok();
        let answer = |user: &str, word: &str| p.run(&format!("role check {user} {word}")).out.trim_end().to_owned();
        for (word, sue, ada, kim) in [
            ("users:update", "allow", "allow", "allow"),
            ("kyc:reveal", "allow", "deny", "deny"),
            ("audit:erase", "deny", "deny", "deny"),
            ("settings:update", "allow", "deny", "deny"),
            ("backups:create", "deny", "deny", "deny"),
            ("database:read", "deny", "deny", "deny"),
            ("audit:keygen", "deny", "deny", "deny"),
        ] {
            assert_eq!(
                (answer("sue", word), answer("ada", word), answer("kim", word)),
                (sue.into(), ada.into(), kim.into()),
                "{word}"
            );
        }
        let told = p.run("role explain kim kyc:reveal -o json").json();
        assert_eq!(told["near_misses"][0]["lacks"][0]["lack"], "critical", "{told:#}");
        p.run("role grant KEEPER kyc:reveal").ok();
        assert_eq!(answer("kim", "kyc:reveal"), "allow");
        assert_eq!(p.column("role who-can kyc:reveal", "name"), ["sue", "kim"]);
        assert_eq!(p.column("role who-can backups:create", "name"), Vec::<String>::new());
        // A copy gives what the role gives, and no star of it what is critical.
        p.run("role clone SUPER_ADMIN BOSS").ok();
        p.run("user create --username bob --name bob").ok();
        p.run("role assign BOSS bob").ok();
        assert_eq!((answer("bob", "users:update"), answer("bob", "kyc:reveal")), ("allow".into(), "deny".into()));
        let diff = p.run("role diff BOSS SUPER_ADMIN");
        assert!(diff.err.contains("give the same"), "{}{}", diff.out, diff.err);
    });
}

/// What was recorded and is erased can't be told, and is neither yes nor no; what it was not about can.
#[test]
fn an_erased_past_is_unknown() {
    on_both_engines_with_acme(|p| {
        for user in ["asha", "ravi"] {
            p.run(&format!("user create --username {user} --name {user} --email {user}@x.example")).ok();
        }
        p.run("role create --code CLERK --name Clerk").ok();
        p.run("role grant CLERK users:read").ok();
        p.run("role assign CLERK asha ravi").ok();
        p.wait(3600);
        let then = rfc3339(p.clock.now());
        p.wait(3600);
        p.run("role unassign CLERK asha --yes").ok();
        p.run("user update asha --name Asha2").ok();
        assert_eq!(p.run(&format!("role check asha users:read --at {then}")).ok(), "allow\n");
        p.run("setting set audit.min_retention_days 0 --org ACME").ok();
        let id = p.json("user show asha")["id"].as_str().expect("an id").to_owned();
        p.run("user delete asha --yes").ok();
        p.run("user purge asha --yes").ok();
        assert_eq!(p.run(&format!("role check asha users:read --at {then}")).ok(), "allow\n");
        p.run(&format!("audit erase --subject {id} --reason request --yes")).ok();
        let said = p.run(&format!("role check asha users:read --at {then}"));
        assert_eq!((said.out.as_str(), said.code), ("unknown\n", 1), "{}", said.err);
        assert!(said.err.contains("is erased or archived"), "{}", said.err);
        let said = p.run(&format!("role check asha users:read --at {then} -o json"));
        assert_eq!((said.json()["answer"].as_str(), said.code), (Some("unknown"), 1));
        // Of all of them nobody can tell the list.
        for line in [
            "role who-can users:read",
            "role members CLERK",
            "role matrix",
            "role permissions CLERK",
            "role diff CLERK CLERK",
        ] {
            let said = p.run(&format!("{line} --at {then}"));
            assert_eq!((said.out.as_str(), said.code), ("", 1), "{line}: {}", said.err);
            assert!(
                said.err.contains("of ACME, which changed it at") && said.err.contains("is erased or archived"),
                "{line}: {}",
                said.err
            );
            p.run(line).ok();
        }
        assert_eq!(p.run(&format!("role check ravi users:read --at {then}")).ok(), "allow\n");
        // Nor was a role not there, of which nobody can tell.
        p.run("role delete CLERK --cascade --yes").ok();
        p.wait(3600);
        let file = p.path("old.jsonl.gz").display().to_string();
        p.run(&format!("audit archive --before 30m --out {file} --org ACME")).ok();
        for line in ["role permissions CLERK", "role members CLERK"] {
            let said = p.run(&format!("{line} --at {then}"));
            assert_eq!(said.code, 1, "{line}: {}", said.err);
            assert!(said.err.contains("is erased or archived"), "{line}: {}", said.err);
        }
    });
}

/// A branch covers those below it, or none of them, as the organisation has chosen: in every answer, and in what is told and done.
#[test]
fn a_branch_covers_those_below_it_or_not() {
    on_both_engines_with_acme(|p| {
        for line in [
            "branch create --code R1 --name North",
            "branch create --code M1 --name First --parent R1",
            "user create --user-code ANA001 --username ana --name Ana --branch R1",
            "user create --user-code BOB001 --username bob --name Bob --branch M1",
            "user create --user-code CYD001 --username cyd --name Cyd",
            "role create --code KEEPER --name Keeper",
            "role grant KEEPER users:read users:update --own-branch",
            "role assign KEEPER ana",
            "role create --code WATCH --name Watch",
            "role grant WATCH branches:read",
            "role assign WATCH cyd --branch R1",
        ] {
            p.run(line).ok();
        }
        let covers = |covers: bool, at: &str| {
            let answer = if covers { "allow\n" } else { "deny\n" };
            for line in
                ["ana users:update --target bob", "ana users:update --branch M1", "cyd branches:read --target M1"]
            {
                assert_eq!(p.run(&format!("role check {line}{at}")).out, answer, "{line}{at}");
                let told = p.run(&format!("role explain {line}{at} -o json")).json();
                assert_eq!(told["include_sub_branches"], covers, "{line}{at}");
                let said = p.run(&format!("role explain {line}{at}")).out;
                assert_eq!(said.contains("branches count without those below them"), !covers, "{line}{at}: {said}");
            }
            assert_eq!(p.run(&format!("role check ana users:update --branch R1{at}")).out, "allow\n");
            let who = p.column(&format!("role who-can users:update --branch M1{at}"), "user");
            assert_eq!(who, if covers { vec!["ANA001"] } else { vec![] }, "{at}");
        };
        let tells = |covers: bool| {
            let all = |own: &'static str, below: &'static str| if covers { vec![own, below] } else { vec![own] };
            let mut users = p.column("user list --as ana", "user_code");
            users.sort();
            assert_eq!(users, all("ANA001", "BOB001"));
            let branches = p.column("branch list --sort -code --as cyd", "code");
            assert_eq!(branches, all("R1", "M1"));
            p.run("user update ana --designation Chief --as ana").ok();
            assert_eq!(p.run("user update bob --designation Clerk --as ana").code, if covers { 0 } else { 3 });
        };
        covers(true, "");
        tells(true);
        p.wait(60);
        let then = format!(" --at {}", rfc3339(p.clock.now()));
        p.wait(60);
        p.run("setting set access.include_sub_branches no --org ACME").ok();
        covers(false, "");
        tells(false);
        covers(true, &then);
        // What the installation has chosen holds for who has chosen nothing.
        p.wait(60);
        let off = format!(" --at {}", rfc3339(p.clock.now()));
        p.wait(60);
        p.run("setting reset access.include_sub_branches --org ACME").ok();
        covers(true, "");
        p.run("setting set --system access.include_sub_branches no").ok();
        covers(false, "");
        tells(false);
        covers(false, &off);
        covers(true, &then);
        p.run("audit verify --deep").ok();
    });
}

/// Pages of who may do something hold everybody once.
#[test]
fn everybody_is_on_one_page() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B --name B").ok();
        let people: String = (0..60).map(|n| format!("u{n},User {n},B\n")).collect();
        p.run_with("user import -", format!("username,name,branches\n{people}")).ok();
        for role in ["A", "B", "C"] {
            p.run(&format!("role create --code {role} --name {role}")).ok();
        }
        p.run("role inherit C A").ok();
        p.run("role grant A users:read").ok();
        p.run("role grant B '*:read' --own-branch --require-approval").ok();
        let grants: String = (0..60).map(|n| format!("{},u{n}\n", ["A", "B", "C"][n % 3])).collect();
        p.run_with("role-grant import -", format!("role,user\n{grants}A,u1\n")).ok();
        for line in ["role who-can users:read --target u7", "role who-can users:read"] {
            let (mut all, mut page) = (Vec::new(), String::new());
            loop {
                let said = p.run(&format!("{line} --limit 7 -o csv --columns name,answer,role{page}"));
                let rows: Vec<String> = said.out.lines().skip(1).map(str::to_owned).collect();
                assert!(rows.len() <= 7);
                all.extend(rows);
                let Some((_, token)) = said.err.split_once("--page ") else { break };
                page = format!(" --page {}", token.split_whitespace().next().expect("a token"));
            }
            let expected: Vec<String> = (0..60)
                .map(|n| match n % 3 {
                    0 => format!("User {n},allow,A"),
                    1 if n == 1 => "User 1,allow,A".to_owned(),
                    1 => format!("User {n},needs approval,B"),
                    _ => format!("User {n},allow,C > A"),
                })
                .collect();
            assert_eq!(all, expected, "{line}");
        }
        assert_eq!(p.column("role members A --all", "user").len(), 21);
        assert_eq!(p.column("role members A --effective --all", "user").len(), 41);
        p.run("user block u0 --reason x").ok();
        assert_eq!(p.column("role members A --effective --all", "user").len(), 40);
        assert_eq!(p.column("role members A --all", "user").len(), 21);
        assert_eq!(p.column("user roles u2 --effective", "path"), ["C", "C > A"]);
        assert_eq!(p.column("user roles u2", "path"), ["C"]);
        let pairs = p.run("role matrix --pairs -o csv").ok();
        // 40 who have A, 20 who have B; u1 has both, u0 is blocked.
        assert_eq!(pairs.lines().count(), 1 + 39 + 1 + 20, "{pairs}");
        assert!(p.run("role matrix --roles -o csv").ok().contains("\nC,,yes\n"));
    });
}

/// What somebody may get wrong is refused, or told by its answer.
#[test]
fn bad_input_is_met() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        for user in ["asha", "ravi", "gone"] {
            p.run(&format!("user create --org ACME --username {user} --name {user}")).ok();
        }
        p.run("user create --org BETA --username fay --name Fay").ok();
        for role in ["A", "B", "C", "D", "E"] {
            p.run(&format!("role create --org ACME --code {role} --name {role}")).ok();
        }
        // Over five steps.
        for (role, parent) in [("A", "B"), ("B", "C"), ("C", "D"), ("D", "E")] {
            p.run(&format!("role inherit --org ACME {role} {parent}")).ok();
        }
        assert!(p.run("role inherit --org ACME E A").fails(4).contains("A > B > C > D > E > A"));
        p.run("role grant --org ACME E users:read").ok();
        // Who is gone or somewhere else is not found; who is blocked is told by the answer.
        p.run("user delete --org ACME gone --yes").ok();
        p.run("role assign --org ACME A gone").fails(3);
        p.run("role assign --org ACME A fay").fails(3);
        p.run("role check --org ACME gone users:read").fails(3);
        p.run("user block --org ACME ravi --reason x").ok();
        let said = p.run("role assign --org ACME A asha ravi");
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains("(ravi) is blocked, and role A gives nothing until that ends"), "{}", said.err);
        assert_eq!(said.err.matches("gives nothing").count(), 1, "{}", said.err);
        assert_eq!(p.run("role check asha users:read").ok(), "allow\n");
        let said = p.run("role check ravi users:read").fails(5);
        assert!(said.contains("the user is blocked"), "{said}");
        // A record of another organisation is none here.
        p.run("role check asha users:read --target fay").fails(3);
        let said = p.run("role assign --org ACME B asha --granted-at 2026-11-20 --expires-at 2026-11-19").fails(6);
        assert!(said.contains("expires_at must not be before granted_at"), "{said}");
        // What begins later gives nothing until then, and what it gives then it gives at that instant.
        p.run("role create --org ACME --code LATER --name Later").ok();
        p.run("role grant --org ACME LATER users:delete").ok();
        p.run("role assign --org ACME LATER asha --granted-at 2027-01-01T00:00:00Z").ok();
        let told = p.run("role explain asha users:delete -o json").json();
        assert_eq!(told["near_misses"][0]["lacks"][0]["lack"], "not_begun", "{told:#}");
        // It is told, with when it begins, where what it gives is not.
        let begins = "2027-01-01T00:00:00.000000Z";
        assert_eq!(p.column("role members LATER --org ACME", "granted_at"), [begins]);
        assert_eq!(p.column("role members LATER --org ACME --effective", "user"), Vec::<String>::new());
        assert!(p.column("user roles asha", "granted_at").contains(&begins.to_owned()));
        assert!(!p.column("user roles asha --effective", "role").contains(&"LATER".to_owned()));
        assert_eq!(p.column("role-grant list --filter status=planned", "role"), ["LATER"]);
        assert!(!p.column("role-grant list --filter status=active", "role").contains(&"LATER".to_owned()));
        p.run("role check asha users:delete --at 2026-12-31T23:59:59Z").fails(5);
        p.run("role check asha users:delete --at 2027-01-01T00:00:00Z").ok();
        // One role at most is the first.
        p.run("role assign --org ACME B asha --primary").ok();
        let said = p.run("role assign --org ACME C asha --primary").fails(4);
        assert!(said.contains("both say is_primary; one may, per user"), "{said}");
        assert_eq!(p.column("role-grant list --filter is_primary=yes", "key").len(), 1);
        let file = p.write("two.csv", "role,user,primary\nD,asha,yes\nE,asha,yes\n");
        p.run(&format!("role-grant import {file} --org ACME")).fails(6);
        // Ten thousand permissions on one role.
        let rows: String = (0..10_000).map(|n| format!("B,r{n},use\n")).collect();
        p.run_with("role-permission import - --org ACME", format!("role,resource,action\n{rows}")).ok();
        p.run("role check asha r9999:use").ok();
        p.run("role check asha r10000:use").fails(5);
        assert_eq!(p.run("user can asha -o key").ok().lines().count(), 10_001);
        assert_eq!(p.run("role matrix --org ACME --pairs -o key").ok().lines().count(), 10_001);
        p.run("db check").ok();
    });
}

/// Every command of the tree is told with what it asks for.
#[test]
fn permissions_of_commands_are_told() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    let all = p.run("permissions -o csv").ok();
    for line in [
        "init,database:init,true",
        "user block,users:block,true",
        "role check,roles:read,false",
        "role assign,role_grants:create,true",
        "role template apply,roles:create,true",
        "backup restore,backups:restore,true",
    ] {
        assert!(all.lines().any(|l| l == line), "{line} in {all}");
    }
    let commands: BTreeSet<&str> = all.lines().skip(1).filter_map(|l| l.split(',').next()).collect();
    assert_eq!(commands.len(), all.lines().count() - 1, "each once");
}
