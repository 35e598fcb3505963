//! What is said beside the work is true of it.

use crate::harness::on_both_engines_with_acme;

#[test]
fn what_was_not_done_is_not_told() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name Asha --username asha --can-login yes").ok();
        // All rows are rejected: nobody came or changed.
        let bad = "username,name,can_login,dob\nx1,One,yes,2090-01-01\nx2,Two,yes,2090-01-01\n";
        let said = p.run_with("user import - --keep-going", bad).fails(7);
        assert!(!said.contains("have no password"), "{said}");
        let good = "username,name,can_login\nx1,One,yes\n";
        let said = p.run_with("user import -", good).fails(0);
        assert!(said.contains("note: 2 who may sign in have no password"), "{said}");
        let said = p.run_with("user import - --on-conflict update", good).fails(0);
        assert!(!said.contains("have no password"), "{said}");
    });
}

#[test]
fn a_column_is_asked_for_by_each_of_its_names() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'Asha Rao' --username asha --mobile '98200 12345'").ok();
        let code = p.json("user show asha")["user_code"].clone();
        let code = code.as_str().expect("a code");
        assert_eq!(
            p.run("user list -o csv --columns code,phone,full_name,username").ok(),
            format!("user_code,mobile,name,username\n{code},+919820012345,Asha Rao,asha\n")
        );
        assert_eq!(
            p.run("user show asha -o csv --columns code,username").ok(),
            format!("user_code,username\n{code},asha\n")
        );
        assert_eq!(p.json("user update asha --designation Clerk --columns job_title,code")["designation"], "Clerk");
        assert!(p.run("user list --columns cod").fails(2).starts_with("error: there is no field 'cod'\n"));
    });
}
