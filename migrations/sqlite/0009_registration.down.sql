ALTER TABLE users DROP COLUMN register_device;
ALTER TABLE users DROP COLUMN register_ip;
