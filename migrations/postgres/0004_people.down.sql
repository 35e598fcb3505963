DROP TABLE code_counters;
DROP TABLE user_branches;
ALTER TABLE branches DROP COLUMN manager_id;
ALTER TABLE departments DROP COLUMN manager_id;
DROP TABLE users;
DROP TABLE departments;
