DROP INDEX audit_records_restored;
DROP TABLE audit_lineages;
DROP FUNCTION refuse_lineage_out_of_order();
DROP TABLE backups;
