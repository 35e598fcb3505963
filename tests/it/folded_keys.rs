//! Two spellings of one key are one key, on every path: names by case, width, blanks and marks, numbers of other systems by
//! case and width, addresses by case and the form of their domain.

use crate::harness::{TestEnv, on_both_engines_with_acme};

fn well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn a_name_is_one_in_every_spelling() {
    on_both_engines_with_acme(|p| {
        p.run("dept create --code S1 --name 'Sales Café'").ok();
        for name in ["SALES CAFE", "sales  cafe\u{301}", "Ｓａｌｅｓ　Café"] {
            let line = ["dept", "create", "--code", "S2", "--name", name].map(str::to_owned);
            let said = p.run_words(&line, b"").fails(4);
            assert!(said.contains(" exists already in ACME") && said.contains("choose another name"), "{said}");
            let shown = ["dept", "show", name, "-o", "json"].map(str::to_owned);
            assert_eq!(p.run_words(&shown, b"").json()["code"], "S1", "{name}");
            let listed = ["dept", "list", "-o", "key", "--filter", &format!("name=\"{name}\"")].map(str::to_owned);
            assert_eq!(p.run_words(&listed, b"").ok(), "S1\n", "{name}");
        }
        assert_eq!(p.json("dept show S1")["name"], "Sales Café");
        // In a script that has no case a mark is part of the word.
        p.run("dept create --code P1 --name पुणे").ok();
        p.run("dept create --code P2 --name पण").ok();
        assert_eq!(p.json("dept show पण")["code"], "P2");
        // It may be spelt anew, and given to none that is another.
        p.run("dept update S1 --name 'SALES CAFÉ'").ok();
        p.run("dept update P1 --name 'sales cafe'").fails(4);
        // What it is compared by is told nowhere.
        assert!(!p.run("dept show S1 -o json").ok().contains("folded"));
        assert!(!p.run("dept export").ok().contains("folded"));
        assert!(!p.run("dept history S1 -o json").ok().contains("folded"));
        well(p);
    });
}

#[test]
fn a_name_is_one_when_it_comes_back() {
    on_both_engines_with_acme(|p| {
        p.run("dept create --code S1 --name Sales").ok();
        p.wait(60);
        p.run("dept update S1 --name Trade").ok();
        p.run("dept create --code S2 --name SALES").ok();
        assert_eq!(p.json("dept show sales")["code"], "S2");
        assert_eq!(p.json("dept show sales --as-of 30s")["code"], "S1");
        assert_eq!(p.column("dept list --as-of 30s --filter name=SALES", "code"), ["S1"]);
        let seqs = p.column("audit list --resource dept --key S1", "seq");
        let said = p.run(&format!("audit revert {} --org ACME", seqs[0])).fails(4);
        assert!(said.contains("exists already"), "{said}");
        p.run("dept delete S2 --yes").ok();
        p.run("dept update S1 --name sales").ok();
        let said = p.run("dept restore S2").fails(4);
        assert!(said.contains("its key was taken meanwhile"), "{said}");
        well(p);
    });
}

#[test]
fn a_file_knows_names_in_every_spelling() {
    on_both_engines_with_acme(|p| {
        p.run("dept create --code S1 --name Sales").ok();
        p.run("dept create --code C1 --name Café").ok();
        let said = p.run_with("dept import -", "code,name\nT1,Tools\nT2,TOOLS\nX1,SALES\n").fails(6);
        assert!(said.contains("rejected line 3: name TOOLS stands in the file already, on line 2\n"), "{said}");
        assert!(said.contains("rejected line 4, name: dept SALES exists already\n"), "{said}");
        let file = "name,description\nSALES,Sells\ncafe,Brews\nNew,Is\n";
        let said = p.run_with("dept import - --key name", file).fails(6);
        assert!(said.contains("rejected line 2, name: dept SALES exists already\n"), "{said}");
        let said = p.run_with("dept import - --key name --on-conflict update", file).fails(0);
        assert!(said.contains("created 1, updated 2"), "{said}");
        assert_eq!(p.json("dept show S1")["description"], "Sells");
        assert_eq!(p.json("dept show C1")["name"], "cafe");
        let again = p.run_with("dept import - --key name --on-conflict update", file).fails(0);
        assert!(again.contains("created 0, updated 0, unchanged 3"), "{again}");
        let said = p.run_with("dept import - --key name --on-conflict update", "name\nNew\nnew\n").fails(6);
        assert!(said.contains("name new stands in the file already"), "{said}");
        // As what rows refer to: no second one is made.
        let rows = "external_id,name,department\nE1,E One,SALES\nE2,E Two,CAFÉ\nE3,E Three,Tools\nE4,E Four,tools\n";
        p.run_with("user import - --create-missing", rows).ok();
        assert_eq!(p.json("user show E1")["department"], "S1");
        assert_eq!(p.json("user show E2")["department"], "C1");
        assert_eq!(p.column("dept list --filter name=TOOLS", "name"), ["Tools"]);
        well(p);
    });
}

#[test]
fn a_number_of_another_system_is_one_in_every_case() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'Asha Rao' --external-id RD999a").ok();
        let said = p.run("user create --name Ravi --external-id rd999A").fails(4);
        assert!(said.contains("exists already"), "{said}");
        p.run("user create --name Ravi --external-id ＲＤ999Ａ").fails(4);
        // Marks tell two apart.
        p.run("user create --name Uma --external-id RDé").ok();
        p.run("user create --name Una --external-id RDe").ok();
        for key in ["rd999a", "ＲＤ999a"] {
            assert_eq!(p.json(&format!("user show {key}"))["name"], "Asha Rao", "{key}");
            assert_eq!(p.column(&format!("user list --filter external_id={key}"), "name"), ["Asha Rao"], "{key}");
        }
        assert_eq!(p.json("user show RDE")["name"], "Una");
        let said = p.run_with("user import -", "external_id,name\nN1,One\nn1,Two\nRDÉ,Three\n").fails(6);
        assert!(said.contains("external_id n1 stands in the file already"), "{said}");
        assert!(said.contains("user RDÉ exists already"), "{said}");
        let feed = "external_id,name\nrd999a,Asha Devi Rao\nrdé,Uma\nRDe,Una\n";
        let said = p.run_with("user import - --sync --key external_id", feed).fails(0);
        assert!(said.contains("created 0, updated 2, unchanged 1, rejected 0, left 0"), "{said}");
        let told = p.json("user show RD999A");
        assert_eq!((&told["name"], &told["external_id"]), (&"Asha Devi Rao".into(), &"rd999a".into()));
        // Beside a key that is another: the number is that of one who is there.
        let said = p.run_with("user import -", "username,name,external_id\nnew,New One,RD999A\n").fails(6);
        assert!(said.contains("external_id: user RD999A exists already"), "{said}");
        well(p);
    });
}

#[test]
fn codes_addresses_and_names_to_sign_in_with_are_kept_in_one_spelling() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code mum01 --name Mumbai").ok();
        for code in ["MUM01", "ＭＵＭ01", "Mum01"] {
            p.run(&format!("branch create --code {code} --name Other")).fails(4);
            assert_eq!(p.json(&format!("branch show {code}"))["name"], "Mumbai");
        }
        p.run("user create --name A --username asha --email asha@bücher.example").ok();
        for username in ["ASHA", "ａｓｈａ"] {
            p.run(&format!("user create --name B --username {username}")).fails(4);
        }
        for email in ["ASHA@BÜCHER.example", "Asha@xn--bcher-kva.example"] {
            p.run(&format!("user create --name B --email {email}")).fails(4);
            assert_eq!(p.json(&format!("user show {email}"))["name"], "A", "{email}");
        }
        p.run("user create --name B --email áshá@bücher.example --username áshá").ok();
        well(p);
    });
}

/// What somebody writes into the table by hand is found.
#[test]
fn a_name_that_is_compared_by_another_is_found() {
    on_both_engines_with_acme(|p| {
        p.run("dept create --code S1 --name Sales").ok();
        p.run("user create --name A --external-id E1").ok();
        let id = p.json("dept show S1")["id"].as_str().expect("an id").to_owned();
        p.sql("update departments set name_folded = 'other' where code = 'S1'").expect("SQL");
        p.sql("update users set external_id_folded = null where external_id = 'E1'").expect("SQL");
        let said = p.run("db check");
        let text = format!("{}{}", said.out, said.err);
        let wanted = format!("id {id}: the value of name_folded can't be (it is not what name folds to)");
        assert!(text.contains(&wanted), "{text}");
        assert!(
            text.contains("the value of external_id_folded can't be (it is not what external_id folds to)"),
            "{text}"
        );
    });
}
