DROP INDEX audit_records_gone;
DROP TABLE audit_checkpoints;
DROP FUNCTION refuse_checkpoint_out_of_order();
