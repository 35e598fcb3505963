//! Values that are made where none is given: a number within another record, and who acts.

use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::crud::write::Create;
use orgctl::model::code_generator::CodeGenerator;
use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Kinds, Migration, MigrationScripts, OWN};
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Code, Count, Line, Ref};
use orgctl::resource;

use crate::harness::{Engine, TestEnv, golden, on_both_engines_with};

resource! {
    /// A book in which is written
    pub struct Book "book" in "books" keys(&[&["code"]]) subject(Nobody("a thing")) {
        /// Short code
        code: Code<16>,
    }
}

resource! {
    /// A page of a book
    pub struct Page "page" in "pages" keys(&[&["code"]]) subject(Nobody("a thing")) {
        /// Short code
        code: Code<16>,
        /// Book that it is a page of
        book_id: Ref<Book> [Within],
        /// Which page of it, from 1
        number: Count [Generated(CodeGenerator::Counted("book_id"))],
        /// Who has written it
        writer_id: Option<Ref<User>> [FromActor],
        /// What is written
        text: Option<Line<100>>,
    }
}

impl Check for Book {}
impl Check for Page {}

const KINDS: &[Kind] = &[
    Kind {
        desc: Book::DESCRIPTOR,
        migrations: &[Migration {
            name: "books",
            sqlite: MigrationScripts {
                up: include_str!("made.sqlite.sql"),
                down: "drop table pages; drop table books;",
            },
            postgres: MigrationScripts {
                up: include_str!("made.postgres.sql"),
                down: "drop table pages; drop table books;",
            },
        }],
        catalogue: include_str!("made.schema.txt"),
    },
    Kind { desc: Page::DESCRIPTOR, migrations: &[], catalogue: "" },
];

const LISTS: &[&[Kind]] = &[OWN, KINDS];

const PROGRAM: Program = Program::new(Kinds::new(LISTS), &[LEAVES]);

fn both(story: impl Fn(&TestEnv)) {
    let lines = [
        "init --org-code ACME --org-name 'Acme Ltd'",
        "user create --user-code ASHA22 --name Asha",
        "book create --code RED",
        "book create --code BLUE",
    ];
    on_both_engines_with(PROGRAM, &lines, story);
}

/// The numbers of a book's pages, in the order of their codes.
fn numbers(p: &TestEnv, book: &str) -> Vec<String> {
    p.column(&format!("page list --sort code --all --filter book={book}"), "number")
}

#[test]
fn pages_are_counted_within_their_book() {
    both(|p| {
        for (code, book) in [("A", "RED"), ("B", "BLUE"), ("C", "RED"), ("D", "RED")] {
            p.run(&format!("page create --code {code} --book {book}")).ok();
        }
        assert_eq!(numbers(p, "RED"), ["1", "2", "3"]);
        assert_eq!(numbers(p, "BLUE"), ["1"]);
        // What is refused, or only tried, takes no number.
        p.run("page create --code D --book RED").fails(4);
        p.run("page create --code E --book RED --dry-run").ok();
        p.run("page create --code E --book RED").ok();
        // One that is given stands, and the count goes on behind it; deleted ones count.
        p.run("page create --code F --book RED --number 10").ok();
        p.run("page delete F --yes").ok();
        p.run("page create --code G --book RED").ok();
        assert_eq!(numbers(p, "RED"), ["1", "2", "3", "4", "11"]);
        p.run("page restore F").ok();
        assert_eq!(p.json("page show F")["number"], 10);
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn a_file_is_counted_on() {
    both(|p| {
        p.run("page create --code A --book RED").ok();
        p.run_with("page import -", "code,book\nB,RED\nC,BLUE\nD,RED\nE,BLUE\n").ok();
        assert_eq!(numbers(p, "RED"), ["1", "2", "3"]);
        assert_eq!(numbers(p, "BLUE"), ["1", "2"]);
        // A row that falls takes none.
        let rows = "code,book,number\nF,RED,\nG,NONE,\nA,RED,\nH,RED,\n";
        p.run_with("page import - --keep-going", rows).fails(7);
        assert_eq!(numbers(p, "RED"), ["1", "2", "3", "4", "5"]);
        assert_eq!(p.column("page list --sort code --filter book=RED", "code"), ["A", "B", "D", "F", "H"]);
        // Rows that change what is there leave its number.
        p.run_with("page import - --on-conflict update", "code,book,text\nA,RED,red\nI,RED,new\n").ok();
        assert_eq!(p.json("page show A")["number"], 1);
        assert_eq!(p.json("page show I")["number"], 6);
        // More than are written together.
        let rows: String = (0..700).map(|i| format!("X{i:03},{}\n", if i % 7 == 0 { "BLUE" } else { "RED" })).collect();
        p.run_with("page import -", format!("code,book\n{rows}")).ok();
        let blue: Vec<String> = (1..=102).map(|n| n.to_string()).collect();
        assert_eq!(numbers(p, "BLUE"), blue);
        let red = numbers(p, "RED");
        assert_eq!((red.len(), red.last().map(String::as_str)), (606, Some("606")));
        // Those that a file gives are passed over by those that it leaves to be made, wherever they stand in it.
        p.run("book create --code GREEN").ok();
        p.run_with("page import -", "code,book,number\nG1,GREEN,\nG2,GREEN,1\nG3,GREEN,4\nG4,GREEN,\n").ok();
        assert_eq!(numbers(p, "GREEN"), ["5", "1", "4", "6"]);
        p.run_with("page import -", "code,book,number\nG5,GREEN,2147483647\n").ok();
        let said = p.run("page create --code G6 --book GREEN").fails(4);
        assert!(said.contains("all numbers of pages there are used up"), "{said}");
        p.run("book delete GREEN --yes").ok();
        p.run("book purge GREEN --yes").ok();
        // What goes out comes in as it was.
        let out = p.run("page export -o csv").ok();
        let other = TestEnv::with_acme_and(p.engine, PROGRAM);
        for line in ["book create --code RED", "book create --code BLUE"] {
            other.run(line).ok();
        }
        other.run_with("page import -", &out).ok();
        assert_eq!((numbers(&other, "RED"), numbers(&other, "BLUE")), (red, blue));
        p.run("audit verify --deep").ok();
    });
}

/// The local operator is no user: nobody is said to have written it.
#[test]
fn the_operator_is_no_user() {
    both(|p| {
        p.run("page create --code A --book RED").ok();
        assert_eq!(p.json("page show A")["writer"], serde_json::Value::Null);
        p.run("page create --code B --book RED --writer ASHA22").ok();
        assert_eq!(p.json("page show B")["writer"], "ASHA22");
    });
}

/// Writes a page of RED as a user of some organisation would, who signed in.
fn written_by(p: &TestEnv, code: &str, user: (i32, uuid::Uuid)) {
    let book = p.json("book show RED")["id"].as_str().and_then(|id| id.parse::<uuid::Uuid>().ok()).expect("an id");
    let values = vec![("code".to_owned(), code.into()), ("book_id".to_owned(), book.into())];
    let verb = Create { noun: "page".into(), org: Some(1), values };
    super::run_verb(p, Some(user), "pages:create", &verb).expect("a page");
}

#[test]
fn a_user_who_acts_is_named() {
    both(|p| {
        let id = p.json("user show ASHA22")["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        written_by(p, "A", (1, id));
        assert_eq!(p.json("page show A")["writer"], "ASHA22");
        // A blank cell of a file takes nothing away.
        p.run_with("page import - --on-conflict update", "code,writer,text\nA,,red\n").ok();
        assert_eq!(
            (&p.json("page show A")["writer"], &p.json("page show A")["text"]),
            (&"ASHA22".into(), &"red".into())
        );
        // Somebody of another organisation is nobody here.
        written_by(p, "B", (2, id));
        assert_eq!(p.json("page show B")["writer"], serde_json::Value::Null);
        assert_eq!(numbers(p, "RED"), ["1", "2"]);
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn what_postgresql_says_of_its_tables_is_kept() {
    let mut p = TestEnv::new(Engine::Postgres);
    p.program = PROGRAM;
    let _ = p.run("init");
    golden("tests/it/own_kinds/made.schema.txt", &super::added_to_catalogue(&p));
}
