DROP TABLE consultant_specialties;
