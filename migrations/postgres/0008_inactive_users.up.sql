-- Those who have left, in the order of lists: few at first, most of all after years.
CREATE INDEX users_inactive ON users (org_id, user_code) WHERE NOT is_active AND deleted_at IS NULL;
