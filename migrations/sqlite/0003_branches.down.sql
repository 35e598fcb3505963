DROP TABLE branches_search;
DROP TABLE branches;
