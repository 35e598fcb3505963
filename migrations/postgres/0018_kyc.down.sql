ALTER TABLE users DROP COLUMN relationship_ended_at;
DROP TABLE kyc_owners;
DROP TABLE kyc;
DROP TABLE consents;
