//! Hashes of other software: refused where a password is set, verified where they are kept.

use crate::harness::{on_both_engines_with_acme, root};
use crate::terminal::{answers_unseen, at_terminal, ends};

/// One of each scheme's name.
const STORED: &[&str] = &[
    "$2b$04$abcdefghijklmnopqrstuuIAle5L4ue5XyAG2HTzAX6K2n8ZK1yhi",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO",
    "$pbkdf2-sha256$1000$c2Vhc2FsdDE$9gsE4qSWzk7V8KvI/LEl58PgJkEA.NVWfTHJscAwYYE",
    "{SSHA}smlgfvImMkicXbylE64QAS8cZF1zZWFzYWx0MQ==",
    "pbkdf2_sha256$1000$seasalt$iIp/WCkAEX5TkrhX07RyLrfsFH7jutXKtdEicPRvh48=",
    "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3",
    "scrypt:1024:8:1$Km5093VrgkJfrMLm$8ce1b6de8067097caf6ea461dcd30746",
    "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19",
    "md5a6343a68d964ca596d9752250d54bb8a",
    "_J9..rasmBYk8r9AiWNc",
    "sha512:1000:NzY2wRVkhgpBD1Vn:aGFzaGFzaGFzaGFzaA==",
    "argon2:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    "sha512_crypt$$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO",
    "SCRAM-SHA-256$4096:c2FsdA==$abc:def",
    // Full-width signs are those signs to whoever hashes them.
    "＄2b＄04＄abcdefghijklmnopqrstuuIAle5L4ue5XyAG2HTzAX6K2n8ZK1yhi",
];

#[test]
fn a_stored_hash_is_no_password() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'Asha Rao' --username asha").ok();
        let refused =
            "must not be a stored hash, which would itself sign in; hashes are imported in a column password_hash";
        for hash in STORED {
            let said = p.run_with("user passwd asha --password-stdin", hash).fails(6);
            assert!(said.contains(&format!("error: the password {refused}\n")) && !said.contains(hash), "{said}");
            let file = p.write("u.csv", format!("name,email,password\nA One,a@x.example,\"{hash}\"\n"));
            let said = p.run(&format!("user import {file}")).fails(6);
            assert!(said.starts_with(&format!("rejected line 2: password {refused}\n")), "{said}");
            // Checking refuses nothing.
            p.run_with("user check-password asha --password-stdin", hash).fails(3);
        }
        let mut t = at_terminal(p, "user passwd asha");
        for question in ["Password", "The same again"] {
            answers_unseen(&mut t, question, STORED[3]);
        }
        t.exp_string("must not be a stored hash").expect("the refusal");
        assert_eq!(ends(t), 6);
        // Users who are there are no better off; the file is right once its column is named rightly.
        let file = p.write("u.csv", format!("username,password\nasha,{}\n", STORED[3]));
        let line = format!("user import {file} --key username --on-conflict update --reset-passwords");
        assert!(p.run(&line).fails(6).contains("column password_hash"));
        p.run(&format!("{line} --map password=password_hash")).ok();
        p.run_with("user check-password asha --password-stdin", "café ₹500").fails(0);
        p.run_with("user check-password asha --password-stdin", STORED[3]).fails(1);
        // What only looks a little like one is a password.
        for good in ["$100 a day and never more", "{ braces } around a phrase", "3f86d0d3d465b7b458c231bf3555c0e3"] {
            p.run_with("user passwd asha --password-stdin", good).fails(0);
            p.run_with("user check-password asha --password-stdin", good).fails(0);
        }
    });
}

/// passlib 1.7.4, and Python's bcrypt 3.2.2 below it; "café ₹500" but where it says otherwise.
#[test]
fn hashes_of_passlib_sign_in_and_become_our_own() {
    on_both_engines_with_acme(|p| {
        let long = "long ".repeat(30);
        let given = [
            ("$pbkdf2-sha256$1000$c2Vhc2FsdDE$9gsE4qSWzk7V8KvI/LEl58PgJkEA.NVWfTHJscAwYYE", "café ₹500"),
            (
                "$pbkdf2-sha512$1000$c2Vhc2FsdDE$VbbCXk7PCypdbQ8UcZkbgTq4SYPUgBEs1cmk3uU5s1UV8ToVcdeROrErRiiER816MZbl.EABVCPmHHRpFREi5g",
                "café ₹500",
            ),
            ("$scrypt$ln=4,r=8,p=1$c2Vhc2FsdDE$6nvhD04BFXZUVdeeyXQy1BD6uMT/I7bx2rFrq0XGPLg", "café ₹500"),
            ("$bcrypt-sha256$2b,4$abcdefghijklmnopqrstuu$7GTvpPQ1vvv0Xv.jLp76RZhroLl1h3K", "café ₹500"),
            ("$bcrypt-sha256$v=2,t=2b,r=4$abcdefghijklmnopqrstuu$tVO8In0m/1GJdyRXZXWHaZwIBVcjphm", "café ₹500"),
            ("$2$04$abcdefghijklmnopqrstuuzmJPOewY//T4KhG6WaCENxSAykGxWmS", "café ₹500"),
            // Over 72 bytes, and in form D typed in form C.
            ("$2b$04$abcdefghijklmnopqrstuuIAle5L4ue5XyAG2HTzAX6K2n8ZK1yhi", long.as_str()),
            ("$2b$04$abcdefghijklmnopqrstuuZkVQhvqujUa7iBIRifVFd4ssPK.SwvC", "café crème brûlée"),
        ];
        let rows: String = given.iter().enumerate().map(|(i, (h, _))| format!("U{i},u{i},\"{h}\"\n")).collect();
        let file = p.write("u.csv", format!("name,username,password_hash\n{rows}"));
        p.run(&format!("user import {file} --key username")).ok();
        for (i, (hash, password)) in given.iter().enumerate() {
            p.run_with(&format!("user check-password u{i} --password-stdin"), "café ₹501").fails(1);
            let said = p.run_with(&format!("user check-password u{i} --password-stdin"), password);
            assert!(said.err.contains("from now on with argon2id"), "{hash}: {}", said.err);
            let again = p.run_with(&format!("user check-password u{i} --password-stdin"), password);
            assert!(again.code == 0 && !again.err.contains("from now on"), "{hash}: {}", again.err);
        }
        // Since then every byte of the long one counts.
        p.run_with("user check-password u6 --password-stdin", &long[..75]).fails(1);
    });
}

/// The same hashes with a name before them: Spring's and Dovecot's, and what is written for several hashers side by side.
#[test]
fn a_name_before_a_hash_is_read() {
    on_both_engines_with_acme(|p| {
        let bcrypt = "$2b$04$abcdefghijklmnopqrstuuIAle5L4ue5XyAG2HTzAX6K2n8ZK1yhi";
        let rows: String = ["{bcrypt}", "{BLF-CRYPT}", "bcrypt:"]
            .iter()
            .enumerate()
            .map(|(i, name)| format!("U{i},u{i},{name}{bcrypt}\n"))
            .collect();
        p.run_with("user import - --key username", format!("name,username,password_hash\n{rows}")).ok();
        for user in ["u0", "u1", "u2"] {
            p.run_with(&format!("user check-password {user} --password-stdin"), "long ".repeat(30)).ok();
        }
    });
}

#[test]
fn what_cant_be_verified_is_refused_by_name() {
    on_both_engines_with_acme(|p| {
        for (hash, sentence) in [
            ("$P$5kn5/0wqNXS/G7u.IYlNwjFLDcJnNW/", "password_hash must not be phpass"),
            ("$H$9zYcEBOTkC5iSf3T3EDWoZ5lj3C1fQ.", "password_hash must not be phpass"),
            (
                "$5$rounds=1000$ND1BA8a9f7jsxvRK$mTe1sIpnygPQzjJPLllwDxAimitNdASIWFJPCi361r6",
                "must not be SHA-256-crypt",
            ),
            ("$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", "must not be SHA-512-crypt"),
            ("$1$deadbeef$0Huu6KHrKLVWfqa4WljDE0", "must not be MD5-crypt"),
            ("$apr1$deadbeef$0Huu6KHrKLVWfqa4WljDE0", "must not be MD5-crypt"),
            ("ziT3KIiSNnYR.", "must not be DES-crypt"),
            ("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7", "must not be yescrypt"),
            ("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "must not be a SHA-1 digest"),
            ("md5a6343a68d964ca596d9752250d54bb8a", "must not be PostgreSQL's MD5"),
            ("_J9..rasmBYk8r9AiWNc", "must not be DES-crypt"),
            ("{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", "must not be SHA-512-crypt"),
            ("{noop}monsoon over the western ghats", "must not be plain text"),
            (
                "sha512:1000:NzY2wRVkhgpBD1Vn:aGFzaGFzaGFzaGFzaA==",
                "must not be a hash of that scheme: nothing here can",
            ),
            ("SCRAM-SHA-256$4096:c2FsdA==$abc:def", "must not be a hash of that scheme: nothing here can"),
            // Cut, and badly padded.
            ("{SSHA}smlgfvImMkicXbylE64QAS8cZF1zZWFzYWx0MQ", "must be a whole ldap {SSHA} hash"),
            ("{SSHA}smlgfvImMkicXbylE64QAS8cZF1zZWFzYWx0", "must be a whole ldap {SSHA} hash"),
            ("{SSHA}smlgfvImMkicXbylE64QAS8cZF0=", "must be a whole ldap {SSHA} hash"),
            ("{SSHA}smlgfvImMkicXbylE64QAS8cZF1zZWFzYWx0MQ=", "must be a whole ldap {SSHA} hash"),
            ("{PBKDF2}10000$IlfapjA351LuDSwYC0IQ8Q$saHqQTuYnjJN/tmAndT.8mJt", "must be a whole ldap {PBKDF2} hash"),
        ] {
            let file = p.write("u.csv", format!("name,email,password_hash\nA One,a@x.example,\"{hash}\"\n"));
            let said = p.run(&format!("user import {file}")).fails(6);
            assert!(said.contains(sentence), "{hash}: {said}");
        }
    });
}

#[test]
fn every_scheme_is_in_the_docs() {
    let docs = std::fs::read_to_string(root().join("docs/password-hashes.md")).expect("the page");
    for scheme in
        ["`$2$`", "`$bcrypt-sha256$`", "`$scrypt$`", "`{SSHA}`", "phpass", "yescrypt", "DES-crypt", "72 bytes"]
    {
        assert!(docs.contains(scheme), "{scheme}");
    }
}

/// ASP.NET Core Identity's version 3 names no scheme, but tells all of itself. Made with Python's hashlib.
#[test]
fn identity_hashes_of_aspnet_are_known_by_their_layout() {
    on_both_engines_with_acme(|p| {
        let password = "monsoon over the western ghats";
        let hashes = [
            "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+6dRS2YqwDdW8a95AuTJKeFjX+BC97Eu48x2sbesAHwA==",
            "AQAAAAAAACcQAAAAEAABAgMEBQYHCAkKCwwNDg9ecf3Kg8llMB0XtsuMOGYJWY/ZxbEPfLuX706XHav3lQ==",
            "AQAAAAIAAYagAAAAEAABAgMEBQYHCAkKCwwNDg/aumyysAJJZT6DgXdX27ZKSaMIUnYHo1nBf+oRvv/ynw==",
        ];
        for (i, hash) in hashes.iter().take(2).enumerate() {
            let rows = |column: &str| format!("name,username,{column}\nA{i} One,a{i},{hash}\n");
            let said = p.run_with("user import -", rows("password")).fails(6);
            assert!(said.contains("password_hash") && !said.contains("AQAAAA"), "{said}");
            p.run_with("user import -", rows("password_hash")).ok();
            let check = format!("user check-password a{i} --password-stdin");
            p.run_with(&check, hash).fails(1);
            p.run_with(&check, password).ok();
            // By now it is argon2id.
            p.run_with(&check, password).ok();
            p.run_with(&format!("user passwd a{i} --password-stdin"), hash).fails(6);
        }
        let few = "AQAAAAEAAAOEAAAAEAABAgMEBQYHCAkKCwwNDg/P3ZSNU8KiAsh3T1YNuySBoD7EQVZ4/T2cy9/4r+sNhA==";
        p.run_with("user import -", format!("name,username,password_hash\nB One,b,{few}\n")).fails(6);
        // In a column that is none of passwords it is not repeated.
        let said = p.run_with("user import -", format!("name,username,dob\nC One,c,{}\n", hashes[2])).fails(6);
        assert!(said.contains("dob must be a date like 1990-04-23, not '***'"), "{said}");
    });
}
