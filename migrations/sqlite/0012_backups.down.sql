DROP INDEX audit_records_restored;
DROP TABLE audit_lineages;
DROP TABLE backups;
