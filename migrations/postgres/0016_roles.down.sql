DROP TABLE role_grants;
DROP TABLE role_inheritances;
DROP TABLE role_permissions;
DROP TABLE roles;
DROP TABLE permissions;
DROP TABLE features;
