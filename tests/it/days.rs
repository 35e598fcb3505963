//! A day is the same day for everything that asks about one: the operator's, by the time zone of the environment.

use crate::harness::{Output, TestEnv, on_both_engines_with_acme};

/// Runs a command where the operator's clock shows this zone.
fn run_in(p: &TestEnv, zone: &str, line: &str) -> Output {
    let mut env = p.env.clone();
    env.insert("TZ".into(), zone.into());
    p.run_with_env(line, &env, false)
}

/// The words of one column of what a command says in TSV.
fn column(p: &TestEnv, zone: &str, line: &str, name: &str) -> Vec<String> {
    let out = run_in(p, zone, &format!("{line} --columns {name} -o tsv")).ok();
    out.lines().skip(1).map(str::to_owned).collect()
}

const INDIA: &str = "Asia/Kolkata";

/// B1 at 05:30 on 21 November in India, B2 at 01:30 on the 22nd, which is still the 21st in London.
fn two_days(p: &TestEnv) {
    p.run("branch create --code B1 --name One").ok();
    p.wait(20 * 3600);
    p.run("branch create --code B2 --name Two").ok();
}

#[test]
fn every_question_about_a_day_means_the_operators_day() {
    on_both_engines_with_acme(|p| {
        two_days(p);
        let created = "audit list --resource branch --action create";
        for (zone, day, codes) in [
            (INDIA, "2026-11-21", &["B1"][..]),
            (INDIA, "2026-11-22", &["B2"]),
            ("UTC", "2026-11-21", &["B2", "B1"]),
            ("UTC", "2026-11-22", &[]),
            // 20:00 is still the day before in Los Angeles at midnight: 16:00 on the 20th, noon on the 21st.
            ("America/Los_Angeles", "2026-11-20", &["B1"]),
            ("America/Los_Angeles", "2026-11-21", &["B2"]),
        ] {
            assert_eq!(column(p, zone, &format!("{created} --on {day}"), "key"), codes, "--on {day} in {zone}");
            let list = format!("branch list --sort -code --filter created_at={day}");
            assert_eq!(column(p, zone, &list, "code"), codes, "created_at={day} in {zone}");
            let span = format!("{created} --since {day} --until {day}");
            assert_eq!(column(p, zone, &span, "key"), codes, "{span} in {zone}");
            if (zone, day) == ("UTC", "2026-11-22") {
                // Still to come there.
                run_in(p, zone, "audit diff --from 2026-11-22").fails(2);
                continue;
            }
            let mut told = column(p, zone, &format!("audit diff --resource branch --from {day} --to {day}"), "key");
            told.dedup();
            told.sort_unstable_by(|a, b| b.cmp(a));
            assert_eq!(told, codes, "audit diff of {day} in {zone}");
        }
        assert_eq!(column(p, INDIA, "branch list --filter created_at>2026-11-21", "code"), ["B2"]);
        assert_eq!(column(p, INDIA, "branch list --filter created_at<=2026-11-21", "code"), ["B1"]);
        assert_eq!(column(p, INDIA, "branch list --as-of 2026-11-22", "code"), ["B1"]);
        assert_eq!(column(p, "UTC", "branch list --as-of 2026-11-21T19:00:00Z", "code"), ["B1"]);
    });
}

#[test]
fn days_are_counted_as_they_are_asked_about() {
    on_both_engines_with_acme(|p| {
        two_days(p);
        let stats = |zone| run_in(p, zone, "audit stats --by day --org ACME -o tsv").ok();
        // ACME's own record, and a branch each.
        assert_eq!(stats(INDIA), "group\tvalue\trecords\nday\t2026-11-21\t2\nday\t2026-11-22\t1\n");
        assert_eq!(stats("UTC"), "group\tvalue\trecords\nday\t2026-11-21\t3\n");
        assert_eq!(stats("America/Los_Angeles"), "group\tvalue\trecords\nday\t2026-11-20\t2\nday\t2026-11-21\t1\n");
    });
}

/// Yesterday in India is a day in the past there; in London it is still today.
#[test]
fn today_is_the_operators_today() {
    on_both_engines_with_acme(|p| {
        two_days(p);
        run_in(p, INDIA, "user create --name 'Asha Rao' --dob 2026-11-21").ok();
        let err = run_in(p, "UTC", "user create --name 'Ravi Rao' --dob 2026-11-21").fails(6);
        assert!(err.contains("dob must be a day in the past"), "{err}");
        run_in(p, INDIA, "user create --name 'Ravi Rao' --dob 2026-11-22").fails(6);
        let file = p.write("people.csv", "email,name,dob\nr@x.example,Ravi Rao,2026-11-21\n");
        run_in(p, "UTC", &format!("user import {file}")).fails(6);
        run_in(p, INDIA, &format!("user import {file}")).ok();
        p.run("db check").ok();
    });
}

#[test]
fn times_are_told_in_the_operators_zone() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        let mut env = p.env.clone();
        env.insert("TZ".into(), INDIA.into());
        let shown = p.run_with_env("branch show B1", &env, true).ok();
        assert!(shown.contains("2026-11-21 05:30:0") && shown.contains("+05:30"), "{shown}");
    });
}

/// Of a time without a zone the operator's is meant, in a cell as in a flag.
#[test]
fn a_cell_means_the_day_that_a_flag_means() {
    on_both_engines_with_acme(|p| {
        for (zone, written, instant) in [
            (INDIA, "2026-12-24", "2026-12-23T18:30:00.000000Z"),
            (INDIA, "2026-12-24 09:30", "2026-12-24T04:00:00.000000Z"),
            (INDIA, "2026-12-24T09:30:15", "2026-12-24T04:00:15.000000Z"),
            ("UTC", "2026-12-24", "2026-12-24T00:00:00.000000Z"),
            ("America/Los_Angeles", "2026-12-24", "2026-12-24T08:00:00.000000Z"),
            ("America/Los_Angeles", "2026-12-24T09:30:00+05:30", "2026-12-24T04:00:00.000000Z"),
        ] {
            let rows = format!("username,name,blocked,block_reason,blocked_until\na1,Asha,yes,left,{written}\n");
            let file = p.write("u.csv", rows);
            let line = format!("user import {file} --key username --on-conflict update");
            run_in(p, zone, &line).ok();
            let until = |user: &str| p.json(&format!("user show {user}"))["blocked_until"].clone();
            assert_eq!(until("a1"), instant, "{written} in {zone}");
            let said = run_in(p, zone, &line).fails(0);
            assert!(said.contains("unchanged 1"), "{said}");
            // The same in a constant, and in a flag.
            let file = p.write("c.csv", "username,name,blocked\na2,Ravi,yes\n");
            let set = format!("--set 'blocked_until={written}' --set block_reason=left");
            run_in(p, zone, &format!("user import {file} --key username --on-conflict update {set}")).ok();
            assert_eq!(until("a2"), instant, "{set} in {zone}");
            p.run("user create --username a3 --name Meena").ok();
            run_in(p, zone, &format!("user block a3 --reason left --until '{written}'")).ok();
            assert_eq!(until("a3"), instant, "--until {written} in {zone}");
            run_in(p, zone, &format!("user list --filter 'blocked_until=\"{written}\"'")).ok();
            p.run("user delete a3 --yes").ok();
        }
        for written in ["2026-13-01", "24.12.2026", "2026-12-24 25:00", "7d", "soon", "99999-01-01", "0001-01-01"] {
            let rows = format!("username,blocked_until\na1,{written}\n");
            let said = p.run_with("user import - --key username --on-conflict update", rows).fails(6);
            assert!(said.contains("rejected line 2: blocked_until must be a time"), "{said}");
        }
    });
}

/// Cairo's clocks are set forward at midnight: the day begins at one, and is a day all the same.
#[test]
fn a_day_without_a_midnight_is_a_day() {
    on_both_engines_with_acme(|p| {
        assert_eq!(column(p, "Africa/Cairo", "audit list --on 2026-04-24", "key"), Vec::<String>::new());
        run_in(p, "Africa/Cairo", "branch list --filter created_at>2026-04-24").ok();
        run_in(p, "Africa/Cairo", "audit list --since '2026-04-24 00:30'").ok();
    });
}

/// A name that the system does not know would be UTC to it, and every day another one than was meant.
#[test]
fn a_time_zone_that_is_none_is_refused_by_name() {
    on_both_engines_with_acme(|p| {
        for (zone, hint) in [
            ("Asia/Kolkatta", "did you mean Asia/Kolkata?"),
            ("asia/kolkata", "did you mean Asia/Kolkata?"),
            (":Europe/Berln", "did you mean Europe/Berlin?"),
            ("Nowhere", "write a name like Asia/Kolkata or UTC"),
        ] {
            for line in ["branch list --filter 'created>2026-11-01'", "branch create --code B1 --name One"] {
                let said = run_in(p, zone, line).fails(2);
                assert!(
                    said.contains("the environment has TZ, which names no time zone") && said.contains(hint),
                    "{said}"
                );
            }
        }
        for zone in [
            "",
            ":Asia/Kolkata",
            "UTC",
            "IST-5:30",
            "EST5EDT,M3.2.0,M11.1.0",
            "<+0530>-5:30",
            "/etc/localtime",
            "Etc/GMT+5",
        ] {
            run_in(p, zone, "branch list").ok();
        }
    });
}
