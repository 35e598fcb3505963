//! Search: the same words find the same records on both engines.

use crate::harness::on_both_engines_with_acme;

fn found(p: &crate::harness::TestEnv, words: &str) -> String {
    let out = p.run(&format!("branch find {words} -o key")).ok();
    out.lines().collect::<Vec<_>>().join(" ")
}

#[test]
fn words_are_found_by_their_beginnings() {
    on_both_engines_with_acme(|p| {
        let file = p.write(
            "b.csv",
            "code,name,city,phone,email\n\
             FORT,Mumbai Fort,Mumbai,022 2345 6701,fort@acme.example\n\
             FORT2,Fortune House,Pune,,\n\
             CAFE,Café Road,Pune,+91 98200 12345,\n\
             LI-1,José Ｌｉ,Goa,,jose.li@acme.example\n\
             PUN,पुणे शाखा,पुणे,,\n\
             OLD,Old Fort,Delhi,,\n",
        );
        p.run(&format!("branch import {file}")).ok();
        p.run("branch deactivate OLD").ok();
        for (words, keys) in [
            // What is called so, then whole words, then beginnings; what is in use first.
            ("fort", "FORT OLD FORT2"),
            ("FORT", "FORT OLD FORT2"),
            ("fort2", "FORT2"),
            ("cafe", "CAFE"),
            ("'CAFÉ ro'", "CAFE"),
            ("li", "LI-1"),
            ("jose", "LI-1"),
            ("josé", "LI-1"),
            ("li-1", "LI-1"),
            ("12345", "CAFE"),
            ("2345", "CAFE"),
            ("6701", "FORT"),
            ("+912223456701", "FORT"),
            ("पुण", "PUN"),
            ("'pune ro'", "CAFE"),
            ("mumbai pune", ""),
            ("'\" OR * NEAR( ) -- '", ""),
            ("\"x'':* | y\"", ""),
        ] {
            assert_eq!(found(p, words), keys, "{words}");
        }
        assert_eq!(p.run("branch list --search fort --filter status=active -o key").ok(), "FORT\nFORT2\n");
        assert_eq!(p.run("branch list --search fort --sort=-name -o key").ok(), "OLD\nFORT\nFORT2\n");
        assert_eq!(p.run("org find acm -o key").ok(), "ACME\n");
        assert!(p.run("branch find nothing").err.contains("no branches found"));
    });
}

/// The index follows the records: renamed, deleted, restored, purged, undone.
#[test]
fn what_is_found_is_what_is_there() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name Alpha").ok();
        p.run("branch update B1 --name Omega").ok();
        assert_eq!((found(p, "alpha"), found(p, "omega")), (String::new(), "B1".to_owned()));
        p.run("branch update B1 --name Gamma --dry-run").ok();
        assert_eq!((found(p, "gamma"), found(p, "omega")), (String::new(), "B1".to_owned()));
        p.run("branch delete B1 --yes").ok();
        assert_eq!(found(p, "omega"), "");
        assert_eq!(p.run("branch list --search omega --deleted -o key").ok(), "B1\n");
        p.run("branch restore B1").ok();
        assert_eq!(found(p, "omega"), "B1");
        p.run("branch delete B1 --yes").ok();
        p.run("branch purge B1 --yes").ok();
        // A row number may be used again: nothing of the old row must cling to it.
        p.run("branch create --code B2 --name Delta").ok();
        assert_eq!((found(p, "omega"), found(p, "delta")), (String::new(), "B2".to_owned()));
        // Another organisation's records are found only without --org, or with its own.
        p.run("org create --code OTHER --name Other").ok();
        p.run("branch create --org OTHER --code B3 --name Delta").ok();
        assert_eq!(found(p, "delta"), "B2 B3");
        assert_eq!(found(p, "delta --org OTHER"), "B3");
    });
}
