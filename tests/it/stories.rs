//! One story per resource.

use crate::harness::both_with_acme;

#[test]
fn a_branch_lives_and_is_remembered() {
    both_with_acme(|p| {
        assert_eq!(
            p.transcript("branch create --code mum01 --name '  Mumbai   Fort ' --phone '022 2345 6701'"),
            "\
$ orgctl branch create --code mum01 --name '  Mumbai   Fort ' --phone '022 2345 6701'
note: code 'mum01' is kept as 'MUM01'
created branch MUM01 in ACME
"
        );
        assert_eq!(
            p.transcript("branch show MUM01 --columns code,name,phone,status,version"),
            "\
$ orgctl branch show MUM01 --columns code,name,phone,status,version
code\tname\tphone\tstatus\tversion
MUM01\tMumbai Fort\t+912223456701\tactive\t1
"
        );
        assert_eq!(
            p.transcript("branch create --code MUM01 --name Again"),
            "\
$ orgctl branch create --code MUM01 --name Again
error: branch MUM01 exists already in ACME
hint: change it with 'orgctl branch update MUM01', or choose another code
[exit 4]
"
        );
        assert_eq!(
            p.transcript("branch show MUM02"),
            "\
$ orgctl branch show MUM02
error: branch MUM02 does not exist
hint: did you mean MUM01? 'orgctl branch list' shows all
[exit 3]
"
        );
    });
}
