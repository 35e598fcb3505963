DROP TABLE specialties;
