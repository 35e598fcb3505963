DROP TABLE orgs_search;
DROP TABLE orgs;
