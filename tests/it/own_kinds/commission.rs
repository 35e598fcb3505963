//! Rules over several fields and over several records, as a kind declares them: they hold whoever writes, and are told with
//! the names of records and fields.

use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::model::code_generator::CodeGenerator;
use orgctl::model::kinds::branch::Branch;
use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Kinds, Migration, MigrationScripts, OWN};
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Code, Count, Date, Line, Ref};
use orgctl::resource;

use crate::harness::{Engine, TestEnv, golden, on_both_engines_with};

resource! {
    /// Something that is done for customers
    pub struct Service "service" in "services" keys(&[&["code"]]) subject(Nobody("a thing")) {
        /// Short code
        code: Code<16> ,
        /// Name
        name: Line<200>,
    }
}

resource! {
    /// Something that customers buy
    pub struct Product "product" in "products" keys(&[&["code"]]) subject(Nobody("a thing")) {
        /// Short code
        code: Code<16> ,
        /// Name
        name: Line<200>,
    }
}

resource! {
    /// What somebody gets of what is sold
    pub struct Commission "commission" in "commissions"
        keys(&[&["code"]])
        subject(Nobody("what is paid for a thing"))
        rules(&[
            OneOf(&["service_id", "product_id"]),
            Range("valid_from", "valid_until", &["user_id"]),
            AtMostOne("is_main", &["branch_id"]),
            AtMostOne("is_first", &["user_id"]),
            Same("user.branch", "branch"),
        ])
    {
        /// Number
        code: Code<32> [Generated(CodeGenerator::Numbered("COM-"))],
        /// Who gets it
        user_id: Ref<User>,
        /// Of which service
        service_id: Option<Ref<Service>>,
        /// Of which product
        product_id: Option<Ref<Product>>,
        /// Where
        branch_id: Option<Ref<Branch>>,
        /// First day
        valid_from: Date,
        /// Last day; none where it goes on
        valid_until: Option<Date>,
        /// Whether it is the one that others are measured by
        is_main: bool [Default("no")],
        /// Whether it is the one that its user was promised first
        is_first: bool [Default("no")],
        /// How much of it
        percent: Count [Default("10")],
    }
}

impl Check for Service {}
impl Check for Product {}
impl Check for Commission {}

const KINDS: &[Kind] = &[
    Kind {
        desc: Service::DESCRIPTOR,
        migrations: &[Migration {
            name: "commissions",
            sqlite: MigrationScripts {
                up: include_str!("commission.sqlite.sql"),
                down: "drop table commissions; drop table products; drop table services;",
            },
            postgres: MigrationScripts {
                up: include_str!("commission.postgres.sql"),
                down: "drop table commissions; drop table products; drop table services;",
            },
        }],
        catalogue: include_str!("commission.schema.txt"),
    },
    Kind { desc: Product::DESCRIPTOR, migrations: &[], catalogue: "" },
    Kind { desc: Commission::DESCRIPTOR, migrations: &[], catalogue: "" },
];

const LISTS: &[&[Kind]] = &[OWN, KINDS];

pub const PROGRAM: Program = Program::new(Kinds::new(LISTS), &[LEAVES]);

/// Where Asha and Ravi sell haircuts and shampoo in Mumbai, and there is a branch in Pune too.
fn both(story: impl Fn(&TestEnv)) {
    let lines = [
        "init --org-code ACME --org-name 'Acme Ltd'",
        "branch create --code MUM --name Mumbai",
        "branch create --code PUN --name Pune",
        "user create --user-code ASHA22 --name Asha --branch MUM",
        "user create --user-code RAV222 --name Ravi --branch MUM",
        "service create --code CUT --name Haircut",
        "product create --code SHAM --name Shampoo",
    ];
    on_both_engines_with(PROGRAM, &lines, story);
}

/// A commission of somebody for haircuts, from a day to another.
fn line(user: &str, from: &str, until: &str) -> String {
    format!("commission create --user {user} --service CUT --valid-from 2026-{from} --valid-until '{until}'")
}

fn until(p: &TestEnv, code: &str) -> String {
    p.json(&format!("commission show {code}"))["valid_until"].to_string()
}

/// What `db check` finds.
fn broken(p: &TestEnv) -> String {
    let said = p.run("db check");
    let found = said.out.clone();
    said.fails(8);
    found
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn its_rules_are_about_its_fields() {
    use orgctl::model::resource::row_rule::mistakes;
    assert_eq!(PROGRAM.kinds.resources().flat_map(mistakes).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn exactly_one_of_several_is_given() {
    both(|p| {
        let begin = "commission create --user ASHA22 --valid-from 2026-01-01";
        let said = p.run(begin).fails(6);
        assert!(said.contains("one of service and product must be given"), "{said}");
        let said = p.run(&format!("{begin} --service CUT --product SHAM")).fails(6);
        assert!(said.contains("only one of service and product may be given, not service and product"), "{said}");
        p.run(&format!("{begin} --service CUT")).ok();
        p.run("commission update COM-001 --product SHAM").fails(6);
        p.run("commission update COM-001 --product SHAM --service ''").ok();
        // In a file each row by itself.
        let rows = "code,user,valid_from,service,product\n,RAV222,2026-01-01,CUT,SHAM\n,RAV222,2026-02-01,,\n";
        let said = p.run_with("commission import - -o json", rows);
        assert_eq!(said.code, 6);
        assert!(said.out.contains("only one of service and product may be given"), "{}", said.out);
        assert!(said.out.contains("\"one of service and product must be given\""), "{}", said.out);
        // What nobody may write says `db check`.
        p.sql("update commissions set product_id = null").expect("written behind its back");
        let said = broken(p);
        assert!(said.contains("commission COM-001 must have exactly one of service and product"), "{said}");
    });
}

/// The last day is one of the period; an open end goes on.
#[test]
fn periods_of_one_person_do_not_overlap() {
    both(|p| {
        let said = p.run(&line("ASHA22", "03-01", "2026-02-28")).fails(6);
        assert!(said.contains("valid_until must not be before valid_from"), "{said}");
        p.run(&line("ASHA22", "01-01", "2026-03-31")).ok();
        for (from, until) in [("03-31", "2026-04-30"), ("02-01", "2026-02-01"), ("01-01", "")] {
            let said = p.run(&line("ASHA22", from, until)).fails(4);
            assert!(said.contains("overlaps with COM-001 (valid_from and valid_until, per user)"), "{said}");
        }
        p.run(&line("RAV222", "01-01", "")).ok();
        p.run(&line("RAV222", "12-01", "2026-12-31")).fails(4);
        p.run(&line("ASHA22", "04-01", "")).ok();
        let codes = p.column("commission list --sort code", "code");
        let [first, _, last] = codes.as_slice() else { panic!("{codes:?}") };
        // A change is held to it, and so is a dry run of one.
        for dry in ["", " --dry-run"] {
            let said = p.run(&format!("commission update {first} --valid-until 2026-04-01{dry}")).fails(4);
            assert!(said.contains(&format!("commission {first} overlaps with {last}")), "{said}");
            p.run(&format!("commission update {first} --user RAV222{dry}")).fails(4);
        }
        assert_eq!(until(p, first), "\"2026-03-31\"");
        all_is_well(p);
    });
}

#[test]
fn what_comes_back_finds_its_place_taken() {
    both(|p| {
        p.run(&line("ASHA22", "01-01", "2026-03-31")).ok();
        p.run("commission delete COM-001 --yes").ok();
        p.run(&line("ASHA22", "02-01", "2026-02-28")).ok();
        let said = p.run("commission restore COM-001").fails(4);
        assert!(said.contains("commission COM-001 overlaps with COM-002"), "{said}");
        p.run("commission delete COM-002 --yes").ok();
        p.run("commission restore COM-001").ok();
        // A change that is taken back.
        p.run("commission update COM-001 --valid-until 2026-01-31").ok();
        p.run("commission restore COM-002").ok();
        let seq = p.column("commission history COM-001", "seq");
        let said = p.run(&format!("audit revert {} --org ACME", seq[seq.len() - 1])).fails(4);
        assert!(said.contains("overlaps with COM-002"), "{said}");
        // Two people who become one.
        p.run(&line("RAV222", "02-15", "")).ok();
        let said = p.run("user merge RAV222 ASHA22 --yes").fails(4);
        assert!(said.contains("COM-003") && said.contains("COM-002") && said.contains("overlaps"), "{said}");
        p.run("commission update COM-003 --valid-from 2026-03-01").ok();
        p.run("user merge RAV222 ASHA22 --yes").ok();
        assert_eq!(p.column("commission list", "user"), ["ASHA22"; 3]);
        all_is_well(p);
    });
}

/// The state after the file decides; what breaks a rule is told by its line.
#[test]
fn a_file_is_held_to_it_row_by_row() {
    both(|p| {
        p.run(&line("ASHA22", "01-01", "2026-03-31")).ok();
        let rows = "code,user,service,valid_from,valid_until\n\
                    A1,RAV222,CUT,2026-01-01,2026-06-30\n\
                    A2,RAV222,CUT,2026-06-30,2026-07-31\n\
                    A3,ASHA22,CUT,2026-03-01,2026-03-05\n\
                    A4,RAV222,CUT,2026-08-01,\n";
        let said = p.run_with("commission import - --dry-run", rows).fails(6);
        assert!(said.contains("overlaps with"), "{said}");
        p.run_with("commission import -", rows).fails(6);
        assert_eq!(p.column("commission list", "code"), ["COM-001"]);
        let said = p.run_with("commission import - --keep-going -o json", rows);
        assert_eq!(said.code, 7, "{}", said.err);
        let told = said.json();
        let at = told["rejects"].as_array().expect("rejects");
        let lines: Vec<(i64, &str)> = at
            .iter()
            .map(|r| (r["line"].as_i64().unwrap_or_default(), r["column"].as_str().unwrap_or_default()))
            .collect();
        assert_eq!(lines, [(3, "valid_from"), (4, "valid_from")], "{told}");
        assert!(at[1]["reason"].as_str().is_some_and(|r| r.contains("overlaps with COM-001")), "{told}");
        assert_eq!(p.column("commission list --sort valid_from", "user"), ["ASHA22", "RAV222", "RAV222"]);
        // Two that change places within one file.
        p.run("commission delete COM-001 --yes").ok();
        p.run(&line("ASHA22", "01-01", "2026-01-31")).ok();
        p.run(&line("ASHA22", "02-01", "2026-02-28")).ok();
        let codes = p.column("commission list --filter user=ASHA22 --sort valid_from", "code");
        let moved = |one: &str, other: &str| {
            format!("code,valid_from,valid_until\n{one},2026-02-01,2026-02-28\n{other},2026-01-01,2026-01-31\n")
        };
        p.run_with("commission import - --on-conflict update", moved(&codes[0], &codes[1])).ok();
        // One of them alone can't.
        let rows = moved(&codes[1], &codes[0]);
        let rows: Vec<&str> = rows.lines().take(2).collect();
        let said = p.run_with("commission import - --on-conflict update", rows.join("\n")).fails(6);
        assert!(said.contains(&format!("commission {} overlaps with {}", codes[1], codes[0])), "{said}");
        all_is_well(p);
    });
}

/// A load that is checked as a whole finds the one row too.
#[test]
fn among_many_rows_the_one_is_found() {
    both(|p| {
        let mut rows = "code,user,service,valid_from,valid_until\n".to_owned();
        for year in 1000..2001 {
            rows.push_str(&format!("Y{year},ASHA22,CUT,{year}-01-01,{year}-12-31\n"));
        }
        let bad = format!("{rows}BAD,ASHA22,CUT,1500-06-01,1500-06-02\n");
        let said = p.run_with("commission import -", bad).fails(6);
        assert!(said.contains("1003") && said.contains("overlaps with"), "{said}");
        p.run_with("commission import -", rows).ok();
        p.run("db check").ok();
    });
}

#[test]
fn one_at_most_is_the_main_one() {
    both(|p| {
        p.run(&format!("{} --branch MUM --is-main yes", line("ASHA22", "01-01", "2026-01-31"))).ok();
        let second = format!("{} --branch MUM", line("RAV222", "01-01", "2026-01-31"));
        let said = p.run(&format!("{second} --is-main yes")).fails(4);
        assert!(said.contains("and COM-001 both say is_main; one may, per branch"), "{said}");
        p.run(&second).ok();
        let codes = p.column("commission list --sort code", "code");
        // Where none is given they agree in that.
        p.run(&format!("{} --is-main yes", line("ASHA22", "02-01", "2026-02-28"))).ok();
        p.run(&format!("{} --is-main yes", line("RAV222", "02-01", "2026-02-28"))).fails(4);
        let rows = format!("code,is_main\n{},yes\nCOM-001,no\n", codes[1]);
        p.run_with("commission import - --on-conflict update", rows).ok();
        let said = p.run("commission update COM-001 --is-main yes").fails(4);
        assert!(said.contains(&format!("commission COM-001 and {} both say is_main", codes[1])), "{said}");
        p.sql("update commissions set is_main = (1 = 1)").expect("written behind its back");
        let said = broken(p);
        let told = format!("commission {} and COM-001", codes[1]);
        let turned = format!("commission COM-001 and {}", codes[1]);
        assert!(said.contains(&told) != said.contains(&turned), "told once: {said}");
    });
}

/// Two ways lead to one branch, from whichever end they are changed.
#[test]
fn two_ways_lead_to_the_same() {
    both(|p| {
        let said = p.run(&format!("{} --branch PUN", line("ASHA22", "01-01", "2026-01-31"))).fails(4);
        assert!(said.contains(": user.branch is MUM, but branch is PUN"), "{said}");
        p.run(&format!("{} --branch MUM", line("ASHA22", "01-01", "2026-01-31"))).ok();
        let code = p.column("commission list", "code").remove(0);
        let said = p.run("user update ASHA22 --branch PUN").fails(4);
        assert!(said.contains(&format!("commission {code}: user.branch is PUN, but branch is MUM")), "{said}");
        let said = p.run_with("user import - --on-conflict update", "user_code,branch\nASHA22,PUN\n").fails(6);
        assert!(said.contains("user.branch is PUN, but branch is MUM"), "{said}");
        let said = p.run(&format!("commission update {code} --branch PUN")).fails(4);
        assert!(said.contains("branch is PUN"), "{said}");
        // What leads nowhere demands nothing.
        p.run(&format!("commission update {code} --branch ''")).ok();
        p.run("user update ASHA22 --branch PUN").ok();
        p.run(&format!("commission update {code} --branch PUN")).ok();
        all_is_well(p);
    });
}

/// What PostgreSQL says of the tables, as `db check` holds it against.
/// Who stays keeps what is the first, and what comes from the other is that no more.
#[test]
fn a_merge_keeps_the_flag_of_who_stays() {
    both(|p| {
        for (user, year) in [("ASHA22", 2026), ("RAV222", 2027), ("RAV222", 2028)] {
            let span = format!("--valid-from {year}-01-01 --valid-until {year}-12-31");
            let first = if year == 2028 { "no" } else { "yes" };
            p.run(&format!("commission create --user {user} --service CUT {span} --is-first {first}")).ok();
        }
        p.run("user merge RAV222 ASHA22 --yes").ok();
        assert_eq!(p.column("commission list --sort valid_from", "user"), ["ASHA22"; 3]);
        assert_eq!(p.column("commission list --sort valid_from", "is_first"), ["true", "false", "false"]);
        // Who has none takes that of the other.
        p.run("user create --user-code NEW222 --name Nia --branch MUM").ok();
        p.run("user merge ASHA22 NEW222 --yes").ok();
        assert_eq!(p.column("commission list --sort valid_from", "is_first"), ["true", "false", "false"]);
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn what_postgresql_says_of_its_tables_is_kept() {
    let mut p = TestEnv::new(Engine::Postgres);
    p.program = PROGRAM;
    let _ = p.run("init");
    golden("tests/it/own_kinds/commission.schema.txt", &super::added_to_catalogue(&p));
}

/// It plays what every kind plays: what rules bind is given as the rules have it.
#[test]
fn commissions_conform() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        crate::conformance::conforms(&|| TestEnv::with_acme_and(engine, PROGRAM), Commission::DESCRIPTOR);
    }
}
