DROP TABLE orgs;
DROP FUNCTION refuse_org_without_trail();
