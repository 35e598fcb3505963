//! References: by any key, each in its own form, and by another field than a key: `--map 'Boss=parent.name'`.

use serde_json::json;

use crate::harness::on_both_engines_with_acme;

/// A key is compared with every key field in the form that the field folds to: case makes no difference, for rows of the same
/// file and for people who are there.
#[test]
fn a_key_is_compared_in_each_fields_own_form() {
    on_both_engines_with_acme(|p| {
        let file = "external_id,name,email,username,mobile,reports_to\n\
                    RD999a,Boss One,Boss@x.in,Big.Boss,098200 12345,\n\
                    Q1,By Number,,,,RD999a\n\
                    Q2,By Address,,,,BOSS@X.IN\n\
                    Q3,By Name,,,,BIG.boss\n\
                    Q4,By Telephone,,,,+91 98200 12345\n";
        p.run_with("user import - --dry-run", file.replace("RD999a\nQ2", "rd999a\nQ2")).ok();
        p.run_with("user import - --dry-run", file.replace("RD999a\nQ2", "rd999b\nQ2")).fails(6);
        p.run_with("user import -", file).ok();
        let code = p.json("user show RD999a")["user_code"].as_str().expect("a code").to_owned();
        let led = |by: &str| p.column(&format!("user list --sort external_id --filter reports_to={by}"), "external_id");
        assert_eq!(led(&code), ["Q1", "Q2", "Q3", "Q4"]);
        // The same again is the same; and by people who are there, by code in any case and by id too.
        let again = p.run_with("user import - --on-conflict update", file).fails(0);
        assert!(again.contains("created 0, updated 0, unchanged 5, rejected 0"), "{again}");
        let id = p.json("user show RD999a")["id"].as_str().expect("an id").to_owned();
        for (i, word) in
            ["RD999a", " boss@X.in ", "big.BOSS", "09820012345", &code.to_lowercase(), &id].iter().enumerate()
        {
            p.run_with("user import -", format!("external_id,name,reports_to\nT{i},There,{word}\n")).ok();
        }
        assert_eq!(led(&code).len(), 10);
        // As a manager, in any form; of a department by its code or name.
        p.run_with("branch import -", "code,name,manager\nHQ,HQ,RD999a\nB2,B2,bOss@x.in\n").ok();
        p.run_with("dept import -", "code,name,manager\nrd,Research,RD999a\n").ok();
        assert_eq!(p.column("branch list", "manager"), [code.as_str(), code.as_str()]);
        p.run_with("user import -", "external_id,name,department,branches\nU1,U One,Research,b2;hq\nU2,U Two,rd,HQ\n")
            .ok();
        assert_eq!(p.column("user list --sort external_id --filter department=RD", "external_id"), ["U1", "U2"]);
        assert_eq!(p.json("user show U1")["branches"], json!(["B2", "HQ"]));
        // The file is about one department, whichever way its rows name it.
        let feed = |scope: &str, department: &str| {
            let rows = format!("external_id,name,department\nU1,U One,{department}\nU2,U Two,RD\n");
            p.run_with(&format!("user import - --sync --key external_id --scope dept={scope}"), rows)
        };
        for department in ["Research", "rd", "RD"] {
            for scope in ["Research", "rd"] {
                let said = feed(scope, department).fails(0);
                assert!(said.contains("updated 0, unchanged 2, rejected 0, left 0"), "{scope} {department}: {said}");
            }
        }
        p.run("dept create --code R2 --name Other").ok();
        assert!(
            feed("rd", "Other")
                .fails(6)
                .contains("rejected line 2: department is Other, and the file is about department RD\n")
        );
        // A department that is made keeps the name as it is written, its code in the form of codes.
        p.run_with("user import - --create-missing", "external_id,name,department\nV1,V One,Sales\nV2,V Two,sales\n")
            .ok();
        assert_eq!([&p.json("dept show SALES")["name"], &p.json("dept show SALES")["code"]], ["Sales", "SALES"]);
        // Six characters with small letters are a number of the directory, not a code, and the same in capitals.
        let said = p.run_with("user import -", "userId,name\nab12cd,New One\nAB12CD,Other One\n").fails(6);
        assert!(!said.contains("is read as user_code"), "{said}");
        assert!(said.contains("external_id AB12CD stands in the file already, on line 2"), "{said}");
        p.run_with("user import -", "userId,name\nab12cd,New One\n").ok();
        assert_eq!(p.json("user show ab12cd")["name"], "New One");
        p.run("db check").ok();
    });
}

/// A word that means two people through two of their keys means neither, as on the command line.
#[test]
fn a_word_that_means_two_is_rejected_and_names_both() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'A A' --user-code AAAAAA --external-id BBBBBB").ok();
        p.run("user create --name 'B B' --user-code BBBBBB --username 98200-12346").ok();
        p.run("user create --name 'C C' --user-code CCCCCC --mobile '98200 12346'").ok();
        p.run("user create --name 'D D' --user-code DDDDDD --mobile '98200 12346'").ok();
        p.run("user create --name 'E E' --user-code EEEEEE --external-id E1").ok();
        let two = "BBBBBB means two users: AAAAAA has it as external_id, BBBBBB has it as user_code";
        for (noun, rows) in [
            ("user", "external_id,name,reports_to\nN1,N One,BBBBBB\n"),
            ("branch", "code,name,manager\nN1,N,BBBBBB\n"),
            ("dept", "code,name,manager\nN1,N,BBBBBB\n"),
        ] {
            for more in ["", "--keep-going", "--on-conflict update", "--on-conflict skip"] {
                let code = if more == "--keep-going" { 7 } else { 6 };
                let said = p.run_with(&format!("{noun} import - {more}"), rows).fails(code);
                assert!(
                    said.contains("rejected line 2, ") && said.contains(&format!(": {two}\n")),
                    "{noun} {more}: {said}"
                );
            }
        }
        for more in [
            "--sync --leavers report --key external_id",
            "--create-missing",
            "--sync --orphan --force --key external_id",
        ] {
            let said =
                p.run_with(&format!("user import - {more}"), "external_id,name,reports_to\nN1,N One,BBBBBB\n").fails(6);
            assert!(said.contains(two), "{more}: {said}");
        }
        // In small letters it is both still.
        let said = p.run_with("user import -", "external_id,name,reports_to\nN1,N One,bbbbbb\n").fails(6);
        assert!(said.contains(&two.replacen("BBBBBB", "bbbbbb", 1)), "{said}");
        let said = p.run_with("user import -", "external_id,name,reports_to\nN2,N Two,98200-12346\n").fails(6);
        assert!(
            said.contains("98200-12346 means several users: BBBBBB has it as username, ..., DDDDDD has it as mobile\n"),
            "{said}"
        );
        // One of the two is a row of the file.
        let said =
            p.run_with("user import -", "external_id,username,name,reports_to\nF1,e1,F One,\nF2,,F Two,E1\n").fails(6);
        assert!(
            said.contains(
                "rejected line 3, reports_to: E1 means two users: EEEEEE has it as external_id, F1 has it as username\n"
            ),
            "{said}"
        );
        // A department's name is another one's code.
        p.run("dept create --code X1 --name OPS").ok();
        p.run("dept create --code OPS --name Operations").ok();
        let said = p.run_with("user import -", "external_id,name,department\nN3,N Three,OPS\n").fails(6);
        assert!(said.contains("OPS means two departments: OPS has it as code, X1 has it as name\n"), "{said}");
    });
}

/// Two people of one name are nobody's superior, whatever else is asked for; one who is inactive is one of them, one who
/// is deleted is not.
#[test]
fn a_look_up_is_as_ambiguous_under_every_option() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'Ravi Kumar' --user-code AAAAAA --external-id A1").ok();
        p.run("user create --name 'Ravi Kumar' --user-code BBBBBB --external-id B1").ok();
        p.run("user create --name 'Meena Iyer' --user-code CCCCCC --external-id C1 --reports-to A1").ok();
        let file =
            "external_id,name,boss\nA1,Ravi Kumar,\nB1,Ravi Kumar,\nC1,Meena Iyer,Ravi Kumar\nN1,New One,Ravi Kumar\n";
        let line = "user import - --key external_id --map boss=reports_to.name";
        let options = [
            ("--on-conflict update", 6),
            ("--on-conflict update --keep-going", 7),
            ("--on-conflict update --create-missing", 6),
            ("--sync", 6),
            ("--sync --orphan", 6),
            ("--sync --leavers delete --reassign-to C1 --keep-going --create-missing", 7),
            ("--on-conflict skip --keep-going", 7),
            ("--on-conflict skip", 6),
        ];
        let check = |low: &str, high: &str, file: &str, options: &[(&str, u8)]| {
            for (more, code) in options {
                let said = p.run_with(&format!("{line} {more} --dry-run"), file).fails(*code);
                let several = format!("reports_to: several users have the name Ravi Kumar: {low}, {high}\n");
                assert_eq!(said.matches(&several).count(), if more.contains("skip") { 1 } else { 2 }, "{more}: {said}");
            }
        };
        check("AAAAAA", "BBBBBB", file, &options);
        // One who left is one of them, whether the file tells of him or not.
        p.run("user deactivate B1").ok();
        check("AAAAAA", "BBBBBB", file, &options);
        let without = file.replace("B1,Ravi Kumar,\n", "");
        check("AAAAAA", "BBBBBB", &without, &options);
        // So is a new one of the same file, also where the row is rejected for another reason.
        p.run("user delete B1 --yes").ok();
        let twin = without.clone() + "D1,Ravi Kumar,\n";
        check("AAAAAA", "D1", &twin, &options);
        let twin = without.clone() + "D1,Ravi Kumar,Nobody\n";
        check("AAAAAA", "D1", &twin, &[("--on-conflict update --keep-going", 7), ("--on-conflict update", 6)]);
        // Who is deleted is nobody; who gets another name by the file has that one.
        p.run_with(&format!("{line} --on-conflict update --dry-run"), &without).ok();
        p.run("user create --name 'Ravi Kumar' --user-code EEEEEE --external-id E1").ok();
        let renamed = without.clone() + "E1,Ravi Prasad,\n";
        p.run_with(&format!("{line} --on-conflict update"), &renamed).ok();
        assert_eq!(p.json("user show N1")["reports_to"], "AAAAAA");
        assert_eq!(p.json("user show E1")["name"], "Ravi Prasad");
        // Departments that differ in case alone are one.
        p.run("dept create --code F1 --name Finance").ok();
        p.run("dept create --code F2 --name finance").fails(4);
        for map in ["", "--map department=department.name"] {
            for more in ["", "--create-missing"] {
                p.run_with(
                    &format!("user import - --on-conflict update {more} {map}"),
                    "external_id,name,department\nX1,X One,FINANCE\n",
                )
                .ok();
                assert_eq!(p.json("user show X1")["department"], "F1");
            }
        }
        // A branch by its name, where two have it.
        p.run("branch create --code M1 --name Mumbai").ok();
        p.run("branch create --code M2 --name Mumbai").ok();
        for more in ["", "--create-missing", "--sync --scope branch=M1 --key external_id"] {
            let said = p
                .run_with(
                    &format!("user import - --map site=branch.name {more}"),
                    "external_id,name,site\nY1,Y One,Mumbai\n",
                )
                .fails(6);
            assert!(said.contains("several branches have the name Mumbai: M1, M2\n"), "{more}: {said}");
        }
    });
}

#[test]
fn a_reference_is_looked_up_by_another_field() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HO --name 'Head Office'").ok();
        let file = p.write(
            "b.csv",
            "code,name,Boss\n\
             A,Alpha,Gamma\n\
             B,Beta,  head   office \n\
             B2,Beta,Head Office\n\
             C,Gamma,Head Office\n",
        );
        // The name is compared as it is kept: blanks folded, case as written.
        let said = p.run(&format!("branch import {file} --map Boss=parent.name")).fails(6);
        assert!(said.contains("rejected line 3, parent: no branch has the name head office\n"), "{said}");
        let mended = p.read("b.csv").replace("  head   office ", "  Head   Office ");
        let file = p.write("b.csv", mended);
        p.run(&format!("branch import {file} --map Boss=parent.name")).ok();
        assert_eq!(p.run("branch list --columns code,parent").ok(), "code\tparent\nA\tC\nB\tHO\nB2\tHO\nC\tHO\nHO\t\n");
        // A second time nothing changes: the rows are those that are there.
        let again = p.run(&format!("branch import {file} --map Boss=parent.name --on-conflict update")).err;
        assert!(again.contains("created 0, updated 0, unchanged 4, rejected 0"), "{again}");
        // What several are called is nobody's name, in the database or in the file.
        let file = p.write("c.csv", "code,name,Boss\nD,Delta,Beta\nE,Twin,Alpha\nF,Twin,Alpha\nG,Eta,Twin\n");
        let said = p.run(&format!("branch import {file} --map Boss=parent.name --keep-going")).fails(7);
        assert!(said.contains("rejected line 2, parent: several branches have the name Beta: B, B2\n"), "{said}");
        assert!(said.contains("rejected line 5, parent: several branches have the name Twin: E, F\n"), "{said}");
        assert!(said.contains("created 2, updated 0, unchanged 0, rejected 2"), "{said}");
        // A ring by names is a ring.
        let file = p.write("d.csv", "code,name,Boss\nX,Ex,Why\nY,Why,Ex\n");
        let said = p.run(&format!("branch import {file} --map Boss=parent.name")).fails(6);
        assert!(said.contains("stands below itself: X > Y > X"), "{said}");
        let said = p.run(&format!("branch import {file} --map Boss=parent.nmae")).fails(2);
        assert!(said.contains("did you mean name?"), "{said}");
        let said = p.run(&format!("branch import {file} --map Boss=name.code")).fails(2);
        assert!(said.contains("name refers to nothing"), "{said}");
    });
}
