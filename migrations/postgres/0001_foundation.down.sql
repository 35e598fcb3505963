DROP TABLE audit_records;
DROP TABLE audit_requests;
DROP TABLE audit_heads;
DROP TABLE actors;
DROP FUNCTION refuse_change();
