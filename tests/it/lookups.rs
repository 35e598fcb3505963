//! References looked up by another field than the key: `--map 'Boss=parent.name'`.

use crate::harness::both_with_acme;

#[test]
fn a_reference_is_looked_up_by_another_field() {
    both_with_acme(|p| {
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
