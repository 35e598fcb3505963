DROP TABLE audit_erased;
DROP TABLE audit_records;
DROP TABLE audit_requests;
DROP TABLE audit_heads;
DROP TABLE actors;
