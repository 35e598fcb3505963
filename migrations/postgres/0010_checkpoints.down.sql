DROP INDEX audit_records_gone;
DROP TABLE audit_checkpoints;
