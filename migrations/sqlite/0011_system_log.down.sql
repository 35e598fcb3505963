DROP TABLE system_log;
