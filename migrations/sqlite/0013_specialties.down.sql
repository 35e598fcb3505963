DROP TABLE specialties_search;
DROP TABLE specialties;
