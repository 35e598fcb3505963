-- Where people registered from, and with what.
ALTER TABLE users ADD COLUMN register_ip TEXT CHECK (length(register_ip) <= 45);
ALTER TABLE users ADD COLUMN register_device TEXT CHECK (length(register_device) <= 20000);
