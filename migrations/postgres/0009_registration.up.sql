-- Where people registered from, and with what.
ALTER TABLE users ADD COLUMN register_ip inet CHECK (masklen(register_ip) = CASE family(register_ip) WHEN 4 THEN 32 ELSE 128 END);
ALTER TABLE users ADD COLUMN register_device text COLLATE "C" CHECK (length(register_device) <= 20000);
