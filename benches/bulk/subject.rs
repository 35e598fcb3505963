//! What is loaded: branches of a bank, or its people. The files are the same for every run.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::path::Path;

use orgctl::model::kinds::branch::Branch;
use orgctl::model::kinds::user::User;
use orgctl::model::resource::{Descriptor, Resource as _};
use orgctl::model::search;

use crate::database::BenchDatabase;

type Out = BufWriter<File>;

/// A table that the rows of the file go into.
pub struct Table {
    pub name: &'static str,
    /// Columns that the rows of the file fill, and those of every record.
    pub columns: &'static str,
    /// SQLite's table for the bare import, with the indexes that the rows go into. Ids are text, for
    /// `.import` knows no blobs, and a name that is made of others is in its index alone, for it counts such columns too.
    pub bare: &'static str,
}

pub struct Subject {
    pub desc: &'static Descriptor,
    /// The resource's own, and those of what goes with it.
    pub tables: &'static [Table],
    /// What an export holds beside the stored fields, as an expression over `t`.
    lists: Option<&'static str>,
    header: &'static str,
    /// Writes a row: which one, of how many, and whether it is one that changed since.
    row: fn(&mut Out, usize, usize, bool),
    /// The key of a row, which stands in its first column.
    pub key: fn(usize) -> String,
    /// Beginnings of two words that some rows have both.
    pub words: &'static str,
    before: &'static [Before],
    /// The field that `import --sync` knows a record by, where there is such an import.
    pub sync: Option<&'static str>,
}

/// What rows refer to, with codes and names alone.
struct Before {
    noun: &'static str,
    n: usize,
    row: fn(usize) -> String,
}

pub const BRANCHES: Subject = Subject {
    desc: Branch::DESCRIPTOR,
    tables: &[Table {
        name: "branches",
        columns: "org_id, id, code, name, address_line1, city, state, country, pincode, phone, email, manager_name,
        parent_id, is_active, created_at, created_by, updated_at, updated_by, version",
        bare: "
        create table bare_branches (row_id integer primary key, org_id integer not null, id text not null, code text not null,
            name text not null, address_line1 text, city text, state text, country text, pincode text, phone text,
            email text, manager_name text, parent_id text, is_active text not null, created_at text not null,
            created_by integer not null, updated_at text not null, updated_by integer not null,
            version integer not null, unique (org_id, id));
        create unique index bare_code on bare_branches (org_id, code);
        create index bare_parent on bare_branches (org_id, parent_id);
        create index bare_active on bare_branches (org_id, is_active, created_at);",
    }],
    lists: None,
    header: "code,name,address_line1,city,state,country,pincode,phone,email,manager_name,parent",
    row: branch,
    key: branch_code,
    words: "pun kul",
    before: &[],
    sync: None,
};

pub const USERS: Subject = Subject {
    desc: User::DESCRIPTOR,
    tables: &[
        Table {
        name: "users",
        // Not name, which the database makes of its parts.
        columns: "org_id, id, user_code, first_name, last_name, email, mobile, external_id, department_id,
        designation, reports_to_id, gender, dob, can_login, is_active, blocked, email_verified, mobile_verified,
        created_at, created_by, updated_at, updated_by, version",
        bare: "
        create table bare_users (row_id integer primary key, org_id integer not null, id text not null,
            user_code text not null, first_name text not null, last_name text,
            email text, mobile text, external_id text, department_id text, designation text, reports_to_id text, gender text,
            dob text, can_login integer not null, is_active integer not null, blocked integer not null,
            email_verified integer not null, mobile_verified integer not null, created_at integer not null,
            created_by integer not null, updated_at integer not null, updated_by integer not null,
            version integer not null, unique (org_id, id));
        create unique index bare_user_code on bare_users (org_id, user_code);
        create unique index bare_email on bare_users (org_id, email);
        create unique index bare_external_id on bare_users (org_id, external_id);
        create index bare_name on bare_users (org_id, first_name || ' ' || last_name);
        create index bare_mobile on bare_users (org_id, mobile);
        create index bare_department on bare_users (org_id, department_id, created_at);
        create index bare_reports_to on bare_users (org_id, reports_to_id);
        create index bare_active on bare_users (org_id, is_active, created_at);",
        },
        Table {
            name: "user_branches",
            columns: "org_id, id, branch_id, user_id, is_primary, created_at, created_by, updated_at, updated_by,
                version",
            bare: "
                create table bare_user_branches (row_id integer primary key, org_id integer not null, id text not null,
                    branch_id text not null, user_id text not null, is_primary integer not null,
                    created_at integer not null, created_by integer not null, updated_at integer not null,
                    updated_by integer not null, version integer not null, unique (org_id, id));
                create unique index bare_links_key on bare_user_branches (org_id, branch_id, user_id);
                create index bare_links_branch on bare_user_branches (org_id, branch_id);
                create index bare_links_user on bare_user_branches (org_id, user_id);",
        },
    ],
    lists: Some(
        "(select b.code from user_branches l join branches b on b.org_id = l.org_id and b.id = l.branch_id
           where l.org_id = t.org_id and l.user_id = t.id and l.is_primary and l.deleted_at is null)",
    ),
    header: "user_code,first_name,last_name,email,mobile,external_id,branch,department,designation,reports_to,gender,dob",
    row: user,
    key: user_code,
    words: "lak kul",
    before: &[
        Before { noun: "branch", n: 200, row: |i| format!("{},{} Branch {i}", branch_code(i), CITIES[i % 8].0) },
        Before { noun: "dept", n: 50, row: |i| format!("{},Department {i}", dept_code(i)) },
    ],
    sync: Some("external_id"),
};

impl Subject {
    /// Writes these rows, of so many in all; the file's name.
    pub fn write(
        &self,
        folder: &Path,
        name: &str,
        rows: Range<usize>,
        of: usize,
        changed: fn(usize) -> bool,
    ) -> String {
        let path = folder.join(name);
        let mut out = BufWriter::new(File::create(&path).expect("a file"));
        writeln!(out, "{}", self.header).unwrap();
        for i in rows {
            (self.row)(&mut out, i, of, changed(i));
        }
        out.flush().expect("a written file");
        path.display().to_string()
    }

    /// Writes and imports what rows refer to; the files.
    pub fn prepare(&self, place: &BenchDatabase, folder: &Path) -> Vec<String> {
        let files = self.before.iter().map(|Before { noun, n, row }| {
            let path = folder.join(format!("{noun}.csv"));
            let rows: String = (0..*n).map(|i| row(i) + "\n").collect();
            std::fs::write(&path, format!("code,name\n{rows}")).expect("a file");
            let file = path.display().to_string();
            place.orgctl(&[noun, "import", &file]);
            file
        });
        files.collect()
    }

    /// What an export holds, as SQL.
    pub fn export(&self) -> String {
        let (mut columns, mut joins) = (Vec::new(), String::new());
        for field in self.desc.stored() {
            let column = field.column;
            match field.target() {
                None => columns.push(format!("t.{column}")),
                Some(target) => {
                    columns.push(format!("{column}.{}", target.key_field().map_or("id", |f| f.column)));
                    let on = format!("{column}.org_id = t.org_id and {column}.id = t.{column}");
                    joins += &format!(" left join {} {column} on {on}", target.table);
                }
            }
        }
        columns.extend(self.lists.map(str::to_owned));
        let (table, key) = (self.desc.table, self.desc.key_field().map_or("id", |f| f.column));
        let live = "t.org_id = 1 and t.deleted_at is null";
        format!("select {} from {table} t{joins} where {live} order by t.{key}", columns.join(", "))
    }
}

const CITIES: [(&str, &str, usize); 8] = [
    ("Mumbai", "Maharashtra", 400),
    ("Pune", "Maharashtra", 411),
    ("Bengaluru", "Karnataka", 560),
    ("Chennai", "Tamil Nadu", 600),
    ("Kochi", "Kerala", 682),
    ("Jaipur", "Rajasthan", 302),
    ("Patna", "Bihar", 800),
    ("Bhopal", "Madhya Pradesh", 462),
];

const FIRST: [&str; 20] = [
    "Asha", "Ravi", "Meera", "Arjun", "Kavya", "Rohan", "José", "Zoë", "Imran", "Lakshmi", "Vikram", "Farah", "Suresh",
    "Nisha", "Deepak", "Anita", "Gopal", "Tara", "Yusuf", "Bina",
];

const LAST: [&str; 20] = [
    "Rao",
    "Iyer",
    "Sharma",
    "Khan",
    "Patel",
    "Nair",
    "Singh",
    "Gupta",
    "Menon",
    "Kulkarni",
    "Desai",
    "Bose",
    "Reddy",
    "Joshi",
    "Das",
    "Fernandes",
    "Pillai",
    "Chavan",
    "Thakur",
    "Mishra",
];

const DESIGNATIONS: [&str; 10] =
    ["Clerk", "Cashier", "Officer", "Manager", "Analyst", "Auditor", "Developer", "Teller", "Guard", "Driver"];

/// Chance of a row's own (splitmix64), so that a piece of a file is a piece of the whole.
struct Draw(u64);

impl Draw {
    fn of(row: usize) -> Draw {
        Draw((row as u64).wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((x ^ (x >> 31)) >> 16) as usize) % n
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn branch_code(i: usize) -> String {
    format!("BR{i:07}")
}

fn dept_code(i: usize) -> String {
    format!("D{i:02}")
}

/// Scattered as those that orgctl makes; the factor has no divisor in common with 36, so that no two are alike.
fn user_code(i: usize) -> String {
    let mut n = (i * 1_000_000_007 + 123_456_789) % 36_usize.pow(6);
    let mut code = [0; 6];
    for digit in code.iter_mut().rev() {
        *digit = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[n % 36];
        n /= 36;
    }
    code.iter().map(|b| char::from(*b)).collect()
}

/// A tree in no particular depth.
fn branch(out: &mut Out, i: usize, n: usize, changed: bool) {
    let mut draw = Draw::of(i);
    let (city, region, pin) = draw.one(&CITIES);
    let parent = if i < 40 { String::new() } else { branch_code(draw.below(i.min(n / 50 + 1))) };
    let (a, b, c, d) = (1 + draw.below(900), 1 + draw.below(200), 1 + draw.below(98), draw.below(1000));
    let (code, last, of_road, phone) = (branch_code(i), draw.one(&LAST), draw.one(&LAST), draw.below(100_000_000));
    let (manager, surname) = (draw.one(&FIRST), draw.one(&LAST));
    let main = if changed { "Main " } else { "" };
    writeln!(
        out,
        "{code},{city} {last} {main}Branch {i},\"{a}, {of_road} Road {b}, Ward {c}\",{city},{region},India,{pin}{d:03},\
         +9198{phone:08},br{i:07}@bank.example,{manager} {surname},{parent}",
    )
    .unwrap();
}

/// Twelve columns; everybody reports to one of the first tenth who stands further up.
fn user(out: &mut Out, i: usize, n: usize, changed: bool) {
    let mut draw = Draw::of(i);
    let (code, first, last) = (user_code(i), draw.one(&FIRST), draw.one(&LAST));
    let email = format!("{}.{}{i}@bank.example", search::words(first).concat(), last.to_ascii_lowercase());
    let (mobile, branch, dept) = (draw.below(100_000_000), branch_code(draw.below(200)), dept_code(draw.below(50)));
    let superior = if i < 20 { String::new() } else { user_code(draw.below(i.min(n / 10 + 1))) };
    let gender = draw.one(&["male", "female", "male", "female", "male", "female", "male", "female", "other"]);
    let (year, month, day) = (1960 + draw.below(45), 1 + draw.below(12), 1 + draw.below(28));
    let designation = if changed { "Director" } else { draw.one(&DESIGNATIONS) };
    writeln!(
        out,
        "{code},{first},{last},{email},+9198{mobile:08},EMP{i:07},{branch},{dept},{designation},{superior},{gender},\
         {year}-{month:02}-{day:02}",
    )
    .unwrap();
}
