# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_orgctl_global_optspecs
    string join \n database= org= o/output= columns= y/yes no-input q/quiet v/verbose color= wait= request-id= dry-run h/help V/version
end

function __fish_orgctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_orgctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_orgctl_using_subcommand
    set -l cmd (__fish_orgctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c orgctl -n "__fish_orgctl_needs_command" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_needs_command" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_needs_command" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_needs_command" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_needs_command" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_needs_command" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_needs_command" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_needs_command" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_needs_command" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_needs_command" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_needs_command" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_needs_command" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_needs_command" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_needs_command" -s V -l version -d 'Print version'
complete -c orgctl -n "__fish_orgctl_needs_command" -f -a "demo" -d 'Make a demo database in this folder and show what orgctl does'
complete -c orgctl -n "__fish_orgctl_needs_command" -f -a "init" -d 'Make a database, and its first organisation'
complete -c orgctl -n "__fish_orgctl_needs_command" -f -a "org" -d 'Manage organisations'
complete -c orgctl -n "__fish_orgctl_needs_command" -f -a "branch" -d 'Manage branches, the places of an organisation'
complete -c orgctl -n "__fish_orgctl_needs_command" -f -a "audit" -d 'Look into the audit trail and prove it'
complete -c orgctl -n "__fish_orgctl_needs_command" -f -a "db" -d 'Manage the database itself'
complete -c orgctl -n "__fish_orgctl_needs_command" -f -a "config" -d 'Show the settings and where they come from'
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand demo" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -l org-code -d 'Code of the first organisation' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -l org-name -d 'Name of the first organisation' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand init" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "create" -d 'Create an organisation'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "list" -d 'List organisations'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "find" -d 'Find organisations by words of their names, codes, phones and e-mails'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "show" -d 'Show an organisation with all fields'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "update" -d 'Change fields of organisations'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "delete" -d 'Delete organisations; they can be restored'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "restore" -d 'Bring back deleted organisations'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "purge" -d 'Remove deleted organisations for good'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "activate" -d 'Put organisations into use'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "deactivate" -d 'Take organisations out of use'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "exists" -d 'Tell by the exit code whether an organisation exists'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "import" -d 'Load organisations from a CSV file, all rows or none'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "export" -d 'Write organisations as CSV, for `import` to read back'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "history" -d 'Show everything that was done to an organisation'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history stats" -f -a "stats" -d 'Count what organisations hold'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l code -d 'Short code, unique in the installation (required)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l name -d 'Name (required)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l type -d 'Legal form: corporation, nonprofit, government, startup, retail (default: corporation)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l industry -d 'Line of business: general, manufacturing, it, finance, healthcare, retail, e_commerce, education (default: general)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l address -d 'Postal address, on one line' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l contact-email -d 'E-mail address for questions about the organisation' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l contact-phone -d 'Phone number for questions about the organisation' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l website -d 'Web site' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l max-users -d 'Most users it may have (invited, active and blocked ones); none = unlimited' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l asset-limit -d 'Most assets it may have, for the applications that keep them; none = unlimited' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l filter -d 'Only rows for which all hold: \'status=active name~raj created>2026-01-01\'' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l search -d 'Only rows that have words beginning so, in the fields that search knows' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l sort -d 'Fields to sort by; -FIELD for descending' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l limit -d 'Most rows to show' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l page -d 'Show the page that the last one named' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l deleted -d 'Only deleted ones'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l with-deleted -d 'Deleted ones too'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l all -d 'Show all rows'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -l limit -d 'Most rows to show (default: 20)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from find" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -l with-deleted -d 'Look among deleted ones too'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l if-version -d 'Only if the record still has this version' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l code -d 'Short code, unique in the installation' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l name -d 'Name' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l type -d 'Legal form: corporation, nonprofit, government, startup, retail (default: corporation)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l industry -d 'Line of business: general, manufacturing, it, finance, healthcare, retail, e_commerce, education (default: general)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l address -d 'Postal address, on one line; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l contact-email -d 'E-mail address for questions about the organisation; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l contact-phone -d 'Phone number for questions about the organisation; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l website -d 'Web site; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l max-users -d 'Most users it may have (invited, active and blocked ones); none = unlimited; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l asset-limit -d 'Most assets it may have, for the applications that keep them; none = unlimited; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -l cascade -d 'Delete what depends on them too'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -l deleted-before -d 'All that were deleted before this time' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from purge" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from activate" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from deactivate" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from exists" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l map -d 'Which field a column fills; \'Boss=parent.name\' looks a reference up by another field (can be repeated)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l set -d 'Value that every row gets (can be repeated)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l key-field -l key -d 'Field that tells whether a record is there already' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l on-conflict -d 'What to do with a record that is there: error, skip or update' -r -f -a "error\t''
skip\t''
update\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l rejects -d 'Write rejected rows and their reasons to this file' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l ignore-unknown -d 'Pass over columns that fill no field'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l keep-going -d 'Load the rows that are valid'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l filter -d 'Only rows for which all hold: \'status=active name~raj created>2026-01-01\'' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l search -d 'Only rows that have words beginning so, in the fields that search knows' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l sort -d 'Fields to sort by; -FIELD for descending' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l deleted -d 'Only deleted ones'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l with-deleted -d 'Deleted ones too'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -l limit -d 'Only the last N records' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand org; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "create" -d 'Create a branch'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "list" -d 'List branches'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "find" -d 'Find branches by words of their names, codes, phones and e-mails'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "show" -d 'Show a branch with all fields'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "update" -d 'Change fields of branches'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "delete" -d 'Delete branches; they can be restored'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "restore" -d 'Bring back deleted branches'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "purge" -d 'Remove deleted branches for good'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "activate" -d 'Put branches into use'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "deactivate" -d 'Take branches out of use'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "exists" -d 'Tell by the exit code whether a branch exists'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "import" -d 'Load branches from a CSV file, all rows or none'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "export" -d 'Write branches as CSV, for `import` to read back'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "history" -d 'Show everything that was done to a branch'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "tree" -d 'Show the tree of branches'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "move" -d 'Move branches, with all that is below them'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and not __fish_seen_subcommand_from create list find show update delete restore purge activate deactivate exists import export history tree move stats" -f -a "stats" -d 'Count branches by state and place'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l code -d 'Short code, unique in the organisation (required)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l name -d 'Name (required)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l address-line1 -d 'Street address' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l address-line2 -d 'Street address, second line' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l address-line3 -d 'Street address, third line' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l city -d 'City or town' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l state -d 'State or province' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l country -d 'Country; India where none is given, as far as the postal code is concerned' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l pincode -d 'Postal code' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l phone -d 'Phone number' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l email -d 'E-mail address' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l manager-name -d 'Name of the manager, where the manager has no account' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l parent -d 'Branch that this one belongs to' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l filter -d 'Only rows for which all hold: \'status=active name~raj created>2026-01-01\'' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l search -d 'Only rows that have words beginning so, in the fields that search knows' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l sort -d 'Fields to sort by; -FIELD for descending' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l limit -d 'Most rows to show' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l page -d 'Show the page that the last one named' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l deleted -d 'Only deleted ones'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l with-deleted -d 'Deleted ones too'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l all -d 'Show all rows'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -l limit -d 'Most rows to show (default: 20)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from find" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -l with-deleted -d 'Look among deleted ones too'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l if-version -d 'Only if the record still has this version' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l code -d 'Short code, unique in the organisation' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l name -d 'Name' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l address-line1 -d 'Street address; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l address-line2 -d 'Street address, second line; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l address-line3 -d 'Street address, third line; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l city -d 'City or town; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l state -d 'State or province; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l country -d 'Country; India where none is given, as far as the postal code is concerned; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l pincode -d 'Postal code; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l phone -d 'Phone number; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l email -d 'E-mail address; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l manager-name -d 'Name of the manager, where the manager has no account; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l parent -d 'Branch that this one belongs to; \'\' clears it' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l reassign-to -d 'Let what depends on them depend on this one' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l cascade -d 'Delete what depends on them too'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l orphan -d 'Let what depends on them depend on nothing; restore does not undo this'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -l deleted-before -d 'All that were deleted before this time' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from purge" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from activate" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from deactivate" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from exists" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l map -d 'Which field a column fills; \'Boss=parent.name\' looks a reference up by another field (can be repeated)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l set -d 'Value that every row gets (can be repeated)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l key-field -l key -d 'Field that tells whether a record is there already' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l on-conflict -d 'What to do with a record that is there: error, skip or update' -r -f -a "error\t''
skip\t''
update\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l rejects -d 'Write rejected rows and their reasons to this file' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l ignore-unknown -d 'Pass over columns that fill no field'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l keep-going -d 'Load the rows that are valid'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l filter -d 'Only rows for which all hold: \'status=active name~raj created>2026-01-01\'' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l search -d 'Only rows that have words beginning so, in the fields that search knows' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l sort -d 'Fields to sort by; -FIELD for descending' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l deleted -d 'Only deleted ones'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l with-deleted -d 'Deleted ones too'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -l limit -d 'Only the last N records' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -l depth -d 'Levels to show' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from tree" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l to -d 'Branch to move them below' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l if-version -d 'Only if the record still has this version' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l root -d 'Make them stand by themselves'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from move" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand branch; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -f -a "list" -d 'List audit records, newest first'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -f -a "show" -d 'Show one audit record'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and not __fish_seen_subcommand_from list show verify" -f -a "verify" -d 'Recompute the audit trail and compare'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l since -d 'Only from this time on: 7d, 2026-11-01' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l until -d 'Only up to this time' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l action -d 'Only this action: create, update, delete ...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l resource -d 'Only this kind of record: org, branch ...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l actor -d 'Only what this actor did' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l source -d 'Only from here: cli, cron, ci ...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l status -d 'Only with this outcome: success, failed, denied, interrupted' -r -f -a "success\t''
failed\t''
denied\t''
interrupted\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l request -d 'Only what this command did' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l before -d 'Only records before this number; needs --org' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l limit -d 'Most records to show (default: 50)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l all -d 'Show all records'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -f -a "migrate" -d 'Bring the schema up to date'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -f -a "rollback" -d 'Take back migrations'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -f -a "status" -d 'Show the schema\'s version and migrations'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -f -a "check" -d 'Check that everything holds that must'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -f -a "grants" -d 'Print the GRANTs for a role that can\'t change the audit trail'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and not __fish_seen_subcommand_from migrate rollback status check grants reset" -f -a "reset" -d 'Drop everything in the database'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -l to -d 'Version to go to (default: the newest)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -l to -d 'Version to go back to (default: one step)' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from rollback" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -l role -d 'Role of the server that gets them' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from grants" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -l name -d 'Name of the database that is to be dropped' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand db; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -f -a "show" -d 'Show every setting and where its value comes from'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and not __fish_seen_subcommand_from show path" -f -a "path" -d 'Show where the configuration file is looked for'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -l database -d 'Database: sqlite://FILE or postgres://...' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -l org -d 'Organisation to work in' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -s o -l output -d 'Output format: table, json, ndjson, csv, tsv, yaml or key' -r -f -a "table\t''
json\t''
ndjson\t''
csv\t''
tsv\t''
yaml\t''
key\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -l columns -d 'Columns to show, in this order' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -l color -d 'Colours: auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -l wait -d 'How long to wait for a lock' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -l request-id -d 'Id of this command in the audit trail' -r
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -s y -l yes -d 'Answer yes to every question'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -l no-input -d 'Ask nothing; a missing value is an error'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Say nothing but data and errors'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -s v -l verbose -d 'Say more'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -l dry-run -d 'Do everything, then undo it and say what would be done'
complete -c orgctl -n "__fish_orgctl_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
