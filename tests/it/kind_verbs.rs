//! Each kind has the verbs that it declares, as far as they mean something for it, and no others.

use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::model::kinds::{Kind, Kinds, OWN};
use orgctl::model::resource::Check;
use orgctl::model::values::scalar::{Code, Line, Ref};
use orgctl::resource;

use crate::harness::{Engine, TestEnv};

resource! {
    /// What is typed in one by one
    pub struct Voucher "voucher" in "vouchers" keys(&[&["code"]]) subject(Nobody("paper")) verbs(NoImport) {
        /// Short code
        code: Code<16> [Search],
        /// Whether it is in use
        is_active: bool [Managed, Default("yes")],
    }
}
resource! {
    /// What others write
    pub struct Meter "meter" in "meters" keys(&[&["code"]]) subject(Nobody("a thing")) verbs(ReadOnly) {
        /// Short code
        code: Code<16>,
        /// Whether it is in use
        is_active: bool [Managed, Default("yes")],
    }
}
resource! {
    /// What was read off
    pub struct Reading "reading" in "readings" keys(&[&["code"]]) subject(Nobody("a number")) verbs(Journal) {
        /// Short code
        code: Code<16>,
        /// What it says
        text: Line<200> [Search],
    }
}
resource! {
    /// What nobody can change, for there is nothing to set
    pub struct Mark "mark" in "marks" keys(&[&["code"]]) subject(Nobody("a number")) {
        /// Short code
        code: Code<16> [Managed],
    }
}

resource! {
    /// What joins nothing
    pub struct Loose "loose" in "loose_ends" keys(&[&["code", "voucher"]]) subject(Nobody("a thing")) verbs(Link("tie", "untie")) {
        /// Short code
        code: Code<16>,
        /// Voucher
        voucher_id: Ref<Voucher>,
    }
}
resource! {
    /// What joins two, by a word that is taken
    pub struct Knot "knot" in "knots" keys(&[&["voucher", "mark"]]) subject(Nobody("a thing")) verbs(Link("tie", "delete")) {
        /// Voucher
        voucher_id: Ref<Voucher>,
        /// Mark
        mark_id: Ref<Mark>,
    }
}
resource! {
    /// What each voucher has one of, and must be told more of
    pub struct Stamp "stamp" in "stamps" keys(&[&["voucher"]]) subject(Nobody("a thing")) has_defaults() {
        /// Voucher
        voucher_id: Ref<Voucher>,
        /// Colour
        colour: Line<20>,
    }
}
resource! {
    /// What is nobody's
    pub struct Stray "stray" in "strays" keys(&[&["voucher", "mark"]]) subject(Nobody("a thing")) has_defaults() {
        /// Voucher
        voucher_id: Ref<Voucher>,
        /// Mark
        mark_id: Ref<Mark>,
    }
}

resource! {
    /// What leads nowhere
    pub struct Lost "lost" in "losts" keys(&[&["code"]]) subject(Nobody("a thing")) path(&["voucher"], &["next"]) {
        /// Short code
        code: Code<16>,
        /// Voucher
        voucher_id: Ref<Voucher>,
        /// The next one
        next_id: Option<Ref<Lost>>,
    }
}

impl Check for Lost {}
impl Check for Loose {}
impl Check for Knot {}
impl Check for Stamp {}
impl Check for Stray {}
impl Check for Voucher {}
impl Check for Meter {}
impl Check for Reading {}
impl Check for Mark {}

const SHAPES: &[Kind] = &[Kind::of::<Voucher>(), Kind::of::<Meter>(), Kind::of::<Reading>(), Kind::of::<Mark>()];
const PROGRAM: Program = Program::new(Kinds::new(&[OWN, SHAPES]), &[LEAVES]);

fn verbs(noun: &str) -> Vec<&'static str> {
    PROGRAM.verbs().filter(|(n, _)| *n == noun).map(|(_, verb)| verb).collect()
}

#[test]
fn a_kind_has_the_verbs_that_it_declares() {
    assert_eq!(
        verbs("voucher"),
        [
            "create",
            "list",
            "find",
            "show",
            "update",
            "delete",
            "restore",
            "purge",
            "activate",
            "deactivate",
            "exists",
            "export",
            "history"
        ]
    );
    // Nobody searches it, and that it can be inactive changes nothing where others write it.
    assert_eq!(verbs("meter"), ["list", "show", "exists", "export", "history"]);
    assert_eq!(verbs("reading"), ["create", "list", "find", "show", "exists", "import", "export"]);
    // What the program says of itself is nobody's to write, and goes by its time.
    assert_eq!(verbs("log"), ["list", "show", "export", "stats", "prune"]);
    // There is nothing to set, to find by, or to take inactive.
    assert_eq!(
        verbs("mark"),
        ["create", "list", "show", "delete", "restore", "purge", "exists", "import", "export", "history"]
    );
}

#[test]
fn what_a_kind_does_not_declare_is_no_command() {
    let mut p = TestEnv::new(Engine::Sqlite);
    p.program = PROGRAM;
    for line in ["voucher import f.csv", "meter create --code A", "meter activate A", "reading update A", "mark find a"]
    {
        let err = p.run(line).fails(2);
        assert!(err.contains("unrecognized subcommand"), "{line}: {err}");
        let source = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        assert!(p.run(&format!("audit log list --source '{source}'")).fails(2).contains("there is no such command"));
    }
    for (noun, verb, permission) in [
        ("voucher", "create", "vouchers:create"),
        ("voucher", "deactivate", "vouchers:update"),
        ("meter", "history", "meters:read"),
        ("reading", "import", "readings:import"),
    ] {
        let access = PROGRAM.find(noun, verb).and_then(|found| found.access()).expect("a verb");
        assert_eq!(access.permission, permission);
    }
    let help = p.run("meter --help").ok();
    assert!(help.contains("List meters") && !help.contains("Create"), "{help}");
}

/// A declaration that the program could not keep is told.
#[test]
fn what_could_not_be_kept_is_a_fault() {
    const WRONG: &[Kind] =
        &[Kind::of::<Loose>(), Kind::of::<Knot>(), Kind::of::<Stamp>(), Kind::of::<Stray>(), Kind::of::<Lost>()];
    assert_eq!(
        Kinds::new(&[OWN, SHAPES, WRONG]).faults(),
        [
            "lost: in_branch by voucher leads nowhere",
            "lost: in_department leads round in a circle",
            "the key of loose does not begin with what it joins",
            "voucher has a verb delete already, beside that of knot",
            "stamp has defaults, and none for colour",
            "stray has defaults, and its key is not its owner alone",
        ]
    );
}
