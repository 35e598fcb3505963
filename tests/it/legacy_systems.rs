//! Five earlier systems: what each hands out of its organisations, branches, departments and people is loaded as it is, in
//! its own words. People come first where branches name them: `--create-missing` makes what they refer to, and the files of
//! branches and departments then say the rest.

use serde_json::{Value as Json, json};

use orgctl::cli::program::Program;

use crate::harness::{TestEnv, on_both_engines_with};

/// Loads a file that has words for what is kept elsewhere, or not at all.
fn load(p: &TestEnv, line: &str, file: impl AsRef<[u8]>, passed_over: &str) {
    let said = p.run_with(line, file);
    assert_eq!(said.code, 0, "{line}: {}", said.err);
    let note = format!("note: passed over, for nothing is filled by them: {passed_over}\n");
    assert_eq!(said.err.contains(&note), !passed_over.is_empty(), "{line}: {}", said.err);
    assert!(said.err.contains(", rejected 0 ("), "{line}: {}", said.err);
}

fn told(p: &TestEnv, line: &str, names: &[&str]) -> Json {
    let record = p.json(line);
    names.iter().map(|name| record[*name].clone()).collect()
}

fn on_both(story: impl Fn(&TestEnv)) {
    on_both_engines_with(Program::SHIPPED, &["init"], |p| {
        story(p);
        p.run("db check").ok();
        p.run("audit verify").ok();
    });
}

/// CSV with numbers for yes and no; branches name the people who lead them.
#[test]
fn of_an_asset_management_erp() {
    on_both(|p| {
        let orgs = "code,name,type,industry,address,contact_email,contact_phone,maxUsers,assetLimit,is_active,created_at\n\
                    AERP,Asset Works,corporation,manufacturing,\"1 Ring Road, Pune\",it@aerp.example,+912025501234,100,1000,1,2024-01-05 10:00:00\n";
        let branches = "branch_code,branch_name,address,city,state,pincode,phone,manager_name,manager_user_code,is_active\n\
                        PUN01,Pune Works,1 Ring Road,Pune,Maharashtra,411001,+912025501234,,RAVJ33,1\n\
                        PUN02,Pune Store,2 Ring Road,Pune,Maharashtra,411002,,Old Hand,,1\n";
        let departments = "code,name,description,branch_code,manager_user_code,costCenter,budget\n\
                           D-FIN,Finance,,PUN01,ASHA22,CC-1,1250000.50\nD-STO,Stores,Spare parts,PUN02,,CC-2,\n";
        let users = "userId,username,email,phone,first_name,last_name,role,branchId,departmentId,department,designation,\
                     reportingTo,isBlocked,user_block_reason,profilePicture,is_active,created_at\n\
                     ASHA22,asha,asha@aerp.example,+919812345678,Asha,Rao,admin,PUN01;PUN02,D-FIN,Finance,Head,,0,,/media/a.png,1,2024-01-05 10:00:00\n\
                     RAVJ33,ravi,ravi@aerp.example,+919812345679,Ravi,Jha,user,PUN02,D-STO,Stores,Clerk,ASHA22,0,,,1,2024-01-06 10:00:00\n\
                     UMAA44,uma,uma@aerp.example,,Uma,Sen,user,PUN02,D-STO,Stores,Clerk,RAVJ33,1,Lost her badge,,1,2024-01-07 10:00:00\n";
        load(p, "org import -", orgs, "created_at");
        load(p, "user import - --org AERP --create-missing", users, "profilePicture, created_at");
        load(p, "branch import - --org AERP --on-conflict update", branches, "");
        load(p, "dept import - --org AERP --on-conflict update", departments, "");
        let names = ["address", "contact_phone", "max_users", "asset_limit", "is_active"];
        assert_eq!(told(p, "org show AERP", &names), json!(["1 Ring Road, Pune", "+912025501234", 100, 1000, true]));
        let names = ["name", "address_line1", "manager", "pincode"];
        assert_eq!(
            told(p, "branch show PUN01 --org AERP", &names),
            json!(["Pune Works", "1 Ring Road", "RAVJ33", "411001"])
        );
        let names = ["name", "branch", "manager", "cost_center", "budget"];
        assert_eq!(
            told(p, "dept show D-FIN --org AERP", &names),
            json!(["Finance", "PUN01", "ASHA22", "CC-1", "1250000.50"])
        );
        let names = ["name", "mobile", "branches", "department", "designation"];
        let asha = json!(["Asha Rao", "+919812345678", ["PUN01", "PUN02"], "D-FIN", "Head"]);
        assert_eq!(told(p, "user show ASHA22 --org AERP", &names), asha);
        assert_eq!(told(p, "user show ASHA22 --org AERP", &["roles"]), json!([["ADMIN"]]));
        assert_eq!(told(p, "user show RAVJ33 --org AERP", &["roles"]), json!([["USER"]]));
        let names = ["reports_to", "status", "block_reason"];
        assert_eq!(told(p, "user show UMAA44 --org AERP", &names), json!(["RAVJ33", "blocked", "Lost her badge"]));
    });
}

/// Documents of MongoDB line by line, with its ids and extended JSON.
#[test]
fn of_a_consultancy_platform() {
    on_both(|p| {
        let orgs = r#"{"_id":{"$oid":"65a1b2c3d4e5f60718293a40"},"code":"CONS","name":"Consult Co","type":"startup","industry":"finance","address":"2 MG Road, Bengaluru","features":["reports"],"maxUsers":{"$numberInt":"50"},"isActive":true,"createdAt":{"$date":"2024-02-01T09:00:00.000Z"},"__v":0}
"#;
        let branches = r#"{"_id":{"$oid":"65a1b2c3d4e5f60718293a41"},"branch_code":"BLR01","branch_name":"MG Road","address":"2 MG Road","city":"Bengaluru","pincode":560001,"isActive":true,"__v":0}
{"_id":{"$oid":"65a1b2c3d4e5f60718293a42"},"branch_code":"BLR02","branch_name":"Indiranagar","referred_by":"BLR01","isActive":true,"__v":1}
"#;
        let departments = r#"{"_id":{"$oid":"65a1b2c3d4e5f60718293a43"},"name":"Advisory","branch_code":"BLR01","__v":0}
"#;
        let users = r#"{"_id":{"$oid":"65a1b2c3d4e5f60718293a4b"},"userId":"MEER22","name":"Meera Iyer","email":"meera@cons.example","phone":"+919845012345","role":"consultant","branchId":["BLR01","BLR02"],"department":"Advisory","date_of_birth":{"$date":"1990-05-01T00:00:00.000Z"},"expertiseFields":["economic"],"isBlocked":false,"profilePicture":null,"createdAt":{"$date":{"$numberLong":"1706778000000"}},"__v":0}
{"_id":{"$oid":"65a1b2c3d4e5f60718293a4c"},"userId":"DEVN33","name":"Dev Nair","email":"dev@cons.example","role":"client","branchId":["BLR02"],"reportingTo":{"$oid":"65a1b2c3d4e5f60718293a4b"},"isBlocked":true,"__v":0}
"#;
        load(p, "org import -", orgs, "_id, features, createdAt, __v");
        load(p, "branch import - --org CONS", branches, "_id, __v");
        load(p, "dept import - --org CONS", departments, "_id, __v");
        load(p, "user import - --org CONS --create-missing", users, "expertiseFields, profilePicture, createdAt, __v");
        let names = ["name", "type", "industry", "max_users"];
        assert_eq!(told(p, "org show CONS", &names), json!(["Consult Co", "startup", "finance", 50]));
        assert_eq!(told(p, "branch show BLR02 --org CONS", &["name", "parent"]), json!(["Indiranagar", "BLR01"]));
        let names = ["user_code", "name", "mobile", "branches", "department", "dob"];
        let meera = json!(["MEER22", "Meera Iyer", "+919845012345", ["BLR01", "BLR02"], "DEPT-001", "1990-05-01"]);
        assert_eq!(told(p, "user show 65a1b2c3d4e5f60718293a4b --org CONS", &names), meera);
        let dev = told(p, "user show DEVN33 --org CONS", &["reports_to", "status", "roles"]);
        assert_eq!(dev, json!(["MEER22", "blocked", ["CLIENT"]]));
        // A role of these names is made of its template.
        let given = p.run("role-permission list --org CONS --filter role=CLIENT --columns resource,action -o csv");
        let given = given.ok().clone();
        for permission in ["users,read", "users,update_profile", "reports,read", "tickets,create", "tickets,read"] {
            assert!(given.contains(permission), "{given}");
        }
        assert_eq!(given.lines().count(), 6, "{given}");
        // The same once more changes nothing.
        let again = p.run_with("user import - --org CONS --on-conflict update -o json", users);
        assert_eq!(again.json()["unchanged"], 2, "{}", again.err);
    });
}

/// An array, as databases write it; schools are branches, and flags of KYC follow from records that are not in the file.
#[test]
fn of_a_payments_erp() {
    on_both(|p| {
        let orgs = r#"[{"org_code":"PAYE","org_name":"Pay ERP","org_type":"retail","contact_email":"it@paye.example","updated_at":"2024-03-01"}]"#;
        let schools = r#"[{"school_code":"S1","school_name":"North","email":"n@paye.example","status":"active"},
            {"school_code":"S2","school_name":"South","referred_by":"S1","status":"inactive"}]"#;
        let departments = r#"[{"department_code":"ACC","department_name":"Accounts"}]"#;
        let users = r#"[{"id":7,"user_code":"PAYA22","full_name":"Kiran Das","email":"kiran@paye.example","mobile":"+919830012345",
            "user_role":"admin","branch_code":"S1","department_id":"ACC","is_mobile_verified":1,"is_email_verified":0,
            "register_device_ip":"203.0.113.9","register_device_info":{"os":"Android","sdk":34},"user_blocked":0,
            "is_kyc_complete":1,"is_aadhaar_verified":1,"is_pan_verified":1,"is_bank_verified":0,"kyc_verification_step":3}]"#;
        load(p, "org import -", orgs, "updated_at");
        load(p, "branch import - --org PAYE", schools, "");
        load(p, "dept import - --org PAYE", departments, "");
        let kyc = "id, is_kyc_complete, is_aadhaar_verified, is_pan_verified, is_bank_verified, kyc_verification_step";
        load(p, "user import - --org PAYE", users, kyc);
        assert_eq!(told(p, "org show PAYE", &["name", "type"]), json!(["Pay ERP", "retail"]));
        assert_eq!(
            told(p, "branch show S2 --org PAYE", &["name", "parent", "status"]),
            json!(["South", "S1", "inactive"])
        );
        let names =
            ["name", "branch", "department", "mobile_verified", "email_verified", "register_ip", "register_device"];
        let kiran = json!(["Kiran Das", "S1", "ACC", true, false, "203.0.113.9", {"os": "Android", "sdk": 34}]);
        assert_eq!(told(p, "user show PAYA22 --org PAYE", &names), kiran);
        assert_eq!(told(p, "user show PAYA22 --org PAYE", &["roles"]), json!([["ADMIN"]]));
    });
}

/// UTF-16 with tabs, as a spreadsheet program saves it, and hashes for passwords.
#[test]
fn of_an_application_platform() {
    let wide =
        |text: &str| std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    const HASH: &str = "pbkdf2_sha256$1000$c2FsdHNhbHQ$V4Ykqt3Yr1pJ0Yh7Qp9yM8n0XkqUuJ3g3m0q1l2a3bA=";
    on_both(|p| {
        load(p, "org import -", wide("Code\tName\tMax Users\r\nAPPL\tApp Platform\t\r\n"), "");
        load(
            p,
            "branch import - --org APPL",
            wide("Branch Code\tBranch Name\tCity\r\nHQ\tHeadquarters\tNew Delhi\r\n"),
            "",
        );
        load(p, "dept import - --org APPL", wide("Department Name\tDescription\r\nPlattform é\tRuns it\r\n"), "");
        let users = format!(
            "id\tpassword\tlast_login\tis_superuser\tusername\tfirst_name\tlast_name\temail\tis_staff\tis_active\tdate_joined\tdepartment\tbranch_code\tavatar_url\ttimezone\tlanguage\r\n\
             1\t{HASH}\t2024-05-01T10:00:00Z\tTrue\troot\tAnil\tBose\tanil@appl.example\tTrue\tTrue\t2023-01-01T00:00:00Z\tPlattform é\tHQ\thttps://a.example/1.png\tAsia/Kolkata\ten\r\n"
        );
        let passed = "id, last_login, is_staff, date_joined, avatar_url";
        load(p, "user import - --org APPL --map password=password_hash --set can_login=yes", wide(&users), passed);
        let names = ["name", "email", "department", "branch", "timezone", "language", "can_login", "is_active"];
        let anil = json!(["Anil Bose", "anil@appl.example", "DEPT-001", "HQ", "Asia/Kolkata", "en", true, true]);
        assert_eq!(told(p, "user show root --org APPL", &names), anil);
        assert_eq!(told(p, "user show root --org APPL", &["roles"]), json!([["SUPER_ADMIN"]]));
    });
}

/// Semicolons between cells in an old encoding, and JSON with objects inside.
#[test]
fn of_a_small_crm() {
    on_both(|p| {
        load(p, "org import -", "code;name;email;phone\r\nSCRM;Small CRM;hi@scrm.example;+912240012345\r\n", "");
        let branches = "code;name;city;country\r\nPAR;Café de Paris;Besançon;France\r\n";
        let (bytes, _, has_lost) = encoding_rs::WINDOWS_1252.encode(branches);
        assert!(!has_lost);
        load(p, "branch import - --org SCRM --encoding windows-1252", bytes, "");
        load(p, "dept import - --org SCRM", "name;manager\r\nSales;\r\n", "");
        let users = r#"[{"id":"c-1","employee_id":"E-7","full_name":"Rao, Asha Devi","email":"asha@scrm.example","phone":"+919820012345",
            "role":"sales","avatar_url":null,"branch_code":"PAR","dept":"Sales","address":"4 Rue Pasteur","job_title":"Agent"},
            {"id":"c-2","employee_id":"E-8","full_name":"Jean Petit","email":"jean@scrm.example","role":"support","supervisor":"E-7",
            "permissions":["lead:read","lead:write"],"branch_code":null,"dept":"Sales","address":null,"job_title":null}]"#;
        load(p, "user import - --org SCRM --create-missing", users, "id, avatar_url");
        assert_eq!(
            told(p, "org show SCRM", &["contact_email", "contact_phone"]),
            json!(["hi@scrm.example", "+912240012345"])
        );
        assert_eq!(told(p, "branch show PAR --org SCRM", &["name", "city"]), json!(["Café de Paris", "Besançon"]));
        let names = ["first_name", "middle_name", "last_name", "address_line1", "designation", "branch", "department"];
        let asha = json!(["Asha", "Devi", "Rao", "4 Rue Pasteur", "Agent", "PAR", "DEPT-001"]);
        assert_eq!(told(p, "user show E-7 --org SCRM", &names), asha);
        let asha = told(p, "user show E-7 --org SCRM", &["user_code"]);
        assert_eq!(told(p, "user show E-8 --org SCRM", &["reports_to"]), asha);
        assert_eq!(told(p, "user show E-8 --org SCRM", &["roles"]), json!([["SUPPORT", "LEGACY_1"]]));
        let given = p.run("role permissions LEGACY_1 --org SCRM --columns permission -o csv");
        assert_eq!(given.ok(), "permission\nlead:read\nlead:write\n");
    });
}

/// Columns of several earlier systems that say what role somebody has.
#[test]
fn of_roles_in_any_words() {
    on_both(|p| {
        p.run("org create --code ROLE --name Roles").ok();
        let people = r#"{"userId":"ADMN22","name":"Ad Min","role":"admin","roleId":{"$oid":"65a1b2c3d4e5f60718293a4c"},"roles":["user"]}
{"userId":"CONS22","name":"Con Sultant","role":"consultant"}
{"userId":"SALE22","name":"Sal Es","role":"ROLE_sales","is_superuser":true}
{"userId":"NOBO22","name":"No Body","role":null,"is_superuser":false}
"#;
        let refused = p.run_with("user import - --org ROLE", people);
        assert_eq!(refused.code, 6, "{}", refused.err);
        assert!(refused.err.contains("rejected line 2, roles: role CONSULTANT does not exist\n"), "{}", refused.err);
        assert!(
            refused.err.contains("hint: --create-missing makes departments, branches and roles"),
            "{}",
            refused.err
        );
        let said = p.run_with("user import - --org ROLE --create-missing", people);
        assert_eq!(said.code, 0, "{}", said.err);
        let note = "note: 'role' is read before 'roleId', which counts where the former is empty\n";
        assert!(said.err.contains(note), "{}", said.err);
        let roles = |code: &str| told(p, &format!("user show {code} --org ROLE"), &["roles"])[0].clone();
        assert_eq!(roles("ADMN22"), json!(["ADMIN", "USER"]));
        assert_eq!(roles("SALE22"), json!(["SALES", "SUPER_ADMIN"]));
        assert_eq!(roles("NOBO22"), json!([]));
        // The word of the person's one role is the one to act by.
        let first = "role-grant list --org ROLE --filter is_primary=yes --columns key -o csv --sort user";
        assert_eq!(p.run(first).ok(), "key\nADMIN:ADMN22\nCONSULTANT:CONS22\nSALES:SALE22\n");
        // An id counts in the rows that have no word.
        let ids = "user_code,name,roleId,role\nIDEN22,Id En,sales,\nWORD22,Wo Rd,sales,user\nNONE22,No Ne,,\n";
        p.run_with("user import - --org ROLE", ids).ok();
        for (code, has) in [("IDEN22", json!(["SALES"])), ("WORD22", json!(["USER"])), ("NONE22", json!([]))] {
            assert_eq!(roles(code), has, "{code}");
        }
        let objects = r#"{"userId":"WITH22","name":"Wi Th","role":"user"}
{"userId":"ONLY22","name":"On Ly","roleId":"sales"}
"#;
        p.run_with("user import - --org ROLE", objects).ok();
        assert_eq!((roles("WITH22"), roles("ONLY22")), (json!(["USER"]), json!(["SALES"])));
        // A yes adds a role; a no takes none away.
        let flags = "user_code,is_superuser\nADMN22,1\nSALE22,0\nNOBO22,\n";
        let again = "user import - --org ROLE --on-conflict update";
        let said = p.run_with(again, flags);
        assert!(said.err.contains("updated 1, unchanged 2,"), "{}", said.err);
        assert_eq!(roles("ADMN22"), json!(["ADMIN", "SUPER_ADMIN", "USER"]));
        assert_eq!(roles("SALE22"), json!(["SALES", "SUPER_ADMIN"]));
        assert_eq!(p.run_with(&format!("{again} -o json"), flags).json()["unchanged"], 3);
        // A word is all that somebody may do from then on.
        p.run_with(again, "user_code,role\nADMN22,user\n").ok();
        assert_eq!(roles("ADMN22"), json!(["USER"]));
        for (file, why) in [
            ("user_code,is_superuser\nADMN22,maybe\n", "is_superuser must be yes or no, not 'maybe'"),
            ("user_code,roleId\nADMN22,3\n", "role 3 does not exist"),
        ] {
            let refused = p.run_with(again, file);
            assert!(refused.code == 6 && refused.err.contains(why), "{}", refused.err);
        }
        assert_eq!(roles("ADMN22"), json!(["USER"]));
    });
}
